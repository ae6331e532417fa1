"""What a command lacks is asked for: in a form, or question by question, of the person who gave it and nobody else."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import replace

import pytest

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.event import Pressed, Submitted
from quarterdeck.core.form import Form
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.router.forms.questions import MARK
from quarterdeck.store.conversations.forms import StoredForms
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.platform import START

RAN: list[tuple[str, dict[str, object]]] = []
NUMBERS = itertools.count()


async def deploy(call: Call) -> Reply:
    """Remember the call."""
    RAN.append((str(call.identity), dict(call.options)))
    return Reply(text=f"deployed {call.options['service']} to {call.options['env']}")


DEPLOY = Command(
    name="deploy",
    summary="Deploy a service",
    handler=deploy,
    effect="write",
    options=(
        Option(name="service", summary="What to deploy", required=True, positional=True, pattern="[a-z]+"),
        Option(name="env", summary="Where", kind="choice", choices=("staging", "prod"), required=True),
        Option(name="replicas", summary="How many", kind="integer", default=1, minimum=1, maximum=9),
        Option(name="sure", summary="Are you sure", kind="boolean"),
        Option(name="plan", summary="The plan", kind="file"),
    ),
)


@pytest.fixture(autouse=True)
def _forget() -> None:
    RAN.clear()


def submitted(bot, form_id: str, user: str = "U1", **values) -> Submitted:
    """Return the event of a form that was sent."""
    actor = bot.platform.posted("", event_id="x", user=user).actor
    event_id, place = f"s{next(NUMBERS)}", bot.platform.conversation()
    return Submitted(
        id=event_id,
        platform="fake",
        received_at=START,
        conversation=place,
        actor=actor,
        form_id=form_id,
        values=values,
    )


def pressed(bot, value: str, user: str = "U1") -> Pressed:
    """Return the event of a button."""
    actor = bot.platform.posted("", event_id="x", user=user).actor
    event_id, place = f"p{next(NUMBERS)}", bot.platform.conversation()
    return Pressed(
        id=event_id,
        platform="fake",
        received_at=START,
        conversation=place,
        actor=actor,
        button_id="b",
        value=value,
    )


async def answer(bot, event) -> str:
    """Deliver an event and return what was said to it."""
    before = len(bot.platform.sent)
    await bot.inbox.accept(event)
    await bot.settled()
    return "\n".join(bot.platform.texts()[before:])


async def form_of(bot) -> str:
    """Return the id of the newest form."""
    return (await StoredForms(bot.store).all())[-1].id


def make(make_bot, abilities: Collection[Ability] = (), **options):
    """Wire a bot that can deploy."""
    return make_bot([DEPLOY], abilities=abilities, **options)


async def test_questions_are_asked_one_by_one_in_words(make_bot) -> None:
    """On a platform that has nothing but text."""
    bot = make(make_bot)
    async with bot.live():
        said = [await bot.ask(text) for text in ("/deploy --replicas 3", "API", "api", "3", "2")]

    assert "What to deploy" in said[0]
    assert "cannot be 'API'" in said[1]
    assert "What to deploy" in said[1]
    assert "1. staging\n2. prod" in said[2]
    assert "write one of staging, prod" in said[3].lower()
    assert "deployed api to prod" == said[4]
    assert [("fake::U1", {"service": "api", "env": "prod", "replicas": 3, "sure": None, "plan": None})] == RAN


async def test_only_the_one_who_was_asked_can_answer(make_bot) -> None:
    """Others go on talking, and their commands go on working."""
    bot = make(make_bot)
    await bot.people_rows.grant(Identity(platform="fake", user_id="U2"), "operator", now_ms=0)
    async with bot.live():
        await bot.ask("/deploy")
        others = await bot.ask("api", user="U2")
        pong = await bot.ask("/ping")
        mine = await bot.ask("api")

    assert ("chat: api", "Pong.") == (others, pong)
    assert "Where" in mine


async def test_cancel_ends_the_questions(make_bot) -> None:
    """And what is said next is said, not answered."""
    bot = make(make_bot)
    async with bot.live():
        await bot.ask("/deploy")
        said = [await bot.ask("Cancel"), await bot.ask("api")]

    assert ["Cancelled. Nothing was done for /deploy.", "chat: api"] == said


async def test_questions_expire(make_bot) -> None:
    """A word said the next day must not deploy anything."""
    clock = FakeClock()
    bot = make(make_bot, clock=clock)
    async with bot.live():
        await bot.ask("/deploy api")
        await clock.advance(901)
        said = await bot.ask("prod")

    assert ("chat: prod", []) == (said, RAN)


async def test_questions_outlive_a_restart(make_bot) -> None:
    """What was answered before it need not be answered again."""
    first = make(make_bot)
    async with first.live():
        await first.ask("/deploy")
        await first.ask("api")
    second = make(make_bot)
    async with second.live():
        said = await second.ask("prod")

    assert "deployed api to prod" == said


async def test_an_answer_that_is_handled_again_counts_once(make_bot) -> None:
    """The process died between taking the answer and storing the next question."""
    bot = make(make_bot)
    async with bot.live():
        await bot.ask("/deploy")
        event = bot.platform.posted("api", event_id="again")
        first = await answer(bot, event)
    intake = make(make_bot).router._answering.intake
    twice = await intake.wish(event)

    assert isinstance(twice, Reply)
    assert first == twice.text
    assert {"service": "api"} == dict((await StoredForms(bot.store).all())[-1].given)


async def test_choices_are_buttons_where_there_are_some(make_bot) -> None:
    """And a stranger's press changes nothing."""
    bot = make(make_bot, [Ability.BUTTONS])
    async with bot.live():
        asked = await bot.ask("/deploy api")
        form_id = await form_of(bot)
        stranger = await answer(bot, pressed(bot, f"{MARK}{form_id}:1:1", user="U9"))
        done = await answer(bot, pressed(bot, f"{MARK}{form_id}:1:1"))
        again = await answer(bot, pressed(bot, f"{MARK}{form_id}:1:0"))
        nonsense = [
            await answer(bot, pressed(bot, f"{MARK}{tail}"))
            for tail in ("", "x", "x:1:1", f"{form_id}:9:9", f"{form_id}:a:b", f"{form_id}")
        ]

    assert "1. staging" not in asked
    assert "somebody else" in stranger
    assert "deployed api to prod" == done
    assert "closed" in again
    assert all("closed" in said for said in nonsense[1:])
    assert 1 == len(RAN)


