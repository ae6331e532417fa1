"""Prove that what needs an approval runs once, as approved, for who asked, by the word of others, and not otherwise."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.bot.router.conftest import Bot, MakeBot

from quarterdeck.commands.approve import COMMAND as APPROVE
from quarterdeck.commands.deny import COMMAND as DENY
from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.event import Invoked
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.core.roles import Roles
from quarterdeck.router.approvals.canonical import LONGEST, canonical
from quarterdeck.router.approvals.card import verbatim
from quarterdeck.router.policy.reading import read_policy
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.platform import FakePlatform

POLICY = """
rules:
  - name: deploys need a second pair of eyes
    allow: /deploy
    role: operator
    approval: {by: "role:admin", quorum: QUORUM, within_s: 600}
"""
OPERATOR, ADMIN, SECOND = (Identity(platform="fake", user_id=name) for name in ("OP", "AD", "A2"))


class Deploys:
    """Count what was really deployed."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, str]] = []

    def command(self) -> Command:
        async def deploy(call: Call) -> Reply:
            self.done.append((call.text("service"), call.text("env"), str(call.identity)))
            return Reply(text=f"Deployed {call.text('service')}.")

        return Command(
            name="deploy",
            summary="Deploy a service",
            handler=deploy,
            options=(
                Option(name="service", summary="Which", required=True, positional=True),
                Option(name="env", summary="Where", kind="choice", choices=("prod", "test"), default="test"),
            ),
            effect="destructive",
        )


class Office:
    """Hold a bot whose policy asks for approvals."""

    def __init__(self, bot: Bot, deploys: Deploys) -> None:
        self.bot, self.deploys = bot, deploys

    async def ask(self, text: str = "/deploy api --env prod", by: str = "OP", where: str = "C1") -> str:
        return await self.bot.ask(text, user=by, conversation=self.bot.platform.conversation(where))

    async def request(self, **options: Any) -> str:
        """Ask for a deploy; return the request's name."""
        await self.ask(**options)
        (*_, newest) = await self.bot.approvals._rows.open()
        return newest.id

    def place(self, name: str) -> Conversation:
        return self.bot.platform.conversation(name)


@pytest.fixture
def quorum() -> int:
    return 1


@pytest.fixture
async def office(make_bot: MakeBot, tmp_path: Path, quorum: int) -> AsyncIterator[Office]:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.replace("QUORUM", str(quorum)))
    deploys, clock = Deploys(), FakeClock()
    platform = FakePlatform(abilities={Ability.EDIT, Ability.BUTTONS})
    bot = make_bot([deploys.command(), APPROVE, DENY], platform=platform, clock=clock)
    bot.authoriser.policy = read_policy(file)
    for identity, role in ((OPERATOR, "operator"), (ADMIN, "admin"), (SECOND, "admin")):
        await bot.people_rows.grant(identity, role, now_ms=1)
    async with bot.live():
        yield Office(bot, deploys)


async def test_nothing_runs_until_another_agrees(office: Office) -> None:
    """The whole way: asked, shown, agreed to, done once, for who asked."""
    card = await office.ask()
    assert ["is asked for" in card, "deploy" in card, "prod" in card] == [True, True, True]
    assert [] == office.deploys.done
    (pending,) = await office.bot.approvals._rows.open()
    await office.ask(f"/approve {pending.id} looks good", by="AD")
    assert [("api", "prod", str(OPERATOR))] == office.deploys.done
    done = await office.bot.approvals._rows.get(pending.id)
    assert ("done", "looks good") == (done.state, done.votes[0].comment)
    assert "Approved, and done" in office.bot.platform.shown()[0]


async def test_who_asks_does_not_approve(make_bot: MakeBot, tmp_path: Path, office: Office) -> None:
    """Not even an admin for themselves."""
    name = await office.request(by="AD")
    assert "somebody else must approve" in await office.ask(f"/approve {name}", by="AD")
    await office.ask(f"/approve {name}", by="A2")
    assert [("api", "prod", str(ADMIN))] == office.deploys.done


async def test_an_account_linked_to_who_asks_does_not_approve(office: Office) -> None:
    """A second account is the same person."""
    name = await office.request(by="AD")
    await office.bot.people_rows.link(ADMIN, SECOND, higher=lambda one, other: one, now_ms=2)
    assert "somebody else must approve" in await office.ask(f"/approve {name}", by="A2")
    assert [] == office.deploys.done


