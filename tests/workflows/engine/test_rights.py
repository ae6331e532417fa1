"""Prove that every action of a run is allowed at the moment it runs, and that doubt is settled by people."""

from __future__ import annotations

from typing import Any

import pytest
from tests.workflows.engine.place import BORIS, Place
from tests.workflows.engine.test_engine import note, workflow

from quarterdeck.core.access import AccessRequest, ApprovalRule, Decision
from quarterdeck.core.approval import Voter
from quarterdeck.core.errors import Denied


class Rules:
    """Decide as a test says: `refused` and `gated` are actions; everything else is allowed."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.gated: set[str] = set()
        self.asked: list[AccessRequest] = []

    async def authorise(self, request: AccessRequest) -> Decision:
        """Decide."""
        self.asked.append(request)
        if request.action in self.refused:
            return Decision(allowed=False, rule="test", reason="You may not do this any more.")
        if request.action in self.gated:
            return Decision(
                allowed=False, rule="test", needs_approval=ApprovalRule(by=("role:admin",), within_s=600)
            )
        return Decision(allowed=True, rule="test")


@pytest.fixture
def rules(place: Place) -> Rules:
    """Take the place of the policy."""
    found = Rules()
    object.__setattr__(place.engine._bot, "authoriser", found)
    return found


async def test_a_right_that_was_taken_away_meanwhile_ends_the_run_there(place: Place, rules: Rules) -> None:
    """F27: what was allowed when the run started is asked again after the approval."""
    await place.durable.launch()
    run_id = await place.start(workflow(note("before"), {"approve": "Go on?"}, note("after", id="late")))
    await place.until(run_id, "waiting")
    rules.refused.add("action:test.note")
    await agreed(place)
    ending = await place.end(run_id)

    assert (["before"], "failed") == (place.done, ending["state"])
    assert ("denied", "late") == (ending["failure"]["kind"], ending["failure"]["step"])
    assert {"workflow"} == {one.way for one in rules.asked if one.action.startswith("action:")}


async def test_an_action_that_a_rule_gates_waits_for_others(place: Place, rules: Rules) -> None:
    """And runs once they have agreed, with the arguments that they saw."""
    rules.gated.add("action:test.note")
    await place.durable.launch()
    run_id = await place.start(workflow(note("gated")))
    await place.until(run_id, "waiting")
    before = list(place.done)
    await agreed(place)
    ending = await place.end(run_id)

    assert ([], ["gated"], "succeeded") == (before, place.done, ending["state"])


async def test_a_run_that_may_not_be_started_is_not(place: Place, rules: Rules) -> None:
    """Nothing of it is on disk."""
    rules.refused.add("workflow:demo")
    with pytest.raises(Denied):
        await place.start(workflow(note("never")))

    assert ([], []) == (place.done, await place.rows.all(limit=10))


@pytest.mark.parametrize(("word", "done", "state"), [
    ("retry", ["sent", "after"], "succeeded"),
    ("skip", ["after"], "succeeded"),
    ("fail", [], "failed"),
])  # fmt: skip
async def test_what_may_have_been_done_is_held_until_somebody_decides(
    place: Place, word: Any, done: list[str], state: str
) -> None:
    """The step had begun when the bot stopped: the other side knows no key, so nobody can know."""
    await place.durable.launch()
    workflow_of = workflow({"action": "test.send", "with": {"text": "sent"}, "id": "send"}, note("after"))
    run_id = f"demo-{__import__('hashlib').sha256(b'k1').hexdigest()[:10]}"
    await place.rows.mark(f"{run_id}|0", run_id)
    assert run_id == await place.start(workflow_of)
    await place.until(run_id, "unknown")
    while not await place.rows.waits(kind="unknown"):
        pass
    held = await place.engine.get(run_id)
    await place.engine.resume(run_id, by="Anna", decision=word)
    ending = await place.end(run_id)

    assert "may have been done" in held.message
    assert (done, state) == (place.done, ending["state"])


async def test_a_run_whose_last_word_was_lost_is_put_right_at_the_next_start(place: Place) -> None:
    """A kill between the end of the durable run and the commit of the index."""
    await place.durable.launch()
    run_id = await place.start(workflow(note("x")))
    await place.end(run_id)
    await place.rows.note(run_id, {"state": "running", "durable_id": run_id})
    place.engine.board._over.clear()
    before = (await place.engine.get(run_id)).state
    await place.engine.serve()

    assert ("running", "succeeded") == (before, (await place.engine.get(run_id)).state)


async def agreed(place: Place) -> None:
    """Have Boris agree to what waits."""
    boris = await place.boris()
    while not (pending := await place.approvals.pending(boris)):
        pass
    voter = Voter(person=boris, identity=BORIS, event_id=pending[0].id)
    await place.approvals.vote(pending[0].id, voter, agrees=True)