async def test_a_form_is_shown_where_the_platform_has_them(make_bot) -> None:
    """It goes through the same checks and the same authoriser, as its own way in."""
    bot = make(make_bot, [Ability.FORMS])
    seen = []
    decide = bot.authoriser.authorise

    async def watch(request):
        seen.append((request.way, request.arguments))
        return await decide(request)

    bot.authoriser.authorise = watch
    async with bot.live():
        await bot.ask("/deploy")
        form_id = await form_of(bot)
        stranger = await answer(bot, submitted(bot, form_id, user="U9", service="api", env="prod"))
        wrong = await answer(bot, submitted(bot, form_id, service="API", env="prod", replicas=""))
        kept = dict((await StoredForms(bot.store).get(form_id)).given)
        done = await answer(bot, submitted(bot, form_id, service="api", env="prod", replicas="2", evil="x"))
        again = await answer(bot, submitted(bot, form_id, service="api", env="prod"))
        unknown = await answer(bot, submitted(bot, "nobodys", service="api"))

    assert "somebody else" in stranger
    assert "cannot be 'API'" in wrong
    assert {"service": "API", "env": "prod"} == kept
    assert "deployed api to prod" == done
    assert "closed" in again
    assert "" == unknown
    assert [2] == [options["replicas"] for _, options in RAN]
    assert ["message", "form", "form"] == [way for way, _ in seen]
    assert "prod" == seen[-1][1]["env"]