async def test_only_the_named_roles_approve(office: Office) -> None:
    """An operator's word counts nothing here, and is refused rather than counted."""
    other = Identity(platform="fake", user_id="O2")
    await office.bot.people_rows.grant(other, "operator", now_ms=1)
    name = await office.request()
    assert "Only role admin may approve" in await office.ask(f"/approve {name}", by="O2")
    assert [] == office.deploys.done


async def test_one_denial_ends_it(office: Office) -> None:
    """After a no there is no yes."""
    name = await office.request()
    assert "denied" in await office.ask(f"/deny {name} not on a Friday", by="AD")
    assert "decided already" in await office.ask(f"/approve {name}", by="A2")
    assert [] == office.deploys.done


@pytest.mark.parametrize("quorum", [2])
async def test_a_quorum_counts_people_not_clicks(office: Office) -> None:
    """Two of two: the same admin twice is one."""
    name = await office.request()
    for _ in range(3):
        await office.ask(f"/approve {name}", by="AD")
    assert [] == office.deploys.done
    await office.ask(f"/approve {name}", by="A2")
    assert 1 == len(office.deploys.done)


async def test_a_thousand_double_clicks_run_once(office: Office) -> None:
    """T29: whatever is pressed again and again, it is done once."""
    name = await office.request()
    (pending,) = await office.bot.approvals._rows.open()
    value = f"/approve {name} --digest {pending.digest[:16]}"
    for burst in range(20):
        for n in range(50):
            who = ("AD", "A2")[n % 2]
            event = office.bot.platform.pressed(
                value, user=who, conversation=office.place(f"D{burst}"), event_id=f"p{burst}-{n}"
            )
            await office.bot.inbox.accept(event)
        await office.bot.settled()
    assert [("api", "prod", str(OPERATOR))] == office.deploys.done


async def test_time_runs_out(office: Office) -> None:
    """After its time a request is over, also for who is just clicking."""
    name = await office.request()
    await office.bot.clock.advance(601)
    assert "in time" in await office.ask(f"/approve {name}", by="AD")
    assert "expired" == (await office.bot.approvals._rows.get(name)).state
    assert [] == office.deploys.done


async def test_it_expires_by_itself_and_the_card_says_so(office: Office) -> None:
    """Nobody has to click to see that it is over."""
    await office.request()
    task = asyncio.create_task(office.bot.approvals.serve())
    await office.bot.clock.wait_for_sleepers()
    await office.bot.clock.advance(601)
    while "Nobody approved it in time" not in office.bot.platform.shown()[0]:
        await asyncio.sleep(0)
    task.cancel()


async def test_rights_are_checked_again_when_it_runs(office: Office) -> None:
    """Who lost their role while others were asked gets nothing done (F27)."""
    name = await office.request()
    await office.bot.people_rows.revoke(OPERATOR)
    await office.ask(f"/approve {name}", by="AD")
    assert [] == office.deploys.done


@pytest.mark.parametrize("quorum", [2])
async def test_an_approver_who_lost_the_role_meanwhile_does_not_count(office: Office) -> None:
    """Roles are checked at the click and when it runs."""
    name = await office.request()
    await office.ask(f"/approve {name}", by="AD")
    await office.bot.people_rows.grant(ADMIN, "operator", now_ms=3)
    await office.ask(f"/approve {name}", by="A2")
    assert [] == office.deploys.done
    assert "refused" == (await office.bot.approvals._rows.get(name)).state


async def test_what_was_granted_before_a_crash_runs_after_it(office: Office) -> None:
    """The event of ours is raised again; twice is once."""
    name = await office.request()
    await office.bot.store.write(
        "test", lambda connection: connection.exec_driver_sql("UPDATE approvals SET state = 'granted'")
    )
    insert = "INSERT INTO approval_votes VALUES (?, 'x', ?, 'Admin', 1, '', 1)"
    await office.bot.store.write(
        "test", lambda connection: connection.exec_driver_sql(insert, (name, str(ADMIN)))
    )
    for _ in range(2):
        task = asyncio.create_task(office.bot.approvals.serve())
        while not office.deploys.done:
            await asyncio.sleep(0)
        await office.bot.settled()
        task.cancel()
    assert [("api", "prod", str(OPERATOR))] == office.deploys.done


