"""Prove what runs do, on the real durable engine and real files."""

from __future__ import annotations

from typing import Any

import pytest
from tests.workflows.engine.place import ANNA, BORIS, HERE, Place

from quarterdeck.core.action import ActionCall
from quarterdeck.core.approval import Voter
from quarterdeck.core.command import Call
from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.ports import Json

Document = dict[str, Any]


def workflow(*steps: Document, **more: Any) -> Document:
    """Return a workflow of these steps."""
    return {"name": "demo", "title": "A demo", "steps": list(steps), **more}


def note(text: str, **more: Any) -> Document:
    """Be a step that writes one word down."""
    return {"action": "test.note", "with": {"text": text}, **more}


async def test_steps_run_in_order_and_see_what_came_before(place: Place) -> None:
    """Values, conditions, choices and loops, and the output that the file asks for."""
    await place.durable.launch()
    run_id = await place.start(
        workflow(
            note("one", id="first"),
            note("never", when="inputs.host == 'db'"),
            {"set": {"seen": "${steps.first.output}"}},
            {
                "choose": [{"when": "vars.seen == 'two'", "steps": [note("wrong")]}],
                "otherwise": [note("${vars.seen + '!'}")],
            },
            {
                "id": "all",
                "for_each": ["a", "b"],
                "as": "letter",
                "steps": [note("${letter + string(index)}")],
            },
            {"repeat_until": "index == 1", "steps": [note("round ${index}")]},
            output="${steps.all.output}",
        ),
        host="web",
    )
    ending = await place.end(run_id)

    assert ("succeeded", ["a0", "b1"]) == (ending["state"], ending["output"])
    assert ["one", "one!", "a0", "b1", "round 0", "round 1"] == place.done
    run = await place.engine.get(run_id)
    assert ("succeeded", "skipped") == (run.state, list(run.states.values())[1])
    assert "Done" in place.outbox.sent["shown-k1"].text


async def test_branches_and_items_abreast_are_runs_of_their_own(place: Place) -> None:
    """Their outputs are in the order of the file, whatever came first; values of branches are seen after them."""
    await place.durable.launch()
    run_id = await place.start(
        workflow(
            {"id": "both", "parallel": [[note("left", id="l")], [note("right"), {"set": {"x": 7}}]]},
            {"id": "each", "for_each": "${[1, 2, 3, 4, 5]}", "concurrency": 2, "steps": [note("${item}")]},
            output={"both": "${steps.both.output}", "each": "${steps.each.output}", "x": "${vars.x}"},
        )
    )
    ending = await place.end(run_id)

    assert {"both": ["left", {"x": 7}], "each": [1, 2, 3, 4, 5], "x": 7} == ending["output"]


async def test_a_long_loop_goes_on_in_runs_of_its_own(place: Place) -> None:
    """A journal of a hundred thousand steps would take minutes to replay; nothing is lost at the seams."""
    place.engine.most_steps = 10
    await place.durable.launch()
    run_id = await place.start(
        workflow(
            {
                "id": "l",
                "for_each": "${inputs.items}",
                "steps": [note("${item}"), {"set": {"last": "${item}"}}],
            },
            output={"all": "${steps.l.output}", "last": "${vars.last}"},
        ),
        items=list(range(35)),
    )
    ending = await place.end(run_id)

    assert [str(n) for n in range(35)] == place.done
    assert {"last": 34} == ending["output"]["all"][-1]
    assert 34 == ending["output"]["last"]
    assert 20 > len(await place.durable.steps(run_id))


async def test_what_is_large_is_kept_beside_the_journal(place: Place) -> None:
    """And is there again for the next step, and for branches."""
    await place.durable.launch()
    run_id = await place.start(
        workflow(
            {"id": "big", "action": "test.big", "with": {"size": 200_000}},
            {"id": "p", "parallel": [[note("${size(steps.big.output)}")], [note("x")]]},
            output="${steps.p.output}",
        )
    )
    ending = await place.end(run_id)

    assert [200_000, "x"] == ending["output"]
    assert ["output_blob"] == list((await place.durable.steps(run_id))[0].output)


