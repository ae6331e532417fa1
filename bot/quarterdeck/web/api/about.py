"""Answer for who calls, what they may run, where claims come from, and how the bot does."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from aiohttp import web

from quarterdeck import __version__
from quarterdeck.core.access import AccessRequest, Authoriser, may
from quarterdeck.core.account import PLATFORM
from quarterdeck.core.adapter import Complete
from quarterdeck.core.command import Command, Option
from quarterdeck.core.errors import NotFound
from quarterdeck.core.knowledge import Found
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Commands, Health
from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.web.access.caller import Caller
from quarterdeck.web.access.desk import AccountDesk
from quarterdeck.web.access.gate import Gate, set_cookie
from quarterdeck.web.api import shapes, show
from quarterdeck.web.api.endpoint import Asked, Endpoint, Parameter
from quarterdeck.web.html import to_html
from quarterdeck.web.origin import from_where

MOST_PROBLEMS = 20


class Library(Protocol):
    """Read passages."""

    async def by_id(self, ids: Collection[str]) -> list[Found]:
        """Return chunks by id."""

    async def beside(self, chunk: Found, distance: int) -> list[Found]:
        """Return the chunks up to `distance` around `chunk`, in order."""


class Problems(logging.Handler):
    """Remember the last errors of the log, for owners to see."""

    def __init__(self, clean: Callable[[str], str]) -> None:
        super().__init__(logging.ERROR)
        self._clean = clean
        self._last: deque[shapes.Problem] = deque(maxlen=MOST_PROBLEMS)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        error = str(getattr(record, "error", "") or (record.exc_info and record.exc_info[1]) or "")
        self._last.append(
            shapes.Problem(
                at=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds"),
                what=self._clean(str(record.msg)[:200]),
                message=self._clean(error[:500]),
                fix=self._clean(str(getattr(record, "hint", ""))[:300]),
            )
        )

    def last(self) -> list[shapes.Problem]:
        """Return them, newest first."""
        return list(reversed(self._last))


class AboutEndpoints:
    """Be behind `/me`, `/commands`, `/complete`, `/passages` and `/status`."""

    def __init__(
        self,
        desk: AccountDesk,
        *,
        commands: Commands,
        complete: Complete,
        authoriser: Authoriser,
        library: Library,
        health: Health,
        problems: Problems,
        findings: Callable[[], Sequence[Finding]],
        people: Callable[[], Awaitable[int]],
    ) -> None:
        self._desk, self._commands, self._complete = desk, commands, complete
        self._authoriser, self._library, self._health = authoriser, library, health
        self._problems, self._findings, self._people = problems, findings, people

    def all(self, gate: Gate) -> list[Endpoint]:
        """Return the endpoints."""
        completing = tuple(
            Parameter(name=name, summary=summary, required=name in ("command", "option"), max_length=200)
            for name, summary in (
                ("conversation", "Where it is typed"),
                ("command", "The command's name"),
                ("option", "The option's name"),
                ("typed", "What was typed so far"),
            )
        )

        def one(method: str, path: str, summary: str, handle: Any, **more: Any) -> Endpoint:
            more.setdefault("principal", gate.api)
            return Endpoint(method=method, path=path, summary=summary, handle=handle, **more)

        return [
            one("GET", "/me", "Say who calls", self._me, answer=shapes.Me),
            one(
                "POST",
                "/me/password",
                "Change the password; all other sessions end",
                self._password,
                principal=gate.account,
                body=shapes.PasswordChange,
            ),
            one(
                "GET",
                "/me/passkeys",
                "List your passkeys",
                self._passkeys,
                principal=gate.account,
                answer=shapes.PasskeysShown,
            ),
            one(
                "POST",
                "/me/passkey-options",
                "Begin to register a passkey",
                self._passkey_options,
                principal=gate.account,
                answer=shapes.Ceremony,
            ),
            one(
                "POST",
                "/me/passkeys",
                "Register a passkey",
                self._new_passkey,
                principal=gate.account,
                body=shapes.NewPasskey,
                answer=shapes.PasskeyShown,
                status=201,
            ),
            one(
                "DELETE",
                "/me/passkeys/{id}",
                "Remove a passkey",
                self._drop_passkey,
                principal=gate.account,
            ),
            one("GET", "/commands", "List what you may run", self._list, answer=shapes.Commands),
            one(
                "GET",
                "/complete",
                "Complete a value",
                self._values,
                parameters=completing,
                answer=shapes.Values,
            ),
            one(
                "GET",
                "/passages/{id}",
                "Show where a claim comes from",
                self._passage,
                answer=shapes.PassageShown,
            ),
            one(
                "GET",
                "/status",
                "Say how the bot does, to owners",
                self._status,
                principal=gate.owner,
                answer=shapes.StatusShown,
            ),
        ]

    async def _me(self, asked: Asked) -> shapes.Me:
        caller = asked.caller
        return shapes.Me(
            account=caller.account or None,
            name=caller.person.name or caller.account or str(caller.identity),
            role=caller.person.role,
            roles=sorted(caller.person.held()),
            is_owner=caller.person.has_role("owner"),
            identities=sorted(caller.person.identities),
            version=__version__,
            limits=shapes.Bounds(
                file_bytes=shapes.FILE_BYTES, files=shapes.FILES_LIMIT, text=shapes.TEXT_LIMIT
            ),
        )

    async def _password(self, asked: Asked) -> web.StreamResponse:
        secret = await self._desk.change_password(
            asked.caller.account,
            asked.body.current,
            asked.body.new,
            address=str(from_where(asked.request).address),
        )
        response = web.Response(status=204)
        set_cookie(asked.request, response, secret)
        return response

    async def _passkeys(self, asked: Asked) -> shapes.PasskeysShown:
        found = await self._desk.passkeys.of(asked.caller.account)
        return shapes.PasskeysShown(
            passkeys=[
                shapes.PasskeyShown(id=one.id, name=one.name, created_at=show.moment(one.created_at_ms))
                for one in found
            ]
        )

    async def _passkey_options(self, asked: Asked) -> shapes.Ceremony:
        account = await self._desk.account(asked.caller.account)
        begun = await self._desk.passkeys.begin_registration(account, from_where(asked.request).name)
        return shapes.Ceremony(ceremony=begun.ceremony, publicKey=dict(begun.public_key))

    async def _new_passkey(self, asked: Asked) -> shapes.PasskeyShown:
        account = await self._desk.account(asked.caller.account)
        made = await self._desk.passkeys.register(
            account,
            asked.body.ceremony,
            asked.body.credential,
            name=asked.body.name.strip(),
            origin=from_where(asked.request).own,
        )
        return shapes.PasskeyShown(id=made.id, name=made.name, created_at=show.moment(made.created_at_ms))

    async def _drop_passkey(self, asked: Asked) -> None:
        if not await self._desk.remove_passkey(asked.caller.account, asked.path("id")):
            raise NotFound("there is no such passkey of yours")

    async def _list(self, asked: Asked) -> shapes.Commands:
        shown = [one for one in self._commands.all() if await self._may(asked.caller, one)]
        return shapes.Commands(commands=[_command(one) for one in shown])

    async def _values(self, asked: Asked) -> shapes.Values:
        query, caller = asked.query, asked.caller
        if not caller.may(f"command:{query['command']}"):
            return shapes.Values(values=[])
        place = Conversation(id=f"{PLATFORM}:{caller.owner}:{query['conversation'] or ''}", platform=PLATFORM)
        found = await self._complete(
            caller.identity, place, query["command"], query["option"], query["typed"] or ""
        )
        return shapes.Values(values=found)

    async def _passage(self, asked: Asked) -> shapes.PassageShown:
        found = await self._library.by_id([asked.path("id")[:200]])
        if not found or not await self._may_read(asked.caller, found[0].collection):
            raise NotFound("there is no such passage", hint="the document may have been changed")
        chunk = found[0]
        around = await self._library.beside(chunk, 1)
        before = "\n\n".join(one.text for one in around if one.n < chunk.n)
        after = "\n\n".join(one.text for one in around if one.n > chunk.n)
        text, first, last = await in_thread(lambda: [to_html(one) for one in (chunk.text, before, after)])
        return shapes.PassageShown(
            id=chunk.id,
            document=chunk.name,
            collection=chunk.collection,
            heading=chunk.heading,
            text=chunk.text,
            html=text,
            url=chunk.path if chunk.path.startswith(("http://", "https://")) else "",
            before=first,
            after=last,
        )

    async def _status(self, asked: Asked) -> shapes.StatusShown:
        facts = dict(await self._health.facts())
        found = await in_thread(self._findings)
        states = facts.get("platforms")
        platforms = states if isinstance(states, dict) else {}
        return shapes.StatusShown(
            version=__version__,
            uptime_s=int(str(facts.get("uptime_s") or 0)),
            facts=facts,
            platforms={name: {"state": state} for name, state in platforms.items()},
            waiting={"queues": facts.get("waiting"), "outbox": facts.get("needs_a_look")},
            problems=self._problems.last(),
            findings=[
                shapes.FindingShown(level=one.level, area=one.area, message=one.message, fix=one.fix)
                for one in found
            ],
            people=await self._people(),
            sessions=self._desk.sessions.count(),
        )

    async def _may(self, caller: Caller, command: Command) -> bool:
        return caller.may(f"command:{command.name}") and await may(
            self._authoriser, command, person=caller.person, identity=caller.identity, way="http"
        )

    async def _may_read(self, caller: Caller, collection: str) -> bool:
        decision = await self._authoriser.authorise(
            AccessRequest(
                person=caller.person,
                identity=caller.identity,
                action=f"collection:{collection}",
                way="http",
                least_role="viewer",
                effect="read",
            )
        )
        return decision.allowed and caller.may(f"collection:{collection}")


def _command(one: Command) -> shapes.CommandShown:
    return shapes.CommandShown(
        name=one.name,
        summary=one.summary,
        detail=one.detail,
        examples=list(one.examples),
        effect=one.effect,
        options=[_option(option) for option in one.options],
    )


def _option(one: Option) -> shapes.Options:
    is_plain = one.default is None or isinstance(one.default, str | int | float | bool)
    return shapes.Options(
        name=one.name,
        summary=one.summary,
        kind=one.kind,
        required=one.required,
        default=one.default if is_plain else str(one.default),
        choices=list(one.choices),
        minimum=one.minimum,
        maximum=one.maximum,
        max_length=one.max_length,
        pattern=one.pattern,
        positional=one.positional,
        rest=one.rest,
        completes=one.complete is not None or one.kind in ("choice", "boolean", "datetime", "duration"),
    )
