"""A platform that lacks something shows it as text: nothing is dropped, and nothing private is shown to all."""

from __future__ import annotations

import pytest

from quarterdeck.core.adapter import Ability
from quarterdeck.core.errors import Unavailable
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Button, Card, Citation, Field, File, Input, Reply
from quarterdeck.router.delivery.degrade import NOT_HERE, PICK, SENT_DIRECT, degrade

CARD = Card(
    title="Deploy api",
    body="Go ahead?",
    fields=(Field(label="Environment", value="prod"),),
    buttons=(Button(id="go", label="Go", value="/approve 7"), Button(id="no", label="No", value="/deny 7")),
)
WHOLE = Reply(
    text="Here it is.",
    card=CARD,
    citations=(Citation(n=1, document="runbook.md", heading="Deploys"),),
    files=(File(name="plan.txt", path="/tmp/plan.txt"),),
)


def test_everything_becomes_text_where_nothing_is_native() -> None:
    """What people could press they can type."""
    text = degrade(WHOLE, frozenset()).text

    wanted = (
        "Here it is.",
        "Deploy api",
        "Go ahead?",
        "Environment",
        "prod",
        "/approve 7",
        "/deny 7",
        "runbook.md",
    )
    assert [] == [word for word in (*wanted, "Deploys", "plan.txt") if word not in text]


def test_buttons_stay_where_they_can_be_pressed() -> None:
    """And are not written out as well."""
    reply = degrade(WHOLE, frozenset({Ability.BUTTONS, Ability.FILES}))

    assert reply.card is not None
    assert (CARD.buttons, WHOLE.files) == (reply.card.buttons, reply.files)
    assert "/approve" not in reply.text
    assert "plan.txt" not in reply.text


def test_plain_text_is_not_touched() -> None:
    """`/echo` is byte for byte."""
    reply = Reply(text="  *a* `b` <c> \u202e ")

    assert reply == degrade(reply, frozenset())


def test_a_private_answer_is_not_shown_to_a_group() -> None:
    """Where the platform cannot show it to one person, that person is told where to ask."""
    reply = Reply(text="secret", card=CARD, private_to=Identity(platform="fake", user_id="U1"))

    shown = {
        (kind, bool(abilities)): degrade(reply, frozenset(abilities), kind=kind).text
        for kind in ("direct", "group", "thread")
        for abilities in ((), (Ability.PRIVATE,))
    }

    hidden = {place for place, text in shown.items() if text == NOT_HERE}
    assert {("group", False), ("thread", False)} == hidden
    assert all("secret" in text for place, text in shown.items() if place not in hidden)


def test_a_form_stays_a_form_where_there_are_forms() -> None:
    """Its text is shown as well, since the form opens only when somebody asks for it."""
    form = Card(title="/deploy", body="Ship a service", inputs=(Input(id="env", label="Env"),), form_id="f1")
    native = degrade(Reply(card=form), frozenset({Ability.FORMS, Ability.BUTTONS}))
    words = degrade(Reply(card=form), frozenset())

    assert native.card is not None
    assert ("/deploy", form.inputs, "f1") == (native.card.title, native.card.inputs, native.card.form_id)
    assert "Ship a service" in native.text
    assert (None, True) == (words.card, "Env" in words.text)


CHOICE = Reply(
    text="Deploy?",
    card=Card(
        buttons=(Button(id="go", label="Go", value="/echo gone"), Button(id="no", label="No", value="/ping"))
    ),
)


@pytest.mark.parametrize(
    ("number", "said"), [("1", "gone"), (" 2 ", "Pong."), ("3", "chat: 3"), ("one", "chat: one")]
)
async def test_a_choice_is_picked_by_its_number(make_bot, number: str, said: str) -> None:
    """Where there are no buttons a number is a press, over restarts; anything else is what it always was."""
    bot = make_bot()
    place = bot.platform.conversation()
    async with bot.live():
        await bot.outbox.send(place, CHOICE, key="k")
        await bot.settled()
    again = make_bot(platform=bot.platform)
    async with again.live():
        answer = await again.ask(number)

    assert f"Deploy?\n\n1. Go: `/echo gone`\n2. No: `/ping`\n\n{PICK}" == bot.platform.texts()[0]
    assert said == answer


async def test_a_choice_is_pressed_with_the_rights_of_who_picks_it(make_bot) -> None:
    """The number is no key: a stranger is refused like a stranger."""
    bot = make_bot()
    async with bot.live():
        await bot.outbox.send(bot.platform.conversation(), CHOICE, key="k")
        await bot.settled()
        answer = await bot.ask("1", user="U9")

    assert "gone" not in answer


async def test_a_number_in_a_group_is_for_us_only_when_it_says_so(make_bot) -> None:
    """People count things to each other."""
    bot = make_bot()
    place = bot.platform.conversation("g", kind="group")
    async with bot.live():
        await bot.outbox.send(place, CHOICE, key="k")
        await bot.settled()
        answers = [
            await bot.ask("1", conversation=place),
            await bot.ask("1", conversation=place, mentions_bot=True),
        ]

    assert ["", "gone"] == answers


async def test_buttons_leave_numbers_alone(make_bot) -> None:
    """Where people can press, a number is just a number."""
    bot = make_bot(abilities={Ability.BUTTONS})
    async with bot.live():
        await bot.outbox.send(bot.platform.conversation(), CHOICE, key="k")
        await bot.settled()

        assert await bot.ask("1") == "chat: 1"


SECRET = Reply(text="for U1 only", private_to=Identity(platform="fake", user_id="U1"))


async def test_a_private_answer_goes_to_its_person_where_the_platform_can(make_bot) -> None:
    """And the group learns where it went, nothing else."""
    bot = make_bot(abilities={Ability.DIRECT})
    place = bot.platform.conversation("g", kind="group")
    async with bot.live():
        for _ in range(2):
            await bot.outbox.send(place, SECRET, key="k")
        await bot.settled()

    assert {("fake:g", SENT_DIRECT), ("fake:@U1", "for U1 only")} == {
        (one.conversation, one.text) for one in bot.platform.sent
    }
    assert 2 == len(bot.platform.sent)


@pytest.mark.parametrize("is_broken", [False, True])
async def test_a_person_who_cannot_be_reached_alone_is_told_where_to_ask(make_bot, is_broken: bool) -> None:
    """Nothing private is shown to all because a direct conversation could not be opened."""
    bot = make_bot(abilities={Ability.DIRECT})

    async def direct(identity):
        if is_broken:
            raise Unavailable("down", service="fake")

    bot.platform.direct = direct
    async with bot.live():
        await bot.outbox.send(bot.platform.conversation("g", kind="group"), SECRET, key="k")
        await bot.settled()

    assert [NOT_HERE] == bot.platform.texts()
