"""Begin runs with the right rights: who triggers must be allowed to, and the run has those of its own account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.workflows.engine.place import ANNA, HERE, Place, open_place

from quarterdeck.core.errors import Denied, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.run import Starter
from quarterdeck_workflows.language.spec import Workflow
from quarterdeck_workflows.triggers.after import Afterwards
from quarterdeck_workflows.triggers.index import Index
from quarterdeck_workflows.triggers.occasion import Beginning, Occasion

STRANGER = Identity(platform="fake", user_id="U9")
NOTE = {"id": "note", "action": "test.note", "with": {"text": "${run.person}"}}


class Rooms:
    """Know no conversation."""

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """Return none."""
        return None


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Be an engine."""
    opened = await open_place(tmp_path)
    yield opened
    await opened.close()


def put(place: Place, name: str = "w", **document: Any) -> Workflow:
    """Put a workflow on the shelf."""
    return place.shelf.put({"name": name, "title": name, "steps": [NOTE], **document})


async def begin(place: Place, workflow: Workflow, **about: Any) -> Mapping[str, Any] | None:
    """Begin a run by the first trigger and wait for its end."""
    beginning = Beginning(place.engine, Rooms())
    occasion = Occasion(**{"way": "workflow", "key": "k", **about})
    run = await beginning.begin(workflow, workflow.triggers[0], occasion)
    return None if run is None else await place.end(run.id)


async def test_what_nobody_triggers_is_nobody_until_granted(place: Place) -> None:
    """And says how it is let in."""
    workflow = put(place, triggers=[{"startup": True}])

    with pytest.raises(Denied) as caught:
        await begin(place, workflow)

    assert "workflow::w may not start w" == caught.value.message
    assert "quarterdeck person grant workflow::w operator" in caught.value.hint
    assert [] == place.done


async def test_what_nobody_triggers_runs_as_its_own_account(place: Place) -> None:
    """With the rights that were granted to it, and no more."""
    workflow = put(place, triggers=[{"startup": True}])
    own = Identity(platform="workflow", user_id="w")
    await place.grant(own, "operator")

    ending = await begin(place, workflow)

    assert ending is not None
    assert "succeeded" == ending["state"]
    assert ["workflow::w"] == place.done


async def test_who_triggers_must_be_allowed_although_the_run_has_other_rights(place: Place) -> None:
    """A stranger does not borrow an owner's."""
    workflow = put(place, triggers=[{"reaction": "🚀", "run_as": str(ANNA)}])

    with pytest.raises(Denied, match="may not start"):
        await begin(place, workflow, way="reaction", who=STRANGER, conversation=HERE)
    await place.grant(STRANGER, "operator")
    await begin(place, workflow, way="reaction", who=STRANGER, conversation=HERE)

    assert [str(ANNA)] == place.done


async def test_a_condition_that_is_false_starts_nothing(place: Place) -> None:
    """And one that is no condition is refused."""
    wanted = put(place, triggers=[{"reaction": "🚀", "when": "trigger.emoji == 'x'"}])
    wrong = put(place, "v", triggers=[{"reaction": "🚀", "when": "trigger.emoji"}])
    missing = put(place, "u", triggers=[{"reaction": "🚀", "when": "trigger.body.key == 'x'"}])
    about: dict[str, Any] = {"way": "reaction", "who": ANNA, "conversation": HERE, "values": {"emoji": "🚀"}}

    assert await begin(place, wanted, **about) is None
    with pytest.raises(UsageError, match="neither true nor false"):
        await begin(place, wrong, **about)
    with pytest.raises(UsageError, match=r"there is no trigger\.body"):
        await begin(place, missing, **about)


async def test_workflows_that_start_each_other_come_to_an_end(place: Place) -> None:
    """Whatever their authors thought."""
    put(place, "a", triggers=[{"workflow": "a", "when": "true"}])
    index = Index(Files(place), place.clock)
    place.engine.house.on_ended = Afterwards(index, Beginning(place.engine, Rooms())).ended
    anna = await place.people.person_of(ANNA)
    starter = Starter(person=anna, identity=ANNA, conversation=HERE, key="k")
    workflow = place.shelf.get("a")
    assert workflow is not None
    run = await place.engine.launch(workflow, {}, starter, way="message")
    await place.end(run.id)
    await place.until_done(9)
    await place.engine.board.settle()

    assert 9 == len(await place.rows.all(limit=50))


async def test_what_could_destroy_something_shows_its_plan_and_waits_for_a_yes(place: Place) -> None:
    """Its steps, with which rights, at what cost; nothing is done before."""

    async def wipe(call: Any) -> Any:
        place.done.append("wiped")

    place.put("test.wipe", wipe, effect="destructive", idempotency="key")
    workflow = put(place, steps=[{"id": "wipe", "action": "test.wipe"}])
    anna = await place.people.person_of(ANNA)
    starter = Starter(person=anna, identity=ANNA, conversation=HERE, key="k", shown_as="s", confirms=True)

    run = await place.engine.launch(workflow, {}, starter, way="message")
    await place.until(run.id, "waiting")
    await place.engine.board.settle()
    shown, before = place.outbox.sent["s"], list(place.done)
    await place.engine.resume(run.id, by="Anna", decision="confirm")
    ending = await place.end(run.id)

    assert "- `wipe`: test.wipe (destructive), allowed" in shown.text
    assert "at most $0.00" in shown.text
    assert shown.card is not None
    assert ["Run it", "Cancel"] == [one.label for one in shown.card.buttons]
    assert ([], ["wiped"], "succeeded") == (before, place.done, ending["state"])


async def test_a_run_that_nobody_follows_shows_its_failure(place: Place) -> None:
    """With the step, the cause, the fix, and a way to try again."""
    workflow = put(place, steps=[{"id": "odd", "action": "test.fail"}])
    anna = await place.people.person_of(ANNA)
    starter = Starter(person=anna, identity=ANNA, conversation=HERE, key="k")

    run = await place.engine.launch(workflow, {}, starter, way="schedule")
    await place.end(run.id)
    shown = place.outbox.sent[f"run:{run.id}"]

    assert "“odd”: that cannot be\ndo something else" in shown.text
    assert shown.card is not None
    assert ["Retry"] == [one.label for one in shown.card.buttons]


class Files:
    """Be the shelf of a place."""

    def __init__(self, place: Place) -> None:
        self._place, self.changes = place, 1

    def all(self) -> list[Workflow]:
        """Return the workflows."""
        return self._place.shelf.all()
