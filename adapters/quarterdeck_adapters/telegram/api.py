"""Call Telegram through its SDK. This file and what it imports need the SDK; the adapter imports them when it connects.

The SDK's own methods make objects of all that goes in and out, which costs more than the call itself; so calls go
through the request that the SDK's bot holds, which knows all its errors, and answers come as they are.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import IO, Any
from urllib.parse import quote

import aiohttp
import telegram
from telegram.error import TelegramError
from telegram.request import BaseRequest, RequestData
from telegram.request._requestparameter import RequestParameter

from quarterdeck.core.errors import Rejected
from quarterdeck.runtime.network.http import TOTAL_TIMEOUT_S, failure_of, open_session, refusal_of
from quarterdeck_adapters.telegram.errors import SERVICE, ours
from quarterdeck_adapters.telegram.reactions import reaction_for
from quarterdeck_adapters.telegram.request import SharedRequest

CHUNK_BYTES = 256 * 1024
logging.getLogger("telegram").setLevel(logging.WARNING)  # at DEBUG it writes addresses, which hold the token


class Api:
    """Be one bot's account. Make it on the event loop, close it at the end."""

    def __init__(self, token: str, *, api_url: str, file_url: str) -> None:
        self._session = open_session(api_url, total_timeout_s=TOTAL_TIMEOUT_S)
        self._files = f"{file_url.rstrip('/')}/bot{quote(token, safe=':')}"
        request = SharedRequest(self._session)
        self._bot = telegram.Bot(
            token,
            base_url=f"{api_url.rstrip('/')}/bot",
            base_file_url=f"{file_url.rstrip('/')}/bot",
            request=request,
            get_updates_request=request,
        )

    async def call(
        self, method: str, parameters: Mapping[str, object] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """Return what `method` answers.

        Raises:
            ServiceError: what happened, without the token.
            Moved: the chat has another id now; nothing was done.
        """
        given = [RequestParameter(name, value, None) for name, value in (parameters or {}).items()]
        return await self._post(method, given, timeout_s)

    async def _post(self, method: str, given: list[RequestParameter], timeout_s: float | None) -> Any:
        wait = BaseRequest.DEFAULT_NONE if timeout_s is None else timeout_s
        try:
            return await self._bot.request.post(
                f"{self._bot.base_url}/{method}", RequestData(given), read_timeout=wait
            )
        except TelegramError as error:
            raise ours(error, method=method) from None

    async def upload(
        self, method: str, field: str, file: IO[bytes], name: str, parameters: Mapping[str, object]
    ) -> Any:
        """Call `method` with a file in `field`; it is read while it goes out, and stays open.

        Raises:
            ServiceError: what happened.
            Moved: the chat has another id now; nothing was done.
        """
        safe = "".join(sign for sign in name if sign.isprintable() and sign not in '"\\').strip() or "file"
        part = telegram.InputFile(file, filename=safe, read_file_handle=False)
        fields = {**parameters, field: part}
        given = [RequestParameter.from_input(name, value) for name, value in fields.items()]
        return await self._post(method, given, None)

    async def fetch(self, file_path: str) -> AsyncIterator[bytes]:
        """Yield the pieces of a file on Telegram's side.

        Raises:
            ServiceError: it did not come.
        """
        url = f"{self._files}/{quote(file_path)}"
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                refusal = refusal_of(answer.status, answer.headers, service=SERVICE, method="GET")
                if refusal is not None or answer.status != 200:
                    raise refusal or Rejected(
                        "Telegram did not give the file", service=SERVICE, status=answer.status
                    )
                async for piece in answer.content.iter_chunked(CHUNK_BYTES):
                    yield piece
        except (aiohttp.ClientError, TimeoutError) as error:
            raise failure_of(error, service=SERVICE, method="GET") from None

    async def react(self, parameters: Mapping[str, object], emoji: str) -> None:
        """Put an emoji under a message, or the nearest one that Telegram has.

        Raises:
            ServiceError: what happened; `Rejected` also where it has none like it.
            Moved: the chat has another id now; nothing was done.
        """
        reaction = reaction_for(emoji)
        if reaction is None:
            raise Rejected(f"Telegram has no reaction {emoji!r}", service=SERVICE, status=400)
        chosen = [{"type": "emoji", "emoji": reaction}]
        await self.call("setMessageReaction", {**parameters, "reaction": chosen})

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
