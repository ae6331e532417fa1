"""Prove what happens between a model's wish and its effect: a card, a word of the right person, one run, the record."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.bot.router.tools.conftest import FREELY, MakeParlour, Parlour, Script

from quarterdeck.core.adapter import Ability
from quarterdeck.core.errors import SetupError
from quarterdeck.router.policy.reading import read_policy
from quarterdeck.testing.traitor import order, orders_in

LEADS = """
rules:
  - name: wiping needs a lead
    allow: tool:lab.wipe
    role: operator
    approval: {by: role:admin}
"""


async def wanting(make_parlour: MakeParlour, **facts: Any) -> Parlour:
    """Return a parlour with a tool that wipes."""
    parlour = make_parlour(abilities=[Ability.EDIT])
    parlour.shed.add("lab.wipe", **({"effect": "destructive"} | facts))
    return parlour


def card(parlour: Parlour) -> str:
    """Return the newest card's text."""
    return next(text for text in reversed(parlour.bot.platform.shown()) if "is asked for" in text)


def request(parlour: Parlour) -> str:
    """Return the newest request's name."""
    return card(parlour).split("Approval ")[1].split(" ")[0]


async def test_a_wish_waits_for_the_person_and_then_runs_once(make_parlour: MakeParlour) -> None:
    """The answer comes at once and says that something waits; the result comes after the word."""
    parlour = await wanting(make_parlour)
    async with parlour.bot.live():
        await parlour.bot.say(f"Hey {order('lab.wipe', what='disk 7')}")
        said = "\n".join(parlour.bot.platform.shown())
        name = request(parlour)
        assert [] == parlour.shed.done

        await parlour.bot.say(f"/approve {name}")
        await parlour.bot.say(f"/approve {name}")
        await parlour.bot.say(f"/tools run {name}")

    assert f"_Waits for approval: {name}._" in said
    assert [("lab.wipe", {"what": "disk 7"})] == parlour.shed.done
    assert any(
        text.startswith("`lab.wipe` ran, as was agreed:\n\nIt is done.")
        for text in parlour.bot.platform.shown()
    )


async def test_the_card_shows_exactly_what_would_run(make_parlour: MakeParlour) -> None:
    """Nobody agrees to a summary: every argument stands there, as it is."""
    parlour = await wanting(make_parlour)
    async with parlour.bot.live():
        await parlour.bot.say(order("lab.wipe", what="a*b*`c", deep={"x": [1, None]}))
        shown = card(parlour)

    assert "``a*b*`c``" in shown
    assert '`{"x": [1, null]}`' in shown
    assert "the language model, in the name of" in shown


@pytest.mark.parametrize("who", ["EVE", "ADMIN"])
async def test_nobody_else_agrees_in_the_persons_place(make_parlour: MakeParlour, who: str) -> None:
    """It is their name that it would be done in."""
    parlour = await wanting(make_parlour)
    async with parlour.bot.live():
        await parlour.bot.people_rows.grant(
            (await parlour.talk()).identity.__class__(platform="fake", user_id=who), "admin", now_ms=1
        )
        await parlour.bot.say(order("lab.wipe"))
        answer = await parlour.bot.ask(f"/approve {request(parlour)}", user=who)

    assert ([], True) == (parlour.shed.done, "in whose name it is asked for" in answer)


async def test_a_rule_may_want_others_and_then_the_person_does_not_do(
    make_parlour: MakeParlour, tmp_path: Path
) -> None:
    """A model's wish is held to the same approvers as a person's."""
    parlour = await wanting(make_parlour)
    await parlour.policy(LEADS, tmp_path)
    async with parlour.bot.live():
        await parlour.bot.say(order("lab.wipe"))
        answer = await parlour.bot.ask(f"/approve {request(parlour)}")

    assert ([], True) == (parlour.shed.done, "somebody else must approve" in answer)


@pytest.mark.parametrize("change", ["description", "gone", "policy"])
async def test_what_changed_since_is_not_run(make_parlour: MakeParlour, tmp_path: Path, change: str) -> None:
    """A server that swaps a tool between the card and the word gets nothing (T30)."""
    parlour = await wanting(make_parlour)
    async with parlour.bot.live():
        await parlour.bot.say(order("lab.wipe"))
        name = request(parlour)
        if change == "description":
            parlour.shed.add("lab.wipe", "destructive", schema={"type": "object", "required": []})
        elif change == "gone":
            parlour.shed.usables.clear()
        else:
            await parlour.policy("rules:\n  - {name: no, deny: 'tool:*', role: none}", tmp_path)
        await parlour.bot.say(f"/approve {name}")

    assert [] == parlour.shed.done
    assert any("no longer allowed; nothing was done" in text for text in parlour.bot.platform.shown())


