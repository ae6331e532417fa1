"""Prove that people read what a step does to their service, not how the file says it."""

from __future__ import annotations

import pytest
from tests.workflows.engine.place import Place
from tests.workflows.engine.test_engine import note, workflow

from quarterdeck_workflows.engine.board import called
from quarterdeck_workflows.engine.titles import with_titles
from quarterdeck_workflows.language.parse import read_document


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Deploy ${inputs.service}", "Deploy api"),
        ("After ${steps.first.output}", "After …"),
        ("${inputs.unknown} or not", "… or not"),
        ("Plain", "Plain"),
    ],
)
def test_a_title_says_what_is_known(title: str, shown: str) -> None:
    """What only the run will know is left open."""
    read = read_document(workflow(note("one", id="first", title=title)))
    (step,) = with_titles(read, {"service": "api"}).steps

    assert shown == called(step)


async def test_the_message_of_a_run_shows_titles_as_they_are_meant(place: Place) -> None:
    """From its first word to its last."""
    await place.durable.launch()
    run_id = await place.start(
        workflow(note("one", id="first", title="Deploy ${inputs.service}")), service="api"
    )
    await place.end(run_id)

    assert "Deploy api" in place.outbox.sent["shown-k1"].text
    assert "Deploy api" == (await place.engine.get(run_id)).step
