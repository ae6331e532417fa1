"""Declare an endpoint once: what checks its requests is what the OpenAPI document shows."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ValidationError

from quarterdeck.core.errors import (
    Busy,
    Conflict,
    Denied,
    NotFound,
    QuarterdeckError,
    UserError,
)
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.network.routes import BODY_LIMIT_BYTES, Principal, Route, route
from quarterdeck.web.access.caller import Caller, caller_of, refusal

PREFIX = "/api/v1"
JSON_BYTES = 512 * 1024
CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Declare one query parameter or header; text unless `kind` is integer."""

    name: str
    summary: str
    kind: Literal["string", "integer"] = "string"
    required: bool = False
    place: Literal["query", "header"] = "query"
    minimum: int = 0
    maximum: int = 2**53 - 1
    max_length: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Hand a handler its checked request."""

    request: web.Request
    caller: Caller
    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)

    def path(self, name: str) -> str:
        """Return a part of the path."""
        return self.request.match_info[name]


Handle = Callable[[Asked], Awaitable[BaseModel | web.StreamResponse | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Declare one operation. Without `answer` it sends nothing (204), or with `media_type` something of its own."""

    method: str
    path: str
    summary: str
    handle: Handle
    principal: Principal
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    parameters: Sequence[Parameter] = ()
    status: int = 200
    media_type: str = ""
    body_bytes: int = JSON_BYTES
    takes_file: bool = False

    def route(self) -> Route:
        """Return the route that checks, handles and answers."""
        return route(
            self.method,
            PREFIX + self.path,
            self._serve,
            principal=self.principal,
            body_bytes=min(self.body_bytes, BODY_LIMIT_BYTES) if not self.takes_file else self.body_bytes,
        )

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = Asked(
                request=request,
                caller=caller_of(request),
                body=await self._body(request),
                query={one.name: _value(request, one) for one in self.parameters},
            )
            answer = await self.handle(asked)
        except QuarterdeckError as error:
            raise explained(error) from error
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:
            log.exception("API call failed", extra={"operation": f"{self.method} {self.path}"})
            raise refusal(500, "something went wrong here", hint="try again", kind="service") from error
        if isinstance(answer, web.StreamResponse):
            return answer
        if answer is None:
            return web.Response(status=204)
        return web.Response(
            text=answer.model_dump_json(), status=self.status, content_type="application/json"
        )

    async def _body(self, request: web.Request) -> BaseModel | None:
        if self.body is None:
            return None
        if request.content_type != "application/json":
            raise refusal(415, "the body must be application/json")
        raw = await request.read()
        try:
            return self.body.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the body"
            raise refusal(400, f"{where}: {first['msg']}", hint=f"{PREFIX}/openapi.json says how") from error


def explained(error: QuarterdeckError) -> web.HTTPException:
    """Return the answer for one of our errors."""
    match error:
        case Denied():
            status = 403
        case NotFound():
            status = 404
        case Busy():
            return refusal(429, error.message, hint=error.hint, retry_after_s=1.0)
        case Conflict():
            status = 409
        case UserError():
            status = 400
        case _:
            log.warning("API call failed", extra={"error": error.message})
            status = 503
    return refusal(status, error.message, hint=error.hint, kind=error.kind)


def _is_text(found: str) -> bool:
    """Tell text from control characters and from bytes that are none."""
    return CONTROL.search(found) is None


def _value(request: web.Request, one: Parameter) -> Any:
    found = request.query.get(one.name) if one.place == "query" else request.headers.get(one.name)
    if found is None or (found == "" and not one.required):
        if one.required:
            raise refusal(400, f"{one.name} is missing", hint=one.summary)
        return None
    if len(found) > one.max_length or not _is_text(found):
        raise refusal(400, f"{one.name} is too long, or holds control characters", hint=one.summary)
    if one.kind == "string":
        return found
    if not found.isascii() or not found.isdecimal() or not one.minimum <= int(found) <= one.maximum:
        raise refusal(400, f"{one.name} is no number that is taken here", hint=one.summary)
    return int(found)