async def test_what_may_pass_is_tried_again_and_what_may_not_is_not(place: Place) -> None:
    """With pauses that survive a restart; a failure names step, cause and fix."""
    await place.durable.launch()
    run_id = await place.start(
        workflow(
            {
                "action": "test.fail",
                "with": {"passing": True},
                "retry": {"attempts": 3, "backoff_s": 0.01},
                "on_error": "continue",
                "id": "soft",
            },
            {
                "action": "test.fail",
                "with": {"kind": "${steps.soft.error.kind}"},
                "id": "hard",
                "title": "Break",
            },
            on_error=[note("${error.message}")],
        )
    )
    ending = await place.end(run_id)

    assert ["fail"] * 4 + ["that cannot be"] == place.done
    assert ("failed", "1") == (ending["state"], ending["at"])
    shown = place.outbox.sent["shown-k1"]
    assert "“hard”: that cannot be\ndo something else" in shown.text
    assert ["Retry"] == [button.label for button in shown.card.buttons] if shown.card else []


async def test_a_failed_run_goes_on_after_a_fix_and_repeats_nothing(place: Place) -> None:
    """In a branch too: what was done stays done, in all branches."""
    await place.durable.launch()
    is_mended: list[bool] = []

    async def fragile(call: Any) -> Any:
        if not is_mended:
            raise UsageError("not yet")
        place.done.append("mended")
        return "fine"

    place.put("test.fragile", fragile)
    run_id = await place.start(
        workflow(
            note("before"),
            {"parallel": [[note("left"), {"id": "f", "action": "test.fragile"}], [note("right")]]},
            note("after", id="last"),
            output="${steps.f.output}",
        )
    )
    first = await place.end(run_id)
    is_mended.append(True)
    resumed = await place.engine.resume(run_id, by="Anna")
    second = await place.end(run_id)

    assert ("failed", "running", "succeeded") == (first["state"], resumed.state, second["state"])
    assert ["before", "left", "right", "mended", "after"] == [
        place.done[0],
        *sorted(place.done[1:3]),
        *place.done[3:],
    ]
    assert "fine" == second["output"]
    assert "succeeded" == (await place.engine.get(run_id)).state


async def test_an_approval_is_waited_for_and_its_word_is_read_again_at_the_desk(place: Place) -> None:
    """The same desk, card and buttons as for commands; the person who asks cannot agree."""
    await place.durable.launch()
    run_id = await place.start(
        workflow({"approve": "Deploy ${inputs.what}?", "id": "ok"}, note("${steps.ok.output.by[0]}")),
        what="api",
    )
    await place.until(run_id, "waiting")
    boris = await place.boris()
    while not (pending := await place.approvals.pending(boris)):
        pass
    voter = Voter(person=boris, identity=BORIS, event_id="e1")
    await place.approvals.vote(pending[0].id, voter, agrees=True, comment="go")
    ending = await place.end(run_id)

    assert "succeeded" == ending["state"]
    assert ["Boris"] == place.done
    assert [] == await place.rows.waits()
    card = next(one.card for key, one in place.outbox.sent.items() if key.startswith("workflow:"))
    assert card is not None
    assert "`Deploy api?`" in [one.value for one in card.fields]


async def test_a_denied_run_ends_as_cancelled(place: Place) -> None:
    """And does nothing after it."""
    await place.durable.launch()
    run_id = await place.start(workflow({"approve": "Deploy?"}, note("deployed")))
    await place.until(run_id, "waiting")
    boris = await place.boris()
    while not (pending := await place.approvals.pending(boris)):
        pass
    voter = Voter(person=boris, identity=BORIS, event_id="e1")
    await place.approvals.vote(pending[0].id, voter, agrees=False, comment="not today")
    ending = await place.end(run_id)

    assert ("cancelled", []) == (ending["state"], place.done)
    assert "not today" in ending["message"]


async def test_a_question_is_a_form_and_its_answer_goes_on_with_the_run(place: Place) -> None:
    """Typed as options of commands are; only the person who is asked may answer."""
    await place.durable.launch()
    run_id = await place.start(
        workflow(
            {
                "id": "who",
                "ask": "Who leads?",
                "inputs": {"lead": {"summary": "Whose turn", "required": True}},
            },
            note("${steps.who.output.lead}"),
        )
    )
    await place.until(run_id, "waiting")
    while not place.asking.open:
        await place.rows.waits()
    name, command = next(iter(place.asking.open.items()))
    anna = (await place.starter("x")).person
    call = Call(
        command=name,
        options={"lead": "cleo"},
        person=anna,
        identity=next(iter([(await place.starter("x")).identity])),
        conversation=HERE,
        event_id="e1",
        services=None,  # type: ignore[arg-type]
    )
    assert command is place.engine.question(name)
    await command.handler(call)
    ending = await place.end(run_id)

    assert ("succeeded", ["cleo"], {}) == (ending["state"], place.done, place.asking.open)