HOSTILE_VALUES = (
    "api`",
    "``x``",
    "a\u202eb",
    "x\ny",
    "**bold**",
    "<@U1>",
    "",
    " ",
    "é" * 40,
    "api --env prod",
    "' OR 1=1",
)


async def test_five_hundred_hostile_requests_run_nothing_off_the_approved_hash(office: Office) -> None:
    """Changed arguments, another command, another asker, place or origin: nothing but what was shown is done."""
    seed = random.Random(29)
    name = await office.request()
    (pending,) = await office.bot.approvals._rows.open()
    before = list(office.deploys.done)
    for n in range(500):
        wanted = {"service": seed.choice(HOSTILE_VALUES) or "x", "env": seed.choice(("prod", "test"))}
        event = Invoked(
            id=f"forged{n}",
            platform="fake",
            received_at=office.bot.clock.now(),
            conversation=office.bot.platform.conversation(seed.choice(("C1", "C2"))),
            actor=seed.choice((OPERATOR, ADMIN, Identity(platform="fake", user_id="stranger"))),
            origin=seed.choice(
                (f"approval:{name}:message", f"approval:{name[::-1]}:button", "approval:x:native")
            ),
            command=seed.choice(("deploy", "deploy", "echo")),
            options=wanted,
        )
        await office.bot.inbox.accept(event)
    await office.bot.settled()
    assert before == office.deploys.done
    stale = f"/approve {name} --digest {'0' * 16}"
    await office.bot.inbox.accept(
        office.bot.platform.pressed(stale, user="AD", conversation=office.place("C9"), event_id="stale")
    )
    await office.bot.settled()
    assert before == office.deploys.done
    assert pending.digest == (await office.bot.approvals._rows.get(name)).digest


async def test_what_cannot_be_shown_whole_is_refused(office: Office) -> None:
    """Nobody approves what they have not seen."""
    answer = await office.ask("/deploy " + "x" * LONGEST)
    assert "cannot be shown whole" in answer
    assert [] == list(await office.bot.approvals._rows.open())


async def test_the_same_event_asks_once(office: Office) -> None:
    """A redelivery or a restart shows one card."""
    for _ in range(3):
        await office.bot.say("/deploy api", user="OP", conversation=office.place("C1"), event_id="same")
    assert 1 == len(await office.bot.approvals._rows.open())


async def test_waiting_requests_are_listed_for_those_who_may(office: Office) -> None:
    """Asked on one platform, found on another."""
    name = await office.request()
    assert f"/approve {name}" in await office.ask("/approve", by="AD", where="D7")
    assert "Nothing waits" in await office.ask("/approve", by="OP", where="D8")


@pytest.mark.parametrize("value", HOSTILE_VALUES)
def test_values_are_shown_as_they_are(value: str) -> None:
    """A value is code on one line: it cannot draw a card of its own."""
    shown = verbatim(value if value.strip() else json.dumps(value))
    assert "\n" not in shown
    assert shown.startswith("`")
    assert "\u202e" not in shown


def test_canonical_options_do_not_depend_on_their_order() -> None:
    """One thing has one hash."""
    assert '{"a":1,"b":"é"}' == canonical({"b": "é", "a": 1, "c": None}) == canonical({"a": 1, "b": "é"})


async def test_what_is_asked_on_one_platform_is_granted_on_another(office: Office) -> None:
    """From the train: the card of the first platform changes, the answer comes where it was asked."""
    phone = FakePlatform("phone", abilities={Ability.EDIT})
    office.bot.adapters["phone"] = phone
    abroad = Identity(platform="phone", user_id="AD")
    await office.bot.people_rows.link(ADMIN, abroad, higher=Roles().higher, now_ms=2)
    name = await office.request()
    event = phone.posted(f"/approve {name}", event_id="p1", user="AD")
    assert await office.bot.inbox.accept(event)
    await office.bot.settled()

    assert [("api", "prod", str(OPERATOR))] == office.deploys.done
    assert "Approved, and done" in office.bot.platform.shown()[0]
    assert "Deployed api." in office.bot.platform.texts()
    assert [f"{name} is approved; it runs now."] == phone.texts()