async def test_a_denied_wish_is_over(make_parlour: MakeParlour) -> None:
    """And cannot be carried out by its name."""
    parlour = await wanting(make_parlour)
    async with parlour.bot.live():
        await parlour.bot.say(order("lab.wipe"))
        name = request(parlour)
        await parlour.bot.say(f"/deny {name}")
        answer = await parlour.bot.ask(f"/tools run {name}")

    assert ([], "This was not approved, or was done already") == (parlour.shed.done, answer)


async def test_an_answer_asks_for_a_few_approvals_only(make_parlour: MakeParlour) -> None:
    """A flood of cards is a way to a yes by mistake."""
    parlour = await wanting(make_parlour)
    async with parlour.bot.live():
        await parlour.bot.say(" ".join(order("lab.wipe", n=n) for n in range(10)))
        pending = await parlour.bot.approvals.pending((await parlour.talk()).person)

    assert 3 == len(pending)


async def test_the_record_leads_from_the_event_to_the_message(make_parlour: MakeParlour) -> None:
    """`audit show` tells the whole story of one message, and none of its words (7 of the bot's promises)."""
    parlour = await wanting(make_parlour)
    async with parlour.bot.live():
        await parlour.bot.say(order("lab.wipe", what="secret words"), event_id="m1")
        await parlour.bot.say(f"/approve {request(parlour)}")

    chain: Any = await parlour.bot.audit.chain("fake::m1")
    told = [
        (row["kind"], row["detail"].get("action") or row["detail"].get("what") or "") for row in chain["rows"]
    ]
    kept = [one for one in told if one[0] != "delivered"]
    assert [
        ("decision", "tool:lab.wipe"),
        ("approval", "asked"),
        ("decision", "command:chat"),
        ("approval", "agreed"),
        ("decision", "tool:lab.wipe"),
        ("tool", "begins"),
        ("tool", "done"),
        ("approval", "done"),
        ("decision", "command:tools"),
    ] == [one for one in kept if one != ("decision", "command:approve")]
    assert len(chain["deliveries"]) >= 3
    assert "secret words" not in json.dumps([row["detail"] for row in chain["rows"]])


async def test_a_refused_tool_is_explained_by_why(make_parlour: MakeParlour, tmp_path: Path) -> None:
    """The model is told no; the person can learn which rule it was."""
    parlour = await wanting(make_parlour)
    await parlour.policy(
        "rules:\n  - {name: never in this house, deny: 'tool:*', role: none, arguments: {what: {given: true}}}",
        tmp_path,
    )
    async with parlour.bot.live():
        await parlour.bot.say(order("lab.wipe", what="x"))
        answer = await parlour.bot.ask("/why")

    assert "`tool:lab.wipe` by tool" in answer
    assert "never in this house: decides, it denies this" in answer


async def test_tools_says_what_may_be_used(make_parlour: MakeParlour) -> None:
    """Before one asks a model for anything."""
    parlour = await wanting(make_parlour)
    parlour.shed.add("lab.look", is_outward=True)
    parlour.shed.add("lab.board", least_role="superuser")
    async with parlour.bot.live():
        answer = await parlour.bot.ask("/tools")

    assert "- `lab.wipe`: Do lab.wipe (once you agreed)" in answer
    assert "- `lab.look`: Do lab.look (reaches outside)" in answer
    assert "lab.board" not in answer
    assert "command.approve" not in answer


async def test_a_command_runs_as_if_it_was_typed(make_parlour: MakeParlour, tmp_path: Path) -> None:
    """Same options, same rights; a rule against the command holds for the model, too."""
    model = Script([[("command_remember", '{"text": "Rome"}')], "Noted."])
    parlour = make_parlour(model)
    await parlour.policy(FREELY, tmp_path)
    async with parlour.bot.live():
        answer = await parlour.bot.ask("Remember Rome")
        notes = await parlour.bot.memories.notes(  # type: ignore[attr-defined]
            person_id=(await parlour.talk()).person.id, conversation_id="fake:general"
        )
        assert (["Rome"], "Noted.\n\n_Used: `/remember`_") == ([one.text for one in notes], answer)

        await parlour.policy(f"{FREELY}  - {{name: no notes, deny: /remember, role: none}}", tmp_path)
        model.told.clear()
        await parlour.bot.ask("Remember Bonn")

    assert "there is no tool" in model.told[1][-1].text


async def test_asker_may_stand_for_tools_only(tmp_path: Path) -> None:
    """Whoever could approve their own command would need no approval."""
    file = tmp_path / "policy.yaml"
    for rule in ("allow: /deploy", "allow: ['tool:*', 'command:*']"):
        file.write_text(f"rules:\n  - {{name: x, {rule}, role: viewer, approval: {{by: asker}}}}")
        with pytest.raises(SetupError, match="asker may agree to tools only"):
            read_policy(file)


def test_the_traitor_is_one() -> None:
    """What obeys nothing would prove nothing."""
    hidden = json.dumps({"deep": [{"text": order("a.b", x=1)}]})

    assert [("a_b", '{"x": 1}')] == orders_in(hidden)
