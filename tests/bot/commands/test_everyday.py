"""What the small commands answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quarterdeck.commands import delivery, echo, ping, status, whoami, why
from quarterdeck.commands import help as help_
from quarterdeck.core.access import Considered
from quarterdeck.core.command import Call, Command
from quarterdeck.core.errors import UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Delivery, Refusal, Services
from quarterdeck.router.command.catalogue import discover
from quarterdeck.router.policy import Authority

COMMANDS = discover("quarterdeck.commands")
ANNA = Identity.parse("slack:T1:U1")


class Deliveries:
    """Know two parts that did not arrive."""

    def __init__(self) -> None:
        self.retried: list[str] = []
        self.rows = [
            Delivery(
                id="a#1", conversation_id="slack:C1", state="dead", attempts=8, reason="gone", created_at_ms=0
            ),
            Delivery(
                id="b#1", conversation_id="slack:C1", state="unknown", attempts=1, reason="", created_at_ms=0
            ),
        ]

    async def pending(
        self, conversation_id: str | None = None, limit: int = 200, *, state: str = ""
    ) -> list[Delivery]:
        """Return them."""
        return [row for row in self.rows if state in ("", row.state)]

    async def retry_all(self, conversation_id: str) -> int:
        """Remember what was asked for."""
        self.retried.append(conversation_id)
        return len(self.rows)

    async def retry(self, delivery_id: str) -> Delivery:
        """Remember what was asked for."""
        self.retried.append(delivery_id)
        return self.rows[0]


def call(command: Command, role: str = "owner", options: Mapping[str, object] = {}, **services: Any) -> Call:
    """Return a call by Anna."""
    bundle = SimpleNamespace(commands=COMMANDS, authoriser=Authority(), **services)
    return Call(
        command=command.name,
        options={option.name: options.get(option.name, option.default) for option in command.options},
        person=Person(id="1", name="Anna", role=role),
        identity=ANNA,
        conversation=Conversation(id="slack:C1", platform="slack", kind="group"),
        event_id="e1",
        services=cast(Services, bundle),
    )


async def test_ping_and_echo() -> None:
    """Exactly what scripts compare with."""
    pong = await ping.COMMAND.handler(call(ping.COMMAND))
    echoed = await echo.COMMAND.handler(call(echo.COMMAND, options={"text": " *x* \t"}))

    assert ("Pong.", " *x* \t") == (pong.text, echoed.text)


@pytest.mark.parametrize("role", ["viewer", "operator", "owner"])
async def test_help_lists_what_the_person_may_run_and_nothing_else(role: str) -> None:
    """The list is no map of what to attack."""
    reply = await help_.COMMAND.handler(call(help_.COMMAND, role))

    listed = {command.name for command in COMMANDS.all() if f"`/{command.name}`" in reply.text}
    viewers = {"help", "ping", "echo", "ask", "whoami", "why", "link"}
    assert viewers == listed if role == "viewer" else viewers < listed


async def test_help_explains_one_command_and_corrects_a_typo() -> None:
    """Within what the person may run."""
    reply = await help_.COMMAND.handler(call(help_.COMMAND, options={"command": "/Schedule"}))
    with pytest.raises(UsageError) as typo:
        await help_.COMMAND.handler(call(help_.COMMAND, options={"command": "shedule"}))
    with pytest.raises(UsageError) as hidden:
        await help_.COMMAND.handler(call(help_.COMMAND, "viewer", options={"command": "schedule"}))

    assert "Europe/Berlin" in reply.text
    assert "schedule" in typo.value.hint
    assert "schedule" not in hidden.value.hint


async def test_whoami_names_account_and_role_in_private() -> None:
    """The first question when something is refused."""
    reply = await whoami.COMMAND.handler(call(whoami.COMMAND, "editor"))

    assert [] == [part for part in ("Anna", "editor", "slack:T1:U1") if part not in reply.text]
    assert reply.private_to == ANNA


async def test_why_shows_the_rule_that_refused() -> None:
    """And who can change it; to the person alone."""
    refusal = Refusal(
        action="command:deploy",
        way="button",
        rule="/deploy needs the role editor",
        at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
        trace=(
            Considered(rule="nights", place="policy.yaml:9", fits=False, why="it asks for the way message"),
        ),
    )
    approvable = replace(refusal, approvers=("role:admin", "group:leads"))

    async def stewards() -> tuple[str, ...]:
        return ("Olga", "Ben")

    people = SimpleNamespace(stewards=stewards)

    async def approvals(person_id: str) -> Refusal:
        return approvable

    async def last(person_id: str) -> Refusal | None:
        return refusal if person_id == "1" else None

    async def nothing(person_id: str) -> None:
        return None

    reply = await why.COMMAND.handler(
        call(why.COMMAND, decisions=SimpleNamespace(last_refusal=last), people=people)
    )
    asking = await why.COMMAND.handler(
        call(why.COMMAND, decisions=SimpleNamespace(last_refusal=approvals), people=people)
    )
    clean = await why.COMMAND.handler(call(why.COMMAND, decisions=SimpleNamespace(last_refusal=nothing)))

    wanted = (
        "deploy",
        "button",
        "2026-11-21 09:30",
        "needs the role editor",
        "Olga, Ben",
        "person grant",
        "nights",
    )
    assert [] == [part for part in wanted if part not in reply.text]
    assert "role admin or somebody in the group leads" in asking.text
    assert "Nothing was refused" in clean.text
    assert (ANNA, ANNA) == (reply.private_to, clean.private_to)


async def test_status_shows_every_fact() -> None:
    """As plain words."""

    async def facts() -> dict[str, object]:
        return {
            "version": "1.0",
            "uptime_s": 5,
            "model": None,
            "is_fine": True,
            "waiting": {"events": 3},
            "none": {},
        }

    reply = await status.COMMAND.handler(call(status.COMMAND, health=SimpleNamespace(facts=facts)))
    assert reply.card is not None
    shown = {field.label: field.value for field in reply.card.fields}

    assert {
        "Version": "1.0",
        "Uptime": "5",
        "Model": "none",
        "Is fine": "yes",
        "Waiting": "events 3",
        "None": "none",
    } == shown


async def test_delivery_lists_and_retries() -> None:
    """With the reason, and what to type."""
    deliveries = Deliveries()
    listed = await delivery.COMMAND.handler(call(delivery.COMMAND, deliveries=deliveries))
    again = await delivery.COMMAND.handler(
        call(delivery.COMMAND, options={"action": "retry", "id": "a#1"}, deliveries=deliveries)
    )
    with pytest.raises(UsageError) as which:
        await delivery.COMMAND.handler(
            call(delivery.COMMAND, options={"action": "retry"}, deliveries=deliveries)
        )
    deliveries.rows = []
    nothing = await delivery.COMMAND.handler(call(delivery.COMMAND, deliveries=deliveries))

    assert [] == [part for part in ("a#1", "dead", "gone", "b#1", "unknown") if part not in listed.text]
    assert (["a#1"], True) == (deliveries.retried, "a#1" in again.text)
    assert "/delivery list" in which.value.hint
    assert "Everything has arrived." == nothing.text


async def test_what_is_dead_in_a_conversation_is_sent_again_at_once() -> None:
    """After the bot was invited back."""
    deliveries = Deliveries()
    dead = await delivery.COMMAND.handler(
        call(delivery.COMMAND, options={"state": "dead"}, deliveries=deliveries)
    )
    sending = await delivery.COMMAND.handler(
        call(delivery.COMMAND, options={"state": "sending"}, deliveries=deliveries)
    )
    again = await delivery.COMMAND.handler(
        call(delivery.COMMAND, options={"action": "retry", "id": "all"}, deliveries=deliveries)
    )

    assert (True, False) == ("a#1" in dead.text, "b#1" in dead.text)
    assert "Nothing is sending." == sending.text
    assert (["slack:C1"], True) == (deliveries.retried, again.text.startswith("2 "))


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("schedule something", "schedule"),
        ("ask documents", "ask"),
        ("planned times", "schedule"),
        ("last command refused", "why"),
    ],
)
async def test_help_finds_commands_by_words(words: str, first: str) -> None:
    """With an example to copy."""
    reply = await help_.COMMAND.handler(call(help_.COMMAND, options={"command": words}))

    assert reply.text.startswith(f"- `/{first}` "), reply.text
    assert ", such as `/" in reply.text


async def test_help_finds_only_what_the_person_may_run() -> None:
    """Words are no way around the policy."""
    reply = await help_.COMMAND.handler(
        call(help_.COMMAND, "viewer", options={"command": "refused documents"})
    )
    with pytest.raises(UsageError) as hidden:
        await help_.COMMAND.handler(call(help_.COMMAND, "viewer", options={"command": "planned times"}))

    assert "`/why`" in reply.text
    assert "schedule" not in reply.text
    assert "/help lists all" in hidden.value.hint
