"""Give and take roles, accounts and tokens for the program's own verbs; what is done is on record before it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from quarterdeck.core.access import People
from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Clock, Json, Operation, Progress
from quarterdeck.core.roles import Roles
from quarterdeck.core.text import did_you_mean
from quarterdeck.router.people.identity import SERVICES
from quarterdeck.router.policy.document import ACTIONS

LONGEST_NAME = 200
MOST_SCOPES = 50
DAY_MS = 86_400_000
LONGEST_DAYS = 3650


class Known(Protocol):
    """See a person with all their accounts."""

    @property
    def person(self) -> Person: ...
    @property
    def identities(self) -> tuple[str, ...]: ...


class Merged(Protocol):
    """See who two accounts are now."""

    @property
    def person_id(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def dropped_role(self) -> str: ...


class Higher(Protocol):
    """Return the role that includes the other, None where neither does."""

    def __call__(self, one: str, other: str, /) -> str | None: ...


class PeopleRows(Protocol):
    """Give and take roles and accounts."""

    async def all(self) -> Sequence[Known]:
        """Return everybody, oldest first."""

    async def known(self, identity: Identity) -> Known | None:
        """Return who is behind an account, or None."""

    async def grant(
        self, identity: Identity, role: str, *, name: str = "", is_service: bool = False, now_ms: int
    ) -> Person:
        """Give the person behind `identity` the role; makes the person when they are new."""

    async def revoke(self, identity: Identity) -> Person | None:
        """Take the role from the person behind `identity`; None when nobody is there."""

    async def link(self, one: Identity, other: Identity, *, higher: Higher, now_ms: int) -> Merged:
        """Make the people behind two accounts one."""

    async def unlink(self, identity: Identity, *, of: str | None = None) -> str:
        """Take an account from its person, and return whose it was."""


class Token(Protocol):
    """See a token without its secret."""

    @property
    def id(self) -> str: ...
    @property
    def person_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...
    @property
    def created_at_ms(self) -> int: ...
    @property
    def expires_at_ms(self) -> int | None: ...
    @property
    def revoked_at_ms(self) -> int | None: ...


class TokenRows(Protocol):
    """Make, list and end tokens."""

    async def create(
        self, identity: Identity, *, name: str, scopes: Sequence[str], expires_at_ms: int | None, now_ms: int
    ) -> tuple[str, Token]:
        """Return a new token's text, and the token."""

    async def all(self, person_id: str | None = None) -> Sequence[Token]:
        """Return tokens, oldest first."""

    async def revoke(self, token_id: str, *, now_ms: int) -> Token:
        """End a token now."""


