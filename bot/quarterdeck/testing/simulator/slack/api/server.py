"""Answer calls of the Web API: token, scope, arguments, pace, then the method."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.slack.api.pace import RateLimits
from quarterdeck.testing.simulator.slack.api.registry import METHODS, Arguments, Method, Refused, Site
from quarterdeck.testing.simulator.slack.delivery.events import with_addresses
from quarterdeck.testing.simulator.slack.workspace import Payload

for _name in ("chat", "conversations", "files", "modals", "people"):  # each registers its methods
    importlib.import_module(f"quarterdeck.testing.simulator.slack.api.{_name}")

SCOPES: Final = frozenset(one.scope for one in METHODS.values() if one.scope)


class WebApi:
    """Serve `/api/{method}`; what it refuses goes into `refusals`."""

    def __init__(
        self,
        site: Site,
        *,
        app_token: str,
        scopes: frozenset[str] = SCOPES,
        limits: RateLimits | None,
        refusals: list[str],
    ) -> None:
        self._site, self._app_token = site, app_token
        self._scopes, self._limits, self._refusals = scopes, limits, refusals
        self.is_revoked = False
        self.calls: list[tuple[str, Payload]] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one call."""
        name = request.match_info["method"]
        try:
            method = METHODS.get(name)
            if method is None:
                raise Refused("unknown_method", req_method=name)
            arguments, token = await _read(request, method)
            self._check_token(method, token)
            self.calls.append((name, dict(arguments.values)))
            wait_s = self._limits.wait_s(method, str(arguments.values.get("channel"))) if self._limits else 0
            if wait_s:
                self._refusals.append(f"{name}: ratelimited, {wait_s} s")
                return rate_limited(wait_s)
            self._check_arguments(method, arguments)
            body = {"ok": True, **method.run(self._site, arguments)}
        except Refused as refusal:
            self._refusals.append(f"{name}: {refusal.error} {' '.join(refusal.messages)}".rstrip())
            body = refusal.body()
        headers = {"X-OAuth-Scopes": ",".join(sorted(self._scopes))}
        return web.json_response(with_addresses(body, self._site.url()), headers=headers)

    def _check_token(self, method: Method, token: str) -> None:
        if not token:
            raise Refused("not_authed")
        if token not in (self._site.bot_token, self._app_token):
            raise Refused("invalid_auth")
        if self.is_revoked:
            raise Refused("token_revoked")
        wanted = self._app_token if method.token == "xapp" else self._site.bot_token  # noqa: S105  # a kind
        if token != wanted:
            raise Refused("not_allowed_token_type")
        if method.scope and method.scope not in self._scopes:
            raise Refused("missing_scope", needed=method.scope, provided=",".join(sorted(self._scopes)))

    def _check_arguments(self, method: Method, arguments: Arguments) -> None:
        missing = [name for name in method.required if arguments.values.get(name, "") == ""]
        if method.name == "assistant.threads.setStatus":
            missing = [name for name in missing if name != "status" or name not in arguments]
        if missing:
            raise Refused("invalid_arguments", *(f"missing required field: {name}" for name in missing))


async def _read(request: web.Request, method: Method) -> tuple[Arguments, str]:
    """Return the arguments from the query and the body, and the token from the header or from them.

    Raises:
        Refused: the body cannot be read.
    """
    values: dict[str, Any] = dict(request.query)
    kind = request.content_type
    body = await request.read()
    if kind == "application/json" and not method.is_form_only:
        values |= _json_of(body)
    elif kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        values |= dict(await request.post())
    elif body and kind != "application/json":
        raise Refused("invalid_post_type" if kind else "missing_post_type")
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ") if header.startswith("Bearer ") else str(values.get("token", ""))
    values.pop("token", None)
    return Arguments(values), token


def _json_of(body: bytes) -> Mapping[str, Any]:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        raise Refused("invalid_json") from None
    if not isinstance(value, dict):
        raise Refused("json_not_object")
    return value


def rate_limited(wait_s: float) -> web.Response:
    """Answer that calls come too fast."""
    return web.json_response(
        {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(max(1, round(wait_s)))}
    )


def refuse(request: web.Request, fault: Fault) -> web.Response:
    """Answer an ordered fault: 401 and 403 stand for an expired token and a lost scope, which Slack says with 200."""
    if fault.kind == "rate_limit":
        return rate_limited(fault.after_s)
    if fault.status in (401, 403):
        return web.json_response(
            {"ok": False, "error": "token_expired" if fault.status == 401 else "account_inactive"}
        )
    return web.Response(status=fault.status, text="<html>upstream error</html>", content_type="text/html")
