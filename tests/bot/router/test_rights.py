"""Rights on the way from an event to its answer: arguments, strangers, proven groups, links across platforms."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from quarterdeck.commands import link, whoami, why
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.router.policy import STRANGER
from quarterdeck.router.policy.reading import read_policy
from quarterdeck.testing.platform import FakePlatform

RULES = """
groups:
  oncall: ["fake:G:1"]
rules:
  - name: only staging
    allow: /deploy
    role: viewer
    arguments: {env: staging}
  - name: prod for on-call
    allow: /deploy
    group: oncall
    arguments: {env: prod}
"""


async def _deploy(call: Call) -> Reply:
    return Reply(text=f"Deployed to {call.text('env')}.")


ENV = Option(name="env", summary="Where to", required=True, positional=True)
DEPLOY = Command(
    name="deploy", summary="Deploy", handler=_deploy, options=(ENV,), allow="editor", lane="light"
)


@pytest.fixture
async def bot(make_bot, tmp_path: Path):
    """Return a live bot on two platforms, with rules about `/deploy`."""
    file = tmp_path / "policy.yaml"
    file.write_text(RULES, "utf-8")
    bot = make_bot([DEPLOY, link.COMMAND, why.COMMAND, whoami.COMMAND])
    bot.authoriser.policy = read_policy(file)
    bot.people._groups = bot.authoriser.groups
    bot.other = FakePlatform("other")
    bot.adapters["other"] = bot.other
    async with bot.live():
        yield bot


async def viewer(bot, user: str = "V") -> None:
    """Make a viewer."""
    await bot.people_rows.grant(Identity(platform="fake", user_id=user), "viewer", name="Vera", now_ms=1)


async def test_arguments_of_a_typed_command_are_what_rules_look_at(bot) -> None:
    """By place, by name, in quotes: as the command reads them, before it runs."""
    await viewer(bot)
    lines = (
        "/deploy staging",
        "/deploy --env staging",
        '/deploy "prod"',
        "/deploy --env=prod",
        "/deploy staging2",
    )
    answers = [await bot.ask(line, user="V") for line in lines]

    assert ["Deployed to staging."] * 2 == answers[:2]
    assert [True] * 3 == ["You may not use /deploy" in answer for answer in answers[2:]]


async def test_why_names_the_rules_and_whom_to_ask(bot) -> None:
    """The stored trace, not a new guess."""
    await viewer(bot)
    await bot.ask("/deploy prod", user="V")
    told = await bot.ask("/why", user="V")

    assert "`/deploy`" in told
    assert "only staging: does not fit, it asks for env staging" in told
    assert "prod for on-call: does not fit, it asks for the group oncall" in told


async def test_a_group_that_the_event_proves_opens_what_it_gives(bot) -> None:
    """Discord says a member's roles with each event; the next one without the role is refused."""
    await viewer(bot)
    answers = []
    for number, groups in enumerate((frozenset({"fake:G:1"}), frozenset(), frozenset({"fake:G:2"}))):
        event = replace(bot.platform.posted("/deploy prod", event_id=f"g{number}", user="V"), groups=groups)
        before = len(bot.platform.sent)
        await bot.inbox.accept(event)
        await bot.settled()
        answers.append(bot.platform.texts()[before])

    assert ["Deployed to prod.", True, True] == [
        answers[0],
        *("You may not" in answer for answer in answers[1:]),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "/deploy",
        "/deploy staging x y",
        "/link",
        "/link a b c d",
        "/link AAAA-AAAA",
        "/link --help",
        "/nothing",
    ],
)
async def test_strangers_read_one_sentence_whatever_they_type(bot, line: str) -> None:
    """Right or wrong options, a command that there is or not, a code or none."""
    assert STRANGER == await bot.ask(line, user="S")


async def test_an_account_on_another_platform_becomes_the_persons_own(bot) -> None:
    """The whole way: code, claim by a stranger, a question to both, two presses, and the rights are there."""
    await viewer(bot)
    code = re.search(r"/link ([A-Z0-9-]{9})", await bot.ask("/link", user="V"))
    assert code is not None
    await bot.inbox.accept(bot.other.posted(f"/link {code[1]}", event_id="o1", user="W"))
    await bot.settled()
    asked_first, asked_second = bot.platform.texts()[-1], bot.other.texts()[-1]
    yes = re.search(r"/link yes [0-9a-f]{32}", asked_first)
    assert yes is not None
    before = bot.other.texts()
    await bot.inbox.accept(bot.other.posted("/deploy staging", event_id="o2", user="W"))
    await bot.settled()
    await bot.inbox.accept(bot.other.posted(yes[0], event_id="o3", user="W"))
    await bot.settled()
    linked = await bot.ask(yes[0], user="V")
    await bot.inbox.accept(bot.other.posted("/deploy staging", event_id="o4", user="W"))
    await bot.settled()

    assert ("`other::W`" in asked_first, "`fake::V`" in asked_second) == (True, True)
    assert STRANGER == bot.other.texts()[len(before)]
    assert "one person now" in linked
    assert "Deployed to staging." == bot.other.texts()[-1]
    assert "other::W" in await bot.ask("/whoami", user="V")
