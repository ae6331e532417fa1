"""Runs on the web door: who sees which, what they may say about them, and how a page follows one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck.core.errors import NotFound
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.run import RunOf
from quarterdeck.core.timeline import Choice, Entry, Timeline, is_own
from quarterdeck.web.api.runs import Runs

HERE = Conversation(id="slack:T1:C1", platform="slack", kind="group")
NOBODY = Identity(platform="test", user_id="nobody")
ANNA, BEN = Identity(platform="web", user_id="anna"), Identity(platform="web", user_id="ben")


def run_of(id_: str, identity: Identity, **about: Any) -> RunOf:
    """Return a run."""
    return RunOf(
        **{
            "id": id_,
            "workflow": "ship",
            "digest": "",
            "state": "waiting",
            "owner": str(identity),
            "identity": identity,
            "conversation": HERE,
            "durable_id": id_,
            "message": "Waiting **here** <b>",
            "started_at_ms": 0,
            **about,
        }
    )


class Book:
    """Know two runs (the `RunBook` port)."""

    def __init__(self) -> None:
        self.runs = {"ship-1": run_of("ship-1", ANNA), "ship-2": run_of("ship-2", BEN)}
        self.said: list[tuple[str, str, str]] = []
        self.wakes: list[Callable[[], None]] = []
        self.readers: set[str] = set()

    async def of_person(self, person: Person, limit: int) -> list[RunOf]:
        return [one for one in self.runs.values() if is_own(one, person, NOBODY)]

    async def all(self, limit: int) -> list[RunOf]:
        return list(self.runs.values())[:limit]

    async def timeline(self, run_id: str) -> Timeline:
        if run_id not in self.runs:
            raise NotFound(f"there is no run {run_id}")
        entry = Entry(place="0", title="Look", kind="http.request", state="succeeded", output="s3cret")
        choice = Choice(word="cancel", label="Stop", is_dangerous=True)
        return Timeline(run=self.runs[run_id], title="Ship it", entries=(entry,), choices=(choice,))

    async def say(self, run_id: str, word: str, *, by: str) -> RunOf:
        self.said.append((run_id, word, by))
        return self.runs[run_id]

    def watch(self, run_id: str, wake: Callable[[], None]) -> Callable[[], None]:
        self.wakes.append(wake)
        return lambda: self.wakes.remove(wake)

    async def reads(self, person: Person, conversation: Conversation) -> bool:
        return person.id in self.readers


@pytest.fixture
def book() -> Book:
    """Return a book."""
    return Book()


@pytest.fixture
def open_runs(open_world: Any, book: Book) -> Any:
    """Open a door that shows runs."""
    return lambda: open_world(runs=Runs(book=book, reads=book.reads))


async def test_people_see_their_own_and_admins_see_all(open_runs: Any) -> None:
    """Whoever may run nothing sees nothing; a token sees what it is for."""
    async with open_runs() as world:
        anna, ben = await world.account("anna", "operator"), await world.account("ben", "admin")
        cy = await world.account("cy", "viewer")
        found = []
        for secret in (anna, ben, cy):
            async with world.browser(secret) as browser, browser.get("/api/v1/runs") as answer:
                body = await answer.json()
                found.append(
                    (answer.status, [one["id"] for one in body.get("runs", ())], body.get("sees_all"))
                )
        tokens = [await world.token("anna", "command:runs"), await world.token("anna", "command:ask")]
        async with world.browser() as browser:
            statuses = []
            for token in tokens:
                headers = {"Authorization": f"Bearer {token}"}
                async with browser.get("/api/v1/runs", headers=headers) as answer:
                    statuses.append(answer.status)
            async with browser.get("/api/v1/runs") as answer:
                statuses.append(answer.status)

    assert [(200, ["ship-1"], False), (200, ["ship-1", "ship-2"], True), (403, [], None)] == found
    assert [200, 403, 401] == statuses


async def test_a_run_of_somebody_else_is_as_one_that_is_not_there(open_runs: Any, book: Book) -> None:
    """Its existence is nobody's business; who reads along sees its steps, and not what they came to."""
    async with open_runs() as world:
        anna = await world.account("anna", "operator")
        async with world.browser(anna) as browser:
            shown = []
            for name in ("ship-1", "ship-2", "ship-3"):
                async with browser.get(f"/api/v1/runs/{name}") as answer:
                    shown.append((answer.status, await answer.json()))
            words = {"word": "cancel"}
            async with browser.post("/api/v1/runs/ship-2/words", json=words) as answer:
                refused = answer.status
        me = await world.people.person_of(ANNA)
        book.readers.add(me.id)
        (own, other, missing) = shown
        async with open_runs() as again:
            anna = await again.door.desk.by_password("anna", "correct horse battery staple", address="::1")
            async with again.browser(anna) as browser:
                async with browser.get("/api/v1/runs/ship-2") as answer:
                    read = await answer.json()
                async with browser.post("/api/v1/runs/ship-2/words", json=words) as answer:
                    denied = answer.status

    assert [200, 404, 404] == [status for status, _ in shown]
    assert "s3cret" == own[1]["steps"][0]["output"]
    assert "<p>Waiting <strong>here</strong> &lt;b&gt;</p>\n" == own[1]["html"]
    assert other[1]["error"]["message"].replace("ship-2", "ship-3") == missing[1]["error"]["message"]
    assert (404, 403, []) == (refused, denied, book.said)
    assert (False, "", []) == (read["has_outputs"], read["steps"][0]["output"], read["choices"])


