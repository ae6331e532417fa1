"""A platform that lacks something shows it as text: nothing is dropped, and nothing private is shown to all."""

from __future__ import annotations

from quarterdeck.core.adapter import Ability
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Button, Card, Citation, Field, File, Reply
from quarterdeck.router.degrade import NOT_HERE, degrade

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