class Record(Protocol):
    """Write down what was done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None:
        """Add one row to the audit record."""


class PeopleDesk:
    """Be behind `person.*`."""

    def __init__(
        self,
        rows: PeopleRows,
        tokens: TokenRows,
        *,
        people: People,
        roles: Roles,
        record: Record,
        clock: Clock,
    ) -> None:
        self._rows, self._tokens, self._people = rows, tokens, people
        self._roles, self._record, self._clock = roles, record, clock

    def all(self) -> list[Operation]:
        """Return `person.list|show|grant|revoke|link|unlink` and `token.list|create|revoke`."""
        return [
            Operation(name="person.list", handler=self.list),
            Operation(name="person.show", handler=self.show),
            Operation(name="person.grant", handler=self.grant, effect="write"),
            Operation(name="person.revoke", handler=self.revoke, effect="write"),
            Operation(name="person.link", handler=self.link, effect="write"),
            Operation(name="person.unlink", handler=self.unlink, effect="write"),
            Operation(name="token.list", handler=self.list_tokens),
            Operation(name="token.create", handler=self.create_token, effect="write"),
            Operation(name="token.revoke", handler=self.revoke_token, effect="write"),
        ]

    async def list(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """List people with their accounts and what was granted to them."""
        return [_person(known.person, known.identities) for known in await self._rows.all()]

    async def show(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Show one person as they are now: role and groups included."""
        identity = await self.find(_text(parameters, "person"))
        known = await self._rows.known(identity)
        person = await self._people.person_of(identity)
        tokens = await self._tokens.all(known.person.id) if known is not None else []
        return {
            "id": person.id,
            "name": person.name,
            "role": person.role,
            "granted": known.person.role if known is not None else "",
            "roles": sorted(person.held()),
            "groups": sorted(person.groups),
            "identities": sorted(person.identities),
            "is_service": person.is_service,
            "tokens": [_token(one) for one in tokens],
        }

    async def grant(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Give a role."""
        identity, role = _identity(parameters, "identity"), _text(parameters, "role")
        if not self._roles.of(role):
            known = self._roles.names()
            raise UsageError(
                f"{role[:60]!r} is no role",
                hint=did_you_mean(role, known) or f"write one of {', '.join(known)}",
            )
        await self._note("role", what="grant", identity=str(identity), role=role)
        person = await self._rows.grant(
            identity,
            role,
            name=_text(parameters, "name")[:LONGEST_NAME],
            is_service=identity.platform in SERVICES,
            now_ms=self._clock.now_ms(),
        )
        return _person(person, (str(identity),))

    async def revoke(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Take a role."""
        identity = _identity(parameters, "identity")
        await self._note("role", what="revoke", identity=str(identity))
        person = await self._rows.revoke(identity)
        if person is None:
            raise _nobody(str(identity))
        return _person(person, (str(identity),))

    async def link(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Make two accounts one person's, on the word of whoever runs this."""
        one, other = _identity(parameters, "identity"), _identity(parameters, "other")
        if one == other:
            raise UsageError("both are the same account", hint="name two accounts")
        await self._note("link", what="link", first=str(one), second=str(other))
        merged = await self._rows.link(one, other, higher=self._roles.higher, now_ms=self._clock.now_ms())
        return {"id": merged.person_id, "role": merged.role, "dropped_role": merged.dropped_role}

    async def unlink(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Take an account from its person."""
        identity = _identity(parameters, "identity")
        await self._note("link", what="unlink", account=str(identity))
        return {"identity": str(identity), "was": await self._rows.unlink(identity)}

    async def list_tokens(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """List tokens of one person, or of everybody; never their text."""
        person = _text(parameters, "person")
        if not person:
            return [_token(one) for one in await self._tokens.all()]
        known = await self._rows.known(await self.find(person))
        return [_token(one) for one in await self._tokens.all(known.person.id)] if known is not None else []

    async def create_token(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Make a token; its text is in this answer and nowhere else."""
        identity, scopes = await self.find(_text(parameters, "person")), _scopes(parameters)
        days, now_ms = parameters.get("days"), self._clock.now_ms()
        if days is not None and (not isinstance(days, int) or not 0 < days <= LONGEST_DAYS):
            raise UsageError(
                "days must be a whole number", hint=f"1 to {LONGEST_DAYS}; left out, it does not end"
            )
        name = _text(parameters, "name")[:100]
        await self._note("token", what="create", identity=str(identity), name=name, scopes=list(scopes))
        text, token = await self._tokens.create(
            identity,
            name=name,
            scopes=scopes,
            expires_at_ms=None if days is None else now_ms + days * DAY_MS,
            now_ms=now_ms,
        )
        return {"token": text, **_token(token)}

    async def revoke_token(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """End a token."""
        token_id = _text(parameters, "id")
        await self._note("token", what="revoke", token=token_id[:60])
        return _token(await self._tokens.revoke(token_id, now_ms=self._clock.now_ms()))

    async def find(self, text: str) -> Identity:
        """Return an account of somebody named by one of their accounts, or by their id.

        Raises:
            NotFound: nobody has this id.
        """
        if ":" in text:
            return Identity.written(text)
        for known in await self._rows.all():
            if text and known.person.id == text:
                return Identity.parse(known.identities[0])
        raise _nobody(text[:80])

    async def _note(self, kind: str, **detail: object) -> None:
        await self._record.append(kind, detail)


def _nobody(text: str) -> NotFound:
    return NotFound(f"nobody is known as {text}", hint="`quarterdeck person list` shows everybody who is")


def _identity(parameters: Mapping[str, Json], name: str) -> Identity:
    return Identity.written(_text(parameters, name))


def _scopes(parameters: Mapping[str, Json]) -> tuple[str, ...]:
    given = parameters.get("scopes") or ["*"]
    if not isinstance(given, list) or len(given) > MOST_SCOPES:
        raise UsageError("scopes must be a list", hint="such as command:* or operation:delivery.*")
    scopes = tuple(f"command:{one[1:]}" if str(one).startswith("/") else str(one) for one in given)
    for scope in scopes:
        kind, colon, name = scope.partition(":")
        if scope != "*" and not (colon and name and kind in ACTIONS):
            raise UsageError(
                f"{scope[:60]!r} is no scope", hint=f"write * or KIND:NAME with one of {', '.join(ACTIONS)}"
            )
    return scopes


def _text(parameters: Mapping[str, Json], name: str) -> str:
    value = parameters.get(name)
    return value if isinstance(value, str) else ""


def _person(person: Person, identities: Sequence[str]) -> Json:
    return {"id": person.id, "name": person.name, "role": person.role, "identities": list(identities)}


def _token(token: Token) -> dict[str, Json]:
    return {
        "id": token.id,
        "person": token.person_id,
        "name": token.name,
        "scopes": list(token.scopes),
        "created_at": _moment(token.created_at_ms),
        "expires_at": _moment(token.expires_at_ms),
        "revoked_at": _moment(token.revoked_at_ms),
    }


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
