"""Carry the SDK's calls over one shared aiohttp session: httpx, its default, costs nine times as much a call.

Needs the SDK: imported with it, when the adapter connects.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import aiohttp
import orjson
from telegram.error import TelegramError
from telegram.request import BaseRequest, RequestData
from yarl import URL

from quarterdeck.runtime.network.http import CONNECT_TIMEOUT_S, failure_of
from quarterdeck_adapters.telegram.errors import SERVICE, Lost, answer_failure, is_post

CALL_TIMEOUT_S: Final = 20.0
UPLOAD_TIMEOUT_S: Final = 180.0
JSON: Final = {"Content-Type": "application/json"}


@cache
def _timeout(total_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, sock_connect=CONNECT_TIMEOUT_S)


class SharedRequest(BaseRequest):
    """Send through `session`, which somebody else closes."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._urls: dict[str, URL] = {}  # one for each method that we call

    @property
    def read_timeout(self) -> float | None:
        """Return how long an answer may take where the call does not say."""
        return CALL_TIMEOUT_S

    async def initialize(self) -> None:
        """Do nothing: the session is open."""

    async def shutdown(self) -> None:
        """Do nothing: whoever opened the session closes it."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Return status and body of the answer.

        Raises:
            Lost: the wire failed, or Telegram did in a way that its body says more about than the SDK keeps.
        """
        known = self._urls.get(url)
        if known is None:
            known = self._urls[url] = URL(url, encoded=True)
        has_files = request_data is not None and request_data.contains_files
        limit_s = UPLOAD_TIMEOUT_S if has_files else CALL_TIMEOUT_S
        if isinstance(read_timeout, int | float):
            limit_s = float(read_timeout)
        name = url.rpartition("/")[2]
        try:
            async with self._session.request(
                method,
                known,
                data=_body(request_data),
                headers=None if has_files else JSON,
                timeout=_timeout(limit_s),
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
                status, headers = answer.status, answer.headers
        except (aiohttp.ClientError, TimeoutError) as error:
            verb = "POST" if is_post(name) else "GET"
            is_sent = not isinstance(error, aiohttp.ConnectionTimeoutError)
            raise Lost(failure_of(error, service=SERVICE, method=verb, is_sent=is_sent)) from None
        if status == 429 or status >= 500 or status == 413:
            failure = answer_failure(status, headers, _read(body), method=name)
            if failure is not None:
                raise Lost(failure)
        return status, body

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Return the answer as a mapping.

        Raises:
            TelegramError: it is none.
        """
        try:
            answer = orjson.loads(payload)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise TelegramError("the answer is no JSON object")
        return answer


def _body(request_data: RequestData | None) -> bytes | aiohttp.FormData:
    if request_data is None:
        return b"{}"
    if not request_data.contains_files:
        return orjson.dumps(request_data.parameters)
    form = aiohttp.FormData(quote_fields=False)
    for name, value in request_data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, media_type) in request_data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=media_type)
    return form


def _read(body: bytes) -> dict[str, Any]:
    """Return the answer's body, nothing where a proxy has written it."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}