async def test_an_event_reaches_every_run_that_waits_for_it(place: Place) -> None:
    """By name; the same one twice is once."""
    await place.durable.launch()
    document = workflow({"id": "w", "wait": {"event": "built"}}, note("${steps.w.output.version}"))
    ids = [await place.start(document, key=f"k{n}") for n in range(2)]
    for run_id in ids:
        await place.until(run_id, "waiting")
    while len(await place.rows.waits(kind="event")) < 2:
        pass
    counts = [await place.engine.signal("built", {"version": "7"}, key="s1") for _ in range(1)]
    for run_id in ids:
        await place.end(run_id)

    assert [2] == counts
    assert ["7", "7"] == place.done


async def test_stopping_a_run_stops_what_it_waits_for(place: Place) -> None:
    """The request is withdrawn: nobody agrees to what will not happen."""
    await place.durable.launch()
    run_id = await place.start(workflow({"approve": "Deploy?"}, note("deployed")))
    await place.until(run_id, "waiting")
    boris = await place.boris()
    while not await place.approvals.pending(boris):
        pass
    run = await place.engine.cancel(run_id, by="Anna")

    assert ("cancelled", "Stopped by Anna.") == (run.state, run.message)
    assert [] == await place.approvals.pending(boris)
    with pytest.raises(UsageError, match="is cancelled"):
        await place.engine.resume(run_id, by="Anna")
    with pytest.raises(NotFound):
        await place.engine.get("nothing")


async def test_steps_with_one_key_exclude_each_other_over_all_runs(place: Place) -> None:
    """Two deployments of one service never overlap."""
    await place.durable.launch()
    inside: list[int] = []
    most: list[int] = []

    async def work(call: Any) -> Any:
        inside.append(1)
        most.append(len(inside))
        await place.rows.waits()
        inside.pop()
        return None

    place.put("test.work", work)
    document = workflow({"action": "test.work", "key": "deploy-${inputs.what}"})
    ids = [await place.start(document, key=f"k{n}", what="api") for n in range(3)]
    for run_id in ids:
        await place.end(run_id)

    assert [1, 1, 1] == most


async def test_a_workflow_calls_another_and_an_edit_does_not_touch_what_runs(place: Place) -> None:
    """The definition travels with the run: what is called is as it was when it was called."""
    await place.durable.launch()
    inner = {
        "name": "inner",
        "title": "Inner",
        "steps": [note("in ${inputs.x}")],
        "output": "${inputs.x + 1}",
    }
    place.shelf.put(inner)
    run_id = await place.start(
        workflow({"id": "c", "call": "inner", "with": {"x": 41}}, output="${steps.c.output}")
    )
    ending = await place.end(run_id)

    assert (42, ["in 41"]) == (ending["output"], place.done)


async def test_the_same_start_twice_is_one_run(place: Place) -> None:
    """An event is handled again after a crash."""
    await place.durable.launch()
    ids = {await place.start(workflow(note("once")), key="e1") for _ in range(3)}
    await place.end(next(iter(ids)))

    assert (1, ["once"]) == (len(ids), place.done)


async def test_a_step_starts_another_run(place: Place) -> None:
    """By itself: it is no part of the run whose step started it, and outlives it."""
    await place.durable.launch()
    place.shelf.put({"name": "other", "title": "Other", "steps": [note("apart")]})
    anna = await place.people.person_of(ANNA)

    async def start(call: ActionCall) -> Json:
        return await place.engine.start(
            "other", {}, key=call.key, person=anna, identity=ANNA, conversation=HERE
        )

    place.put("test.start", start, effect="write", idempotency="key")
    run_id = await place.start(workflow({"id": "go", "action": "test.start"}, output="${steps.go.output}"))
    ending = await place.end(run_id)
    other = await place.end(str(ending["output"]))

    assert ("succeeded", "succeeded", ["apart"]) == (ending["state"], other["state"], place.done)
