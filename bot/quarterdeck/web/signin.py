"""Sign people in and out: plain forms that work without script, and the same as JSON for the page."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Mapping
from json import JSONDecodeError, loads
from typing import Any

from aiohttp import web

from quarterdeck.core.errors import Denied, QuarterdeckError, UserError
from quarterdeck.runtime.network.routes import Route, route
from quarterdeck.web.access.caller import refusal
from quarterdeck.web.access.desk import AccountDesk, TooOften
from quarterdeck.web.access.gate import CHAT, SIGN_IN, Gate, cookie_name, drop_cookie, set_cookie
from quarterdeck.web.access.sessions import hash_of
from quarterdeck.web.origin import from_where
from quarterdeck.web.pages import Pages

JSON = "application/json"
FORM_BYTES = 64 * 1024
LONGEST_FIELD = 4096

Fields = Mapping[str, Any]


class SignInRoutes:
    """Answer `/sign-in*` and `/sign-out`."""

    def __init__(self, desk: AccountDesk, gate: Gate, pages: Pages) -> None:
        self._desk, self._gate, self._pages = desk, gate, pages

    def all(self) -> tuple[Route, ...]:
        """Return the routes."""
        stranger = self._gate.stranger

        def post(path: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Route:
            return route("POST", path, handler, principal=stranger, body_bytes=FORM_BYTES)

        return (
            route("GET", SIGN_IN, self.page, principal=stranger),
            post(f"{SIGN_IN}/password", self.by_password),
            post(f"{SIGN_IN}/code", self.by_code),
            post(f"{SIGN_IN}/passkey/options", self.passkey_options),
            post(f"{SIGN_IN}/passkey", self.by_passkey),
            post("/sign-out", self.sign_out),
        )

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Show the page, or go on where somebody is signed in already."""
        if await self._gate.from_session(request) is not None:
            raise web.HTTPSeeOther(CHAT)
        return self._shown(200)

    async def by_password(self, request: web.Request) -> web.StreamResponse:
        """Sign in with name and password."""

        async def sign_in(fields: Fields) -> str:
            return await self._desk.by_password(
                _text(fields, "name"), _text(fields, "password"), address=str(from_where(request).address)
            )

        return await self._signed_in(request, sign_in)

    async def by_code(self, request: web.Request) -> web.StreamResponse:
        """Make an account with a code."""

        async def claim(fields: Fields) -> str:
            secret, _ = await self._desk.claim(
                _text(fields, "code").strip(),
                _text(fields, "name").strip().lower(),
                _text(fields, "password"),
                display_name=_text(fields, "display_name"),
                address=str(from_where(request).address),
            )
            return secret

        return await self._signed_in(request, claim)

    async def passkey_options(self, request: web.Request) -> web.StreamResponse:
        """Say what the browser is to sign."""
        fields = await _fields(request)
        begun = await self._desk.passkeys.begin_sign_in(
            _text(fields, "name").strip().lower(), from_where(request).name
        )
        return web.json_response({"ceremony": begun.ceremony, "publicKey": begun.public_key})

    async def by_passkey(self, request: web.Request) -> web.StreamResponse:
        """Sign in with what a passkey signed."""

        async def sign_in(fields: Fields) -> str:
            credential = fields.get("credential")
            if not isinstance(credential, dict):
                raise Denied("this is no passkey's answer", hint="try again")
            origin = from_where(request).own
            return await self._desk.by_passkey(_text(fields, "ceremony"), credential, origin=origin)

        return await self._signed_in(request, sign_in)

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """End the session; nobody else's cookie can be used for it, and without one there is nothing to end."""
        secret = request.cookies.get(cookie_name(request))
        if secret and len(secret) <= 200:
            await self._desk.sessions.end([hash_of(secret)])
        is_json = request.content_type == JSON
        response: web.StreamResponse = (
            web.Response(status=204) if is_json else web.Response(status=303, headers={"Location": SIGN_IN})
        )
        drop_cookie(request, response)
        return response

    async def _signed_in(
        self, request: web.Request, sign_in: Callable[[Fields], Awaitable[str]]
    ) -> web.StreamResponse:
        """Sign in and give a new secret, whatever the browser had; or say what was wrong."""
        is_json, fields = request.content_type == JSON, await _fields(request)
        old = request.cookies.get(cookie_name(request))
        try:
            secret = await sign_in(fields)
        except QuarterdeckError as error:
            return self._refused(error, fields, is_json=is_json)
        if old and len(old) <= 200:
            await self._desk.sessions.end([hash_of(old)])
        response: web.StreamResponse = (
            web.json_response({"ok": True, "next": CHAT})
            if is_json
            else web.Response(status=303, headers={"Location": CHAT})
        )
        set_cookie(request, response, secret)
        return response

    def _refused(self, error: QuarterdeckError, fields: Fields, *, is_json: bool) -> web.StreamResponse:
        wait_s = error.wait_s if isinstance(error, TooOften) else 0.0
        status = 429 if wait_s else 401 if isinstance(error, Denied) else 400
        if not isinstance(error, UserError):
            status = 503
        if is_json:
            raise refusal(status, error.message, hint=error.hint, kind=error.kind, retry_after_s=wait_s)
        said = f"{error.message} {error.hint[:1].upper()}{error.hint[1:]}".strip()
        response = self._shown(status, error=said, code=_text(fields, "code"), name=_text(fields, "name"))
        if wait_s:
            response.headers["Retry-After"] = str(int(wait_s) + 1)
        return response

    def _shown(self, status: int, *, error: str = "", code: str = "", name: str = "") -> web.Response:
        marks = {"error": error, "code": code[:200], "name": name[:100]}
        return self._pages.response(
            "sign-in", {mark: html.escape(text) for mark, text in marks.items()}, status=status
        )


async def _fields(request: web.Request) -> Fields:
    """Read a small form, or a small JSON object."""
    if request.content_type == JSON:
        try:
            found = loads(await request.read())
        except (JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise refusal(400, "the body is not JSON") from error
        if not isinstance(found, dict):
            raise refusal(400, "the body is not a JSON object")
        return found
    if request.content_type != "application/x-www-form-urlencoded":
        raise refusal(415, "the body has another type than a form or JSON")
    try:
        return dict(await request.post())
    except (ValueError, UnicodeDecodeError, LookupError) as error:
        raise refusal(400, "the body is not a form") from error


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value[:LONGEST_FIELD] if isinstance(value, str) else ""
