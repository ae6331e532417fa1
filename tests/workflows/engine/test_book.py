"""A run's page says what was done, in the words of its file, whatever the run looks like inside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.workflows.engine.place import ANNA, BORIS, HERE, Place, open_place

from quarterdeck.core.action import ActionCall
from quarterdeck.core.approval import Voter
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Json
from quarterdeck.core.run import RunOf
from quarterdeck.core.timeline import Entry, may_handle
from quarterdeck_workflows.engine.book import RunBook

Document = dict[str, Any]


def workflow(*steps: Document, **more: Any) -> Document:
    """Return a workflow of these steps."""
    return {"name": "demo", "title": "A demo", "steps": list(steps), **more}


def note(text: str, **more: Any) -> Document:
    """Be a step that writes one word down."""
    return {"action": "test.note", "with": {"text": text}, **more}


def book(place: Place, clean: Callable[[str], str] = str) -> RunBook:
    """Return the book of a place."""
    return RunBook(place.engine, place.durable, clean)


def lines(entries: tuple[Entry, ...]) -> list[tuple[str, str, str, int]]:
    """Return what people read first of each entry."""
    return [(one.place, one.title, one.state, one.depth) for one in entries]


async def test_every_kind_of_step_has_its_line(place: Place) -> None:
    """Branches, rounds, items and called workflows too, with their titles and what came of them."""
    await place.durable.launch()
    place.shelf.put({"name": "inner", "title": "Inside", "steps": [note("deep", title="Dig")]})
    run_id = await place.start(
        workflow(
            note("one", title="First for ${inputs.host}"),
            note("never", id="other", when="inputs.host == 'db'"),
            {"set": {"seen": "x"}},
            {"parallel": [note("left", id="left"), [{"wait": 0.3, "id": "right"}]]},
            {"for_each": ["a", "b"], "as": "letter", "steps": [note("${letter}", title="Item ${letter}")]},
            {"choose": [{"when": "vars.seen == 'x'", "steps": [note("taken", id="taken")]}]},
            {"call": "inner"},
            {"wait": 0.01},
        ),
        host="web",
    )
    await place.end(run_id)
    found = await book(place).timeline(run_id)

    assert [
        ("0", "First for web", "succeeded", 0),
        ("1", "other", "skipped", 0),
        ("2", "set", "succeeded", 0),
        ("3", "parallel", "succeeded", 0),
        ("3.0.0", "left", "succeeded", 1),
        ("3.1.0", "right", "succeeded", 1),
        ("4", "for each", "succeeded", 0),
        ("4.0.0", "Item … · 1", "succeeded", 1),
        ("4.1.0", "Item … · 2", "succeeded", 1),
        ("5", "choose", "succeeded", 0),
        ("5.0.0", "taken", "succeeded", 1),
        ("6", "call", "succeeded", 0),
        ("6>0", "Dig", "succeeded", 1),
        ("7", "wait", "succeeded", 0),
    ] == lines(found.entries)
    outputs = {one.place: one.output for one in found.entries if one.output}
    assert {
        "0": "one",
        "3.0.0": "left",
        "4.0.0": "a",
        "4.1.0": "b",
        "5.0.0": "taken",
        "6>0": "deep",
    } == outputs
    took_ms = {one.place: one.took_ms or 0 for one in found.entries}
    assert min(took_ms["3"], took_ms["3.1.0"]) >= 300
    assert ("A demo", (), 0) == (found.title, found.choices, found.left_out)
    assert all(one.at_ms and one.took_ms is not None for one in found.entries if one.place in outputs)


async def test_what_it_waits_for_and_what_was_said(place: Place) -> None:
    """Who agreed stands there afterwards; the steps behind are open."""
    await place.durable.launch()
    agree = {"approve": "Go on?", "by": "role:admin", "id": "agree"}
    skipped = note("never", when="inputs.host == 'db'")
    run_id = await place.start(workflow(skipped, agree, {"wait": "1h"}, note("last")), host="web")
    await place.until(run_id, "waiting")
    before = await book(place).timeline(run_id)
    boris = await place.boris()
    while not (pending := await place.approvals.pending(boris)):
        pass
    voter = Voter(person=boris, identity=BORIS, event_id="e1")
    await place.approvals.vote(pending[0].id, voter, agrees=True, comment="go")
    while (await place.engine.get(run_id)).step != "wait":
        await asyncio.sleep(0.01)
    after = await book(place).timeline(run_id)
    await place.engine.cancel(run_id, by="Anna")
    stopped = await book(place).timeline(run_id)

    assert [
        ("0", "test.note", "skipped", 0),
        ("1", "agree", "waiting", 0),
        ("2", "wait", "", 0),
        ("3", "test.note", "", 0),
    ] == lines(before.entries)
    assert ["cancel"] == [one.word for one in before.choices]
    assert ["skipped", "succeeded", "waiting", ""] == [one.state for one in after.entries]
    assert "granted by Boris: go" == after.entries[1].output
    assert (["skipped", "succeeded", "", ""], ()) == ([one.state for one in stopped.entries], stopped.choices)
    assert "Stopped by Anna." == stopped.run.message


async def test_a_failure_has_its_cause_its_fix_and_its_tries(place: Place) -> None:
    """And can be gone on with; inside a loop it is the round that failed. Secrets are hidden."""
    await place.durable.launch()
    failing = {"action": "test.fail", "id": "broken", "with": {"passing": True}}
    tried = {**failing, "retry": {"attempts": 2, "backoff_s": 0.01}}
    run_id = await place.start(workflow(note("s3cret"), {"for_each": ["a"], "steps": [tried]}, note("never")))
    await place.end(run_id)
    found = await book(place, lambda text: text.replace("s3cret", "•••")).timeline(run_id)
    refused = await place.start(workflow({"action": "test.fail", "id": "no"}, name="other"), key="k2")
    await place.end(refused)
    (other,) = (await book(place).timeline(refused)).entries

    assert ["succeeded", "failed", "failed", ""] == [one.state for one in found.entries]
    assert ["•••", "", "", ""] == [one.output for one in found.entries]
    assert ("the other side is away", 2, 1) == (
        found.entries[2].error,
        found.entries[2].tries,
        found.entries[2].depth,
    )
    assert [("resume", "Retry", False)] == [(one.word, one.label, one.is_dangerous) for one in found.choices]
    assert ("that cannot be", "do something else", "failed") == (other.error, other.hint, other.state)


async def test_a_resumed_run_shows_what_was_done_once(place: Place) -> None:
    """What its first try did stands before what the second did, and nothing twice."""
    await place.durable.launch()

    async def mended(call: ActionCall) -> Json:
        return "mended"

    steps = [note("one"), {"parallel": [note("left"), {"action": "test.fail", "id": "right"}]}, note("last")]
    run_id = await place.start(workflow(*steps))
    await place.end(run_id)
    place.put("test.fail", mended)
    await book(place).say(run_id, "resume", by="Anna")
    await place.end(run_id)
    found = await book(place).timeline(run_id)

    assert ["0", "1", "1.0.0", "1.1.0", "2"] == [one.place for one in found.entries]
    assert {"succeeded"} == {one.state for one in found.entries}
    assert "mended" == found.entries[3].output


async def test_the_page_is_linked_where_it_can_be_reached_and_wakes_who_looks(tmp_path: Path) -> None:
    """Without an address there is no link: a dead one is worse."""
    place = await open_place(tmp_path, page_of=lambda run_id: f"https://chat.example.com/runs/{run_id}")
    woken: list[int] = []
    try:
        await place.durable.launch()
        end = place.engine.board.watch("demo-", lambda: woken.append(0))
        end()
        run_id = await place.start(workflow(note("one")))
        end = book(place).watch(run_id, lambda: woken.append(1))
        await place.end(run_id)
        text = place.outbox.sent["shown-k1"].text
    finally:
        await place.close()
    end()

    assert f" · [Timeline](https://chat.example.com/runs/{run_id})\n" in text
    assert {1} == set(woken)


async def test_a_stranger_looks_into_no_run(place: Place) -> None:
    """Their own, yes, by whichever account; those of others as the policy says."""
    anna, boris = await place.people.person_of(ANNA), await place.boris()
    run = RunOf(
        id="r",
        workflow="w",
        digest="",
        state="running",
        owner=anna.id,
        identity=ANNA,
        conversation=HERE,
        durable_id="r",
        started_at_ms=0,
    )
    stranger = await place.people.person_of(Identity(platform="test", user_id="nobody"))

    async def may(person: Person, identity: Identity) -> bool:
        decision = await may_handle(place.authority, run, person=person, identity=identity, way="http")
        return decision.allowed

    assert [True, True, False] == [
        await may(anna, ANNA),
        await may(boris, BORIS),
        await may(stranger, Identity(platform="test", user_id="nobody")),
    ]