async def test_a_form_says_at_each_input_what_is_wrong_with_it(make_bot) -> None:
    """All of it at once, and what is right stays filled in."""
    bot = make(make_bot, [Ability.FORMS])
    shown: list[Reply] = []
    render = bot.platform.render
    bot.platform.render = lambda reply: shown.append(reply) or render(reply)
    async with bot.live():
        await bot.ask("/deploy")
        form_id = await form_of(bot)
        await answer(bot, submitted(bot, form_id, service="API", env="mars", replicas=12))
        wrong = {one.id: (one.value, one.problem) for one in shown[-1].card.inputs}
        await answer(bot, submitted(bot, form_id, service="api", replicas=2))
        missing = {one.id: (one.value, one.problem) for one in shown[-1].card.inputs}

    assert ("API", "Write something of the form [a-z]+.") == wrong["service"]
    assert ("mars", "Write one of staging, prod.") == wrong["env"]
    assert ("12", "Write a number from 1 up to 9.") == wrong["replicas"]
    assert ("", "This is needed.") == missing["env"]
    assert [("api", ""), ("2", "")] == [missing[name] for name in ("service", "replicas")]


async def test_a_role_that_was_taken_away_is_missed_at_the_end_of_the_form(make_bot) -> None:
    """The form is no grant."""
    bot = make(make_bot, [Ability.FORMS])
    anna = Identity(platform="fake", user_id="U2")
    await bot.people_rows.grant(anna, "operator", now_ms=0)
    async with bot.live():
        await bot.ask("/deploy", user="U2")
        await bot.people_rows.revoke(anna)
        said = await answer(bot, submitted(bot, await form_of(bot), user="U2", service="api", env="prod"))

    assert "do not know you" in said
    assert [] == RAN


async def test_nobody_is_asked_where_nobody_is_there(make_bot) -> None:
    """A schedule's command line fails with the fix, as before."""
    bot = make(make_bot)
    async with bot.live():
        event = bot.platform.posted("/deploy", event_id="tick")
        said = await answer(bot, replace(event, origin="schedule:1"))

    assert "needs 'service'" in said
    assert [] == list(await StoredForms(bot.store).all())


async def test_a_file_is_an_answer(make_bot) -> None:
    """Sent alone, it is what was asked for."""

    async def read(call: Call) -> Reply:
        file = call.file("plan")
        return Reply(text=f"read {file.name}" if file else "no file")

    one = Command(
        name="read",
        summary="Read a plan",
        handler=read,
        options=(Option(name="plan", summary="The plan", kind="file", required=True),),
    )
    bot = make_bot([one], abilities=[Ability.FILES])
    file = Attachment(name="plan.pdf", media_type="application/pdf", size_bytes=3, url="h")

    def with_file(text: str, event_id: str):
        event = bot.platform.posted(text, event_id=event_id)
        return replace(event, message=replace(event.message, attachments=(file,)))

    async with bot.live():
        at_once = await answer(bot, with_file("/read", "f1"))
        await bot.ask("/read")
        asked = [await bot.ask("later"), await answer(bot, with_file("", "f2"))]

    bare = make_bot([one])
    async with bare.live():
        refused = await bare.ask("/read")

    assert "read plan.pdf" == at_once
    assert "send the file" in asked[0]
    assert "read plan.pdf" == asked[1]
    assert "does not have: files" in refused


async def test_stored_forms_come_back_as_they_were_and_old_ones_go(store) -> None:
    """Values, files and all."""
    rows = StoredForms(store)

    def form(name: str, at_ms: int) -> Form:
        return Form(
            id=name,
            command="deploy",
            identity=Identity.parse("slack:T1:U1"),
            conversation=Conversation(id="slack:T1:C1", platform="slack", kind="group"),
            asking=("service",),
            given={"env": "prod", "n": 2, "sure": True},
            attachments=(Attachment(name="a", media_type="b", size_bytes=1),),
            created_at_ms=at_ms,
            expires_at_ms=at_ms + 900_000,
        )

    await rows.keep(form("one", 0))
    await rows.keep(form("two", 60_000))
    both = await rows.all()
    await rows.keep(form("three", 2 * 86_400_000))

    assert [form("one", 0), form("two", 60_000)] == list(both)
    assert ["three"] == [one.id for one in await rows.all()]
    assert await rows.get("one") is None
