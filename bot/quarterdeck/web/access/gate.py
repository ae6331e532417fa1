"""Prove who calls, before anything of their request is read: by the session's cookie, or by a token.

A token never meets a cookie: a request that shows one is judged by it alone. A cookie alone changes nothing, since
browsers send it for whoever asks: a change needs a header that only our own page can set besides.
"""

from __future__ import annotations

from typing import Protocol

from aiohttp import hdrs, web

from quarterdeck.core.account import PLATFORM
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock, People
from quarterdeck.runtime.network.routes import Principal
from quarterdeck.web.access.backoff import Backoff, Pace
from quarterdeck.web.access.caller import EVERYTHING, KEY, Caller, refusal, rights_of
from quarterdeck.web.access.sessions import LONGEST_MS, Sessions
from quarterdeck.web.guard import SAFE_METHODS
from quarterdeck.web.origin import from_where

COOKIE, SECURE_COOKIE = "quarterdeck", "__Host-quarterdeck"
OWN_HEADER = "X-Quarterdeck"
SIGN_IN, CHAT = "/sign-in", "/chat"
FRESH = web.RequestKey("fresh", str)


class Token(Protocol):
    """See a token without its secret."""

    @property
    def id(self) -> str: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...


class Tokens(Protocol):
    """Know tokens."""

    async def find(self, text: str, *, now_ms: int) -> tuple[Token, Identity] | None:
        """Return the token of this text with an account of its person, None when it is none or is over."""


class Gate:
    """Make the principals of routes."""

    def __init__(
        self, sessions: Sessions, tokens: Tokens, *, people: People, clock: Clock, per_minute: int
    ) -> None:
        self._sessions, self._tokens = sessions, tokens
        self._people, self._clock = people, clock
        self._pace, self._backoff = Pace(clock, per_minute), Backoff(clock)
        self.api = Principal(name="a token or a session", verify=self._api)
        self.account = Principal(name="a session", verify=self._account)
        self.owner = Principal(name="an owner", verify=self._owner)
        self.page = Principal(name="a session", verify=self._page)
        self.owner_page = Principal(name="an owner", verify=self._owner_page)
        self.stranger = Principal(name="whoever signs in", verify=self._stranger)

    async def is_valid(self, caller: Caller) -> bool:
        """Tell whether the caller of a request that is still under way may go on, with the rights they had."""
        if caller.is_session:
            now = await self._sessions.look(caller.proof)
        else:
            now = await self._by_token(caller.proof)
        return now is not None and now.rights == caller.rights

    async def from_session(self, request: web.Request) -> Caller | None:
        """Return who is signed in; a session that needs a new secret gets it with the answer."""
        secret = request.cookies.get(cookie_name(request))
        found = await self._sessions.find(secret) if secret and len(secret) <= 200 else None
        if found is None:
            return None
        caller, fresh = found
        if fresh:
            request[FRESH] = fresh
        return caller

    async def _api(self, request: web.Request) -> bool:
        shown = request.headers.getall(hdrs.AUTHORIZATION, [])
        if shown:
            caller = await self._from_token(request, shown)
        else:
            caller = await self._from_cookie(request)
        self._hold(f"person {caller.person.id}")
        request[KEY] = caller
        return True

    async def _account(self, request: web.Request) -> bool:
        await self._api(request)
        if not request[KEY].is_session:
            raise refusal(403, "a token cannot do this", hint="sign in on the page")
        return True

    async def _owner(self, request: web.Request) -> bool:
        await self._api(request)
        if not request[KEY].person.has_role("owner") or not request[KEY].may("operation:web.status"):
            raise refusal(403, "this is for owners")
        return True

    async def _page(self, request: web.Request) -> bool:
        caller = await self.from_session(request)
        if caller is None:
            self._hold(f"address {from_where(request).address}")
            raise web.HTTPSeeOther(SIGN_IN)
        self._hold(f"person {caller.person.id}")
        request[KEY] = caller
        return True

    async def _owner_page(self, request: web.Request) -> bool:
        await self._page(request)
        if not request[KEY].person.has_role("owner"):
            raise web.HTTPSeeOther(CHAT)
        return True

    async def _stranger(self, request: web.Request) -> bool:
        self._hold(f"address {from_where(request).address}")
        return True

    def _hold(self, key: str) -> None:
        wait_s = self._pace.take(key)
        if wait_s:
            raise refusal(429, "too many requests", hint="wait a moment", retry_after_s=wait_s)

    async def _from_cookie(self, request: web.Request) -> Caller:
        caller = await self.from_session(request)
        if caller is None:
            self._hold(f"address {from_where(request).address}")
            raise refusal(401, "you are not signed in", hint="sign in, or send Authorization: Bearer TOKEN")
        if request.method not in SAFE_METHODS and request.headers.get(OWN_HEADER) != "1":
            raise refusal(403, f"the header {OWN_HEADER}: 1 is missing", hint="only our own page can set it")
        return caller

    async def _from_token(self, request: web.Request, shown: list[str]) -> Caller:
        key = f"at {from_where(request).address}"
        if wait_s := self._backoff.wait_s(key):
            raise refusal(429, "too many wrong tokens", hint="wait, then try again", retry_after_s=wait_s)
        scheme, _, text = shown[0].partition(" ")
        is_one = len(shown) == 1 and scheme.lower() == "bearer"
        caller = await self._by_token(text.strip()) if is_one else None
        if caller is None:
            self._backoff.begin(key)
            raise refusal(401, "this token is not valid", hint="`quarterdeck person token PERSON` makes one")
        self._backoff.clear(key)
        return caller

    async def _by_token(self, text: str) -> Caller | None:
        found = await self._tokens.find(text, now_ms=self._clock.now_ms())
        if found is None:
            return None
        token, identity = found
        person = await self._people.person_of(identity)
        if not person.held():
            return None
        accounts = sorted(one for one in person.identities if one.startswith(f"{PLATFORM}::"))
        identity = Identity.parse(accounts[0]) if accounts else identity
        is_whole = token.scopes == EVERYTHING
        whole = identity.user_id if accounts else str(identity)
        return Caller(
            identity=identity,
            person=person,
            owner=whole if is_whole else f"token.{token.id}",  # a narrow token sees what it asked itself
            scopes=token.scopes,
            rights=rights_of(person),
            proof=text,
        )


def cookie_name(request: web.Request) -> str:
    """Return the cookie's name; with https one that no other host can set."""
    return SECURE_COOKIE if from_where(request).is_secure else COOKIE


def set_cookie(request: web.Request, response: web.StreamResponse, secret: str) -> None:
    """Give the browser its secret."""
    response.set_cookie(
        cookie_name(request),
        secret,
        max_age=LONGEST_MS // 1000,
        path="/",
        secure=from_where(request).is_secure,
        httponly=True,
        samesite="Strict",
    )


def drop_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Take the browser's secret away."""
    response.del_cookie(
        cookie_name(request),
        path="/",
        secure=from_where(request).is_secure,
        httponly=True,
        samesite="Strict",
    )


async def renew_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Send the new secret of a session that got one while the request was checked."""
    if FRESH not in request:
        return
    set_cookie(request, response, request[FRESH])
    written = response.cookies[cookie_name(request)].OutputString()
    response.headers.add(hdrs.SET_COOKIE, written)  # aiohttp has written the cookies that were set before
