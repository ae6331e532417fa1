"""What ships, and what the page for authors shows, is right: each file is checked against the real actions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from quarterdeck.core.person import ROLES
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.paths import config_dir
from quarterdeck_workflows.actions.kit.registry import discover
from quarterdeck_workflows.engine.rehearsal import rehearse
from quarterdeck_workflows.language.parse import read_document, read_text
from quarterdeck_workflows.language.shelf import read_shelf
from quarterdeck_workflows.language.validate import Surroundings, validate

SHELF = read_shelf()
PAGE = Path(__file__).resolve().parents[3] / "docs" / "workflows.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def around() -> Surroundings:
    """Return the actions that there are, and the library."""
    return Surroundings(
        actions={action.spec.id: action.spec for action in discover().all()},
        workflows=SHELF.workflows,
        roles=ROLES,
    )


@pytest.mark.parametrize("name", SHELF.files)
def test_a_shipped_workflow_is_sound(name: str) -> None:
    """No error, no warning, a description, tests of its own, and what editors check says so too."""
    schema = json.loads((config_dir() / "schema" / "workflow.json").read_text(encoding="utf-8"))

    assert [] == [f"{one.error.line}: {one.error.message}" for one in validate(SHELF.files[name], around())]
    assert [] == list(Draft202012Validator(schema).iter_errors(yaml.load(SHELF.files[name]).data))
    assert SHELF.workflows[name].description
    assert SHELF.workflows[name].tests


@pytest.mark.parametrize("name", SHELF.files)
async def test_the_cases_of_a_shipped_workflow_pass(name: str) -> None:
    """A workflow that fails its own tests is no example."""
    verdicts = await rehearse(SHELF.workflows[name], SHELF.workflows)

    assert [] == [f"{one.case}: {problem}" for one in verdicts for problem in one.problems]


async def test_the_cases_that_the_page_shows_pass() -> None:
    """The first thing that an author copies has one."""
    workflow = read_text(BLOCKS[0], name="ship")
    verdicts = await rehearse(workflow, SHELF.workflows)

    assert [("production waits for a yes", ())] == [(one.case, one.problems) for one in verdicts]


@pytest.mark.parametrize("name", SHELF.files)
def test_a_shipped_workflow_travels(name: str) -> None:
    """Its document rebuilds it."""
    assert SHELF.workflows[name] == read_document(json.loads(json.dumps(SHELF.workflows[name].document)))


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_what_the_page_shows_is_sound(number: int, tmp_path: Path) -> None:
    """People copy it."""
    block = BLOCKS[number]
    before = "" if "inputs:\n" in block or "\ninputs" in block else "inputs: {service: {}}\n"
    after = "" if "steps:\n" in block else "\nsteps: [{stop: succeeded}]\n"
    file = tmp_path / f"page{number}.yaml"
    file.write_text(before + block + after, encoding="utf-8")

    assert [] == [f"{one.error.line}: {one.error.message}" for one in validate(file, around())]


def test_the_page_shows_some() -> None:
    """An expression that finds nothing would test nothing."""
    assert 3 <= len(BLOCKS)


def test_the_page_names_every_function() -> None:
    """A function that is not there is not known."""
    from quarterdeck_workflows.language.functions import FUNCTIONS

    text = PAGE.read_text(encoding="utf-8")

    assert [] == [name for name in FUNCTIONS if f"`{name}`" not in text]
