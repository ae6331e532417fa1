"""Do the rest of the actions in the whole bot, built as `quarterdeck run` builds it: documents, schedules, delivery."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.app import App, open_app
from quarterdeck.core.action import ActionCall
from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.settings import read_settings
from quarterdeck_workflows.actions.kit.perform import perform
from quarterdeck_workflows.actions.kit.registry import discover

ACTIONS = discover()
PLACE = Conversation(id="console:ops", platform="console", kind="direct")
RUNBOOK = "# Rotating the staging certificate\n\nRun `certs rotate staging`, then restart the proxy.\n"


class House:
    """Do actions in an app."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app, self.folder = app, folder

    async def do(self, action: str, key: str = "run-1/0", **given: Any) -> Any:
        """Do one action for the owner and return its result."""
        call = ActionCall(
            input=given,
            key=key,
            run_id="run-1",
            workflow="test",
            person=await self.app.people.person_of(self.app.owner),
            identity=self.app.owner,
            conversation=PLACE,
            folder=self.folder,
            services=self.app.services,
            progress=self._hush,
        )
        return await perform(ACTIONS.find(action), call)

    async def _hush(self, sentence: str) -> None:
        """Tell nobody."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Return an app on a folder of its own, with no model connected."""
    async with opened(tmp_path) as app:
        yield House(app, tmp_path / "run")


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[App]:
    """Open the app as a verb of the program does."""
    environ = {
        "QUARTERDECK__DATA_DIR": str(folder / "data"),
        "QUARTERDECK__MODELS__DISCOVER": "false",
        "QUARTERDECK__MODELS__BUILTIN__ENABLED": "false",
    }
    async with open_app(read_settings(environ=environ, folder=folder), Redactor(), verb="knowledge") as app:
        yield app


@pytest.mark.slow
async def test_a_document_that_a_workflow_adds_answers_its_own_conversation(house: House) -> None:
    """Added twice it is there once, and who reads elsewhere does not find it."""
    first = await house.do("knowledge.add", name="certificates.md", text=RUNBOOK, collection="runbooks")
    again = await house.do("knowledge.add", name="certificates.md", text=RUNBOOK, collection="runbooks")
    found = await house.do("knowledge.search", query="How do I rotate the staging certificate?")
    answer = await house.do("knowledge.answer", question="How do I rotate the staging certificate?")
    public = await house.app.knowledge.search("How do I rotate the staging certificate?")

    assert ((1, 0), (0, 1)) == ((first["added"], first["unchanged"]), (again["added"], again["unchanged"]))
    assert ("certificates.md", "runbooks") == (
        found["passages"][0]["document"],
        found["passages"][0]["collection"],
    )
    assert ("answered", True) == (answer["status"], "certs rotate staging" in answer["text"])
    assert [] == public


@pytest.mark.parametrize(
    "given",
    [
        {"name": "../x.md", "text": "x"},
        {"name": "x.md"},
        {"name": "x.md", "text": "x", "file": "y.md"},
        {"name": "x.md", "text": "x", "collection": "a/b"},
        {"name": "x.exe", "text": "x"},
        {"name": "x.md", "text": "x", "audience": ["everybody"]},
    ],
)
async def test_what_is_no_document_is_refused(house: House, given: dict[str, Any]) -> None:
    """Before anything is written."""
    with pytest.raises(UsageError):
        await house.do("knowledge.add", **given)

    assert 0 == (await house.app.knowledge.counts())["documents"]


async def test_schedules_are_kept_with_the_key_of_the_step(house: House) -> None:
    """A step that runs twice adds one; it is listed, paused, and gone when it is removed."""
    for _ in range(2):
        added = await house.do(
            "schedule.add", trigger="0 9 * * mon-fri", what="/ping", timezone="Europe/Berlin"
        )
    listed = await house.do("schedule.list")
    paused = await house.do("schedule.pause", id=added["id"])
    resumed = await house.do("schedule.pause", id=added["id"], paused=False)
    removed = await house.do("schedule.remove", id=added["id"])

    assert (1, added["id"], "/ping", 5) == (
        len(listed["schedules"]),
        listed["schedules"][0]["id"],
        added["what"],
        len(added["next"]),
    )
    assert ((True, []), False) == ((paused["paused"], paused["next"]), resumed["paused"])
    assert added["id"] == removed["id"]
    assert {"schedules": []} == await house.do("schedule.list")


@pytest.mark.parametrize(
    ("action", "given", "error"),
    [
        ("schedule.add", {"trigger": "99 9 * * *", "what": "/ping"}, UsageError),
        ("schedule.add", {"trigger": "0 9 * * *", "what": "/pingg"}, UsageError),
        ("schedule.remove", {"id": "nothing"}, NotFound),
        ("schedule.run", {"id": "nothing"}, NotFound),
        ("workflow.start", {"workflow": "nothing"}, NotFound),
    ],
)
async def test_what_is_not_there_or_wrong_names_the_fix(
    house: House, action: str, given: dict[str, Any], error: type[Exception]
) -> None:
    """In the words of the part that knows."""
    with pytest.raises(error) as caught:
        await house.do(action, **given)

    assert caught.value.hint


async def test_a_schedule_fires_now_when_it_is_told_to(house: House) -> None:
    """Once for each step."""
    added = await house.do("schedule.add", trigger="0 9 * * *", what="/ping")
    for _ in range(2):
        await house.do("schedule.run", key="run-1/1", id=added["id"])

    assert 1 == sum((await house.app.inbox_rows.counts()).values())


async def test_messages_and_webhooks_wait_in_the_one_outbox(house: House) -> None:
    """Where `/delivery` shows them."""
    await house.do("chat.send", key="a", text="hello")
    await house.do("webhook.send", key="b", url="https://hooks.example.com/in", type="a.b", data={})
    rows = await house.app.services.deliveries.pending()

    assert {"hello", "webhook a.b to https://hooks.example.com/in"} == {row.text for row in rows}


async def test_without_a_model_that_draws_the_hint_says_how_to_connect_one(house: House) -> None:
    """It is the operator's to mend."""
    with pytest.raises(Exception, match="draws") as caught:
        await house.do("image.generate", prompt="a cat")

    assert caught.value.hint
