"""Invite people to the web door and sign them out, for the program's own verbs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quarterdeck.core.account import PLATFORM
from quarterdeck.core.errors import UsageError
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json, Operation, Progress
from quarterdeck.core.roles import Roles
from quarterdeck.core.text import did_you_mean

if TYPE_CHECKING:
    from quarterdeck.web.access.desk import AccountDesk

Desk = Callable[[], Awaitable["AccountDesk"]]


class AccountOperations:
    """Be behind `person.invite` and `person.sign_out`."""

    def __init__(self, desk: Desk, roles: Roles, address: Callable[[], str]) -> None:
        self._desk, self._roles, self._address = desk, roles, address

    def all(self) -> list[Operation]:
        """Return both."""
        return [
            Operation(name="person.invite", handler=self.invite, effect="write"),
            Operation(name="person.sign_out", handler=self.sign_out, effect="write"),
        ]

    async def invite(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Make a one-time code; it is in this answer and nowhere else."""
        role, name, email = (_text(parameters, key) for key in ("role", "name", "email"))
        if not self._roles.of(role):
            known = self._roles.names()
            raise UsageError(
                f"{role[:60]!r} is no role",
                hint=did_you_mean(role, known) or f"write one of {', '.join(known)}",
            )
        code, invitation = await (await self._desk()).invite(role, name, email)
        return {
            "code": code,
            "address": f"{self._address()}/sign-in",
            "link": f"{self._address()}/sign-in#code={code}",
            "role": role,
            "name": name,
            "email": invitation.email,
            "expires_at": datetime.fromtimestamp(invitation.expires_at_ms / 1000, UTC).isoformat(),
        }

    async def sign_out(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """End every session of a web account, open pages included."""
        identity = Identity.written(_text(parameters, "identity"))
        if identity.platform != PLATFORM:
            raise UsageError(f"{identity} is no web account", hint="write web::NAME")
        await (await self._desk()).sign_out_everywhere(identity.user_id)
        return {"identity": str(identity)}


def _text(parameters: Mapping[str, Json], name: str) -> str:
    value = parameters.get(name)
    return value if isinstance(value, str) else ""
