"""What is offered while somebody types is what they may run, quickly, and nothing breaks it."""

from __future__ import annotations

import asyncio

import pytest

from quarterdeck.core.command import Command, Option
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import AccessRequest, Decision
from quarterdeck.router.command.catalogue import Catalogue
from quarterdeck.router.native.completion import Completion, ranked

ANNA = Identity.parse("slack:T1:U1")
HERE = Conversation(id="slack:T1:C1", platform="slack", kind="group")


async def never(call: object) -> None:
    """Stand in for a handler."""


async def services(typed: str) -> list[str]:
    """Know services by more than their letters."""
    return ["payments", "api-gateway", "api", "x" * 101, "", *(f"api-{n}" for n in range(40))]


async def broken(typed: str) -> list[str]:
    """Fail."""
    raise RuntimeError("no")


async def slow(typed: str) -> list[str]:
    """Never come back."""
    await asyncio.Event().wait()
    return []


OPTIONS = (
    Option(name="env", summary="Where", kind="choice", choices=("staging", "prod", "pre-prod")),
    Option(name="service", summary="What", complete=services),
    Option(name="broken", summary="What", complete=broken),
    Option(name="slow", summary="What", complete=slow),
    Option(name="sure", summary="Is it", kind="boolean"),
    Option(name="at", summary="When", kind="datetime"),
    Option(name="free", summary="Anything"),
)
DEPLOY = Command(name="deploy", summary="Deploy", handler=never, options=OPTIONS)
SECRET = Command(name="deprive", summary="Secret", handler=never, allow="owner", options=OPTIONS)


class People:
    """Know Anna."""

    async def person_of(self, identity: Identity, name: str = "", groups: object = None) -> Person:
        """Return her."""
        return Person(id="1", name="Anna", role="operator")


class Authority:
    """Allow one command."""

    def __init__(self) -> None:
        self.asked: list[AccessRequest] = []

    async def authorise(self, request: AccessRequest) -> Decision:
        """Decide."""
        self.asked.append(request)
        return Decision(allowed=request.action == "command:deploy", rule="test")


def completion(limit_s: float = 1.5) -> Completion:
    """Wire one."""
    return Completion(Catalogue([DEPLOY, SECRET]), People(), Authority(), limit_s=limit_s)


async def complete(command: str, option: str, typed: str) -> list[str]:
    """Ask it."""
    return await completion()(ANNA, HERE, command, option, typed)


async def test_what_begins_with_it_comes_first() -> None:
    """Then words, then what holds it, then its letters in order."""
    assert ["prod", "pre-prod"] == await complete("deploy", "env", "PR")
    assert ["staging"] == await complete("deploy", "env", "sg")
    assert ["prod", "pre-prod", "staging", "top-rod"] == [
        *ranked("pro", ["pre-prod", "prod"]),
        *ranked("g", ["staging", "prod"]),
        *ranked("tr", ["top-rod", "xyz"]),
    ]
    assert ["yes"] == await complete("deploy", "sure", "y")
    assert "tomorrow 9:00" in await complete("deploy", "at", "tom")
    assert [] == await complete("deploy", "free", "x")


async def test_a_commands_own_values_are_bounded_and_keep_what_only_it_knows() -> None:
    """25 values of at most 100 characters, each once."""
    found = await complete("deploy", "service", "pay")
    many = await complete("deploy", "service", "api")

    assert "payments" == found[0]
    assert "api" in found
    assert (25, 25) == (len(many), len(set(many)))
    assert max(map(len, many)) <= 100


@pytest.mark.parametrize("option", ["env", "service", "broken", "slow", "nothing"])
async def test_nothing_is_said_of_a_command_that_may_not_be_run(option: str) -> None:
    """The values of a command are as secret as the command."""
    assert [] == await complete("deprive", option, "")
    assert [] == await complete("unknown", option, "")


async def test_the_umbrella_completes_the_names_of_what_may_be_run() -> None:
    """And nothing for what follows the name."""
    assert ["deploy"] == await complete("qd", "command", "/dep")
    assert [] == await complete("qd", "line", "dep")


async def test_what_fails_or_takes_too_long_completes_nothing() -> None:
    """The person goes on typing."""
    assert [] == await complete("deploy", "broken", "x")
    assert [] == await completion(limit_s=0.01)(ANNA, HERE, "deploy", "slow", "x")


async def test_the_one_authoriser_is_asked() -> None:
    """As for a native command, in this conversation, with arguments not known yet."""
    authority = Authority()
    await Completion(Catalogue([DEPLOY]), People(), authority)(ANNA, HERE, "deploy", "env", "")

    assert [("command:deploy", "native", HERE, None)] == [
        (one.action, one.way, one.conversation, one.arguments) for one in authority.asked
    ]