async def test_a_word_is_said_once_on_record_and_only_by_our_own_page(open_runs: Any, book: Book) -> None:
    """A cookie alone changes nothing."""
    async with open_runs() as world:
        secret = await world.account("anna", "operator")
        async with world.browser(secret) as browser:
            words = {"word": "cancel"}
            async with browser.post("/api/v1/runs/ship-1/words", json=words) as answer:
                said = (answer.status, (await answer.json())["id"])
            async with browser.post("/api/v1/runs/ship-1/words", json={"word": "explode"}) as answer:
                unknown = answer.status
            foreign = {"X-Quarterdeck": "0"}
            async with browser.post("/api/v1/runs/ship-1/words", json=words, headers=foreign) as answer:
                refused = answer.status
        rows = await world.record_rows("run")

    assert ((200, "ship-1"), 400, 403) == (said, unknown, refused)
    assert [("ship-1", "cancel", "web::anna")] == book.said
    assert [("runs.cancel", "ship-1", "own run")] == [
        (one["action"], one["run"], one["rule"]) for one in rows
    ]


async def test_a_page_follows_a_run_to_its_end(open_runs: Any, book: Book) -> None:
    """Each change is sent once; the stream ends with the run, and a signed-out session ends it at once."""
    async with open_runs() as world:
        secret = await world.account("anna", "operator")
        async with world.browser(secret) as browser:
            async with browser.get("/api/v1/runs/ship-1/events") as answer:
                first = await event_of(answer)
                book.runs["ship-1"] = run_of("ship-1", ANNA, state="succeeded", finished_at_ms=5)
                book.wakes[0]()
                rest = [await event_of(answer), await event_of(answer)]
                ended = await answer.content.read()
            async with browser.get("/api/v1/runs/ship-1/events") as answer:
                again = [await event_of(answer), await event_of(answer)]
            book.runs["ship-1"] = run_of("ship-1", ANNA)
            async with browser.get("/api/v1/runs/ship-1/events") as answer:
                await event_of(answer)
                async with world.browser(secret) as other, other.post("/sign-out", json={}):
                    pass
                over = await event_of(answer)

    assert ("run", "waiting") == (first[0], first[1]["run"]["state"])
    assert [("run", "succeeded"), ("over", None)] == [
        (name, data.get("run", {}).get("state")) for name, data in rest
    ]
    assert b"" == ended
    assert ["run", "over"] == [name for name, _ in again]
    assert ("over", {"reason": "signed_out"}) == over
    assert [] == book.wakes


async def test_the_pages_are_empty_shells_for_anybody(open_runs: Any) -> None:
    """A link in a chat must not need the strict cookie, which browsers keep back there; so nothing is in them."""
    async with open_runs() as world, world.browser() as browser:
        pages = []
        for path in ("/runs", "/runs/ship-1"):
            async with browser.get(path) as answer:
                pages.append((answer.status, answer.headers["Content-Security-Policy"], await answer.text()))

    assert [200, 200] == [status for status, _, _ in pages]
    assert all("script-src 'self'" in policy and "'unsafe" not in policy for _, policy, _ in pages)
    assert not any("ship" in text for _, _, text in pages)


async def event_of(answer: Any) -> tuple[str, Any]:
    """Read the next event of a stream."""
    name, data = "", ""
    async with asyncio.timeout(20):
        while True:
            line = (await answer.content.readline()).decode().rstrip("\n")
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data = line.removeprefix("data: ")
            elif not line and name:
                return name, json.loads(data)
