"""Sources are added, read when they are due, shared with others and removed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bot.rag.conftest import CONVERSATION, HANDBOOK, PERSON

from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.knowledge import Filters, Scope
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.sourcing import SourceOrder, parse_every
from quarterdeck.rag.sources.desk import SourceDesk
from quarterdeck.store.knowledge.library import KnowledgeLibrary
from quarterdeck.testing.clock import FakeClock

Desk = Callable[..., SourceDesk]


async def test_audience_and_owner_stand_with_each_document(
    desk: Desk, handbook: Path, library: KnowledgeLibrary
) -> None:
    """What retrieval filters by is stored, not worked out."""
    await desk().add(SourceOrder(location=str(handbook), audience="role:operator"), owner="p1")
    [source] = await desk().sources()

    assert {"role:operator"} == {one.audience for one in await library.documents()}
    assert ("p1", "current", "command") == (source.owner, source.state, source.origin)
    assert [Scope(collection="documents", audience="role:operator")] == await library.scopes()


async def test_a_revoked_audience_holds_at_once(
    desk: Desk, handbook: Path, library: KnowledgeLibrary
) -> None:
    """In the same commit, for every document and for those that are being read."""
    await desk().add(SourceOrder(location=str(handbook)), owner="p1")
    public = Scope(collection="documents", audience="public")
    before = await library.matches(["rollback"], [public], 5, Filters())
    count = await desk().share("documents", "group:leads")
    after = await library.matches(["rollback"], [public], 5, Filters())

    assert (1, len(HANDBOOK), []) == (len(before), count, after)
    assert {"group:leads"} == {one.audience for one in await library.documents()}


async def test_a_document_that_is_being_read_gets_the_audience_of_its_commit(
    desk: Desk, handbook: Path, library: KnowledgeLibrary
) -> None:
    """Whoever is shut out during a long sync does not see what comes after."""
    sharing: list[asyncio.Task[int]] = []

    async def progress(_sentence: str) -> None:
        if not sharing:
            sharing.append(asyncio.create_task(desk().share("documents", "group:leads")))
            await asyncio.wait(sharing)

    await desk().add(SourceOrder(location=str(handbook)), owner="p1", progress=progress)

    assert {"group:leads"} == {one.audience for one in await library.documents()}


async def test_a_moved_file_keeps_its_id(desk: Desk, handbook: Path, library: KnowledgeLibrary) -> None:
    """Links to it, and what people said about it, go on."""
    await desk().add(SourceOrder(location=str(handbook)), owner="p1")
    before = {one.name: one.id for one in await library.documents()}
    (handbook / "deploy.md").rename(handbook / "backup/deployments.md")
    (handbook / "deploy.md").write_text("# Deploy\n\nAnother page under the old name.\n")
    report = await desk().sync("")
    after = {one.name: one.id for one in await library.documents()}

    assert (0, 0) == (
        report["removed"],
        report["moved"],
    )  # the old name is taken: it changed, and another is new
    (handbook / "incidents.md").rename(handbook / "backup/incidents.md")
    again = await desk().sync("")
    moved = {one.name: one.id for one in await library.documents()}

    assert (1, 0, 0) == (again["moved"], again["removed"], again["added"])
    assert before["incidents.md"] == moved["backup/incidents.md"]
    assert len(after) == len(set(moved.values()))


async def test_what_is_due_is_read_and_no_sooner(
    desk: Desk, handbook: Path, library: KnowledgeLibrary, clock: FakeClock
) -> None:
    """A schedule is kept by the clock, over failures too."""
    await desk().add(SourceOrder(location=str(handbook), every_s=3600), owner="p1")
    [source] = await desk().sources()
    is_due = desk()._is_due

    assert clock.now_ms() + 3_600_000 == source.next_at_ms
    assert not is_due(source)
    await clock.advance(3600)
    assert is_due(source)


async def test_the_settings_say_what_is_there(desk: Desk, handbook: Path, library: KnowledgeLibrary) -> None:
    """What the file names is read; what it names no more goes with its documents; commands cannot take it away."""
    order = SourceOrder(location=str(handbook), kind="path", collection="handbook", every_s=60)
    serving = asyncio.create_task(desk(order).serve())
    while not any(one.state == "current" for one in await library.sources()):
        await asyncio.wait({serving}, timeout=0.05)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    [source] = await library.sources()
    with pytest.raises(UsageError):
        await desk(order).remove(source.id)
    assert len(HANDBOOK) == len(await library.documents())
    await desk().declare()

    assert ([], []) == (await library.sources(), await library.documents())


async def test_an_uploaded_file_is_for_those_who_saw_it(desk: Desk, library: KnowledgeLibrary) -> None:
    """In a group its readers, in a direct message the person."""
    group = Conversation(id="slack:C1", platform="slack", kind="group")
    attachment = Attachment(name="../rooms.md", media_type="text/markdown", size_bytes=10)
    path = await desk().keep(attachment, group)
    audience = desk().audience_of(PERSON, group)
    await desk().add(SourceOrder(location=path, kind="upload", audience=audience), owner="p1")
    [document] = await library.documents()

    assert ("conversation:slack:C1", "rooms.md") == (document.audience, document.name)
    assert "person:p1" == desk().audience_of(PERSON, CONVERSATION)
    with pytest.raises(UsageError):
        await desk().keep(Attachment(name="a.exe", media_type="x", size_bytes=1), group)


@pytest.mark.parametrize(
    "order",
    [
        SourceOrder(location=""),
        SourceOrder(location="/nowhere/at/all"),
        SourceOrder(location="/tmp", audience="somebody"),
        SourceOrder(location="/tmp", collection=" "),
        SourceOrder(location="/tmp", options={"depth": 3}),
        SourceOrder(location="somewhere", kind="web"),
    ],
)
async def test_a_wrong_order_changes_nothing(desk: Desk, order: SourceOrder) -> None:
    """And says what is wrong."""
    with pytest.raises(UsageError):
        await desk().add(order, owner="p1")

    assert [] == await desk().sources()


async def test_unknown_names_are_said(desk: Desk) -> None:
    """Nothing is guessed."""
    for call in (desk().sync("x"), desk().remove("x"), desk().share("x", "public")):
        with pytest.raises(NotFound):
            await call


@pytest.mark.parametrize(
    ("text", "seconds"), [("15m", 900), ("6h", 21_600), ("1d", 86_400), ("never", 0), ("", 0)]
)
def test_spans(text: str, seconds: int) -> None:
    """As people write them."""
    assert seconds == parse_every(text)


@pytest.mark.parametrize("text", ["5s", "often", "-1h", "9999999d"])
def test_wrong_spans(text: str) -> None:
    """Nobody is asked every five seconds."""
    with pytest.raises(UsageError):
        parse_every(text)
