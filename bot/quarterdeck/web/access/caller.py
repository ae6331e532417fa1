"""Say who calls, and refuse in the API's own words."""

from __future__ import annotations

import json
from dataclasses import field
from fnmatch import fnmatchcase

from aiohttp import web

from quarterdeck.core.errors import Kind
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.value import dataclass

EVERYTHING = ("*",)

_REFUSALS: dict[int, type[web.HTTPException]] = {
    400: web.HTTPBadRequest,
    401: web.HTTPUnauthorized,
    403: web.HTTPForbidden,
    404: web.HTTPNotFound,
    409: web.HTTPConflict,
    415: web.HTTPUnsupportedMediaType,
    429: web.HTTPTooManyRequests,
    500: web.HTTPInternalServerError,
    502: web.HTTPBadGateway,
    503: web.HTTPServiceUnavailable,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Hold who calls. `owner` is whose conversations they see, `account` their account here, if they have one.

    `scopes` are patterns of actions: what a token is for. `proof` is the session's hash or the token.
    """

    identity: Identity
    person: Person
    owner: str
    account: str = ""
    scopes: tuple[str, ...] = EVERYTHING
    is_session: bool = False
    rights: str = ""
    proof: str = field(default="", repr=False)

    def may(self, action: str) -> bool:
        """Tell whether the scopes cover an action; what its person may do is the authoriser's to say."""
        return any(fnmatchcase(action, scope) for scope in self.scopes)


KEY = web.RequestKey("caller", Caller)


def caller_of(request: web.Request) -> Caller:
    """Return who calls; only behind a principal that asks."""
    return request[KEY]


def rights_of(person: Person) -> str:
    """Sum up what somebody may be: another sum is another privilege."""
    return "|".join([person.id, person.role, *sorted(person.held()), "", *sorted(person.groups)])


def refusal(
    status: int, message: str, *, hint: str = "", kind: Kind = "user", retry_after_s: float = 0.0
) -> web.HTTPException:
    """Return the answer that says no, as JSON."""
    body = json.dumps({"error": {"kind": kind, "message": message, "hint": hint}}, ensure_ascii=False)
    headers = {"Retry-After": str(int(retry_after_s) + 1)} if retry_after_s else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    refused = _REFUSALS[status](text=body, headers=headers)
    refused.content_type = "application/json"
    return refused


def in_json(refused: web.HTTPException) -> None:
    """Let a refusal of the server's own say the same in the API's words."""
    if refused.content_type != "application/json":
        message = refused.reason.lower()
        refused.text = json.dumps({"error": {"kind": "user", "message": message, "hint": ""}})
        refused.content_type = "application/json"
