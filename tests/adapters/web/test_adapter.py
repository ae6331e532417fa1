"""The page's adapter posts once, keeps files of its own, and loses no unfinished answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quarterdeck.core.errors import Gone, NotFound
from quarterdeck.core.event import Invoked, Posted, Pressed, Submitted
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Button, Card, File, Input, Reply
from quarterdeck.core.screen import Room
from quarterdeck.runtime.platform_facts import read
from quarterdeck.store.conversations.rooms import StoredRooms
from quarterdeck.store.engine import Store
from quarterdeck.testing.clock import FakeClock
from quarterdeck_adapters.web.adapter import ABILITIES, WebAdapter

ANNA = Identity(platform="web", user_id="anna")
PLACE = Conversation(id="web:anna:main", platform="web")
ROOM = Room(id=PLACE.id, owner="anna", name="main", title="", created_at_ms=1, updated_at_ms=1)


class Home:
    """Hold the adapter and what is behind it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.rooms = StoredRooms(store)
        self.adapter = WebAdapter(self.rooms, FakeClock(), folder / "files")
        self.taken = []

    async def send(self, reply: Reply, key: str = "web::1#1") -> str:
        return await self.adapter.send(PLACE, self.adapter.render(reply)[0], key)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    """Give an adapter with one conversation."""
    store = await Store.open(tmp_path / "web.db")
    made = Home(store, tmp_path)
    await made.rooms.open(ROOM)
    yield made
    await store.close()


def test_the_adapter_can_what_its_file_says() -> None:
    """The parity table is made of the file."""
    assert ABILITIES == set(read("web").abilities)


async def test_the_same_key_posts_once(home: Home) -> None:
    """The outbox sends again after a crash."""
    ids = [await home.send(Reply(text="hi")) for _ in range(3)]

    assert 1 == len(set(ids))
    assert ["hi"] == [one.body["text"] for one in await home.rooms.since(PLACE.id, 0)]


async def test_a_deleted_conversation_takes_nothing_more(home: Home) -> None:
    """A schedule may still post there."""
    await home.rooms.remove("anna", "main")

    with pytest.raises(Gone):
        await home.send(Reply(text="late"))


async def test_an_edit_is_shown_where_the_message_stands(home: Home) -> None:
    """And doing it twice is doing it once."""
    message_id = await home.send(Reply(text="old"))
    part = home.adapter.render(Reply(text="new"))[0]
    for _ in range(2):
        await home.adapter.edit(PLACE, message_id, part)
    (shown,) = await home.rooms.page(PLACE.id, None, 10)

    assert ("new", True) == (shown.body["text"], shown.is_edited)
    assert ["post", "edit"] == [one.kind for one in await home.rooms.since(PLACE.id, 0)]


async def test_a_file_outlives_what_made_it(home: Home, tmp_path: Path) -> None:
    """The page may fetch it a week later."""
    made = tmp_path / "chart.png"
    made.write_bytes(b"picture")
    await home.send(Reply(text="", files=(File(name="chart.png", path=str(made), media_type="image/png"),)))
    made.unlink()
    (item,) = await home.rooms.since(PLACE.id, 0)
    file = await home.rooms.file("anna", item.body["files"][0]["id"])
    copy = tmp_path / "copy"
    shown = Attachment(name=file.name, media_type=file.media_type, size_bytes=7, url=file.path)
    await home.adapter.download(shown, copy, limit_bytes=100)

    assert b"picture" == copy.read_bytes()
    assert "path" not in item.body["files"][0]
    assert None is await home.rooms.file("ben", file.id)


async def test_what_people_do_becomes_events(home: Home) -> None:
    """Words, presses, forms and commands; the same key is the same event."""
    card = Card(buttons=(Button(id="yes", label="Yes", value="/forget me --yes"),))
    await home.send(Reply(text="?", card=card))
    form = Card(title="Deploy", form_id="f1", inputs=(Input(id="service", label="Service"),))
    await home.send(Reply(card=form), "web::2#1")
    asked, formed = await home.rooms.since(PLACE.id, 0)
    adapter = home.adapter
    drafts = [
        adapter.said(ROOM, ANNA, "hi", key="1"),
        adapter.pressed(ROOM, ANNA, asked, "yes", key="2"),
        adapter.submitted(ROOM, ANNA, formed, {"service": "api", "other": 1}, key="3"),
        adapter.invoked(ROOM, ANNA, "deploy", {"service": "a b"}, key="4"),
    ]

    assert [Posted, Pressed, Submitted, Invoked] == [type(one.event) for one in drafts]
    assert ["hi", "Yes", "Service: api", '/deploy --service "a b"'] == [one.text for one in drafts]
    assert ["1", "2", "3", "4"] == [one.body["key"] for one in drafts]
    assert [None, asked.seq, formed.seq, None] == [one.body["of"] for one in drafts]
    assert {"service": "api"} == drafts[2].event.values
    assert drafts[0].event.key == adapter.said(ROOM, ANNA, "other", key="1").event.key
    assert 4 == len({one.event.key for one in drafts})
    with pytest.raises(NotFound):
        adapter.pressed(ROOM, ANNA, asked, "no", key="5")


async def test_whoever_looks_is_woken_and_sees_what_is_unfinished(home: Home) -> None:
    """Until it stands there whole."""
    woken = []
    watched = home.adapter.watch(PLACE.id, lambda: woken.append(dict(watched.partials)))
    await home.adapter.preview(PLACE, "web::1", "Hal")
    await home.adapter.preview(PLACE, "web::1", "f")
    await home.send(Reply(text="Half"))
    watched.unwatch()
    await home.adapter.preview(PLACE, "web::2", "unseen")

    assert [{"web::1": "Hal"}, {"web::1": "Half"}, {}] == woken[:3]
    assert {} not in woken[:2]
