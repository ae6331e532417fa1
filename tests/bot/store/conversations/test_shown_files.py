"""Files go with the words that they came with: rows and bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quarterdeck.core.screen import Room, StoredFile
from quarterdeck.store.conversations.notes import StoredNotes
from quarterdeck.store.conversations.rooms import StoredRooms
from quarterdeck.store.engine import Store


@dataclass
class Desk:
    """Hold a page's conversations, and send files in them."""

    store: Store
    folder: Path

    def __post_init__(self) -> None:
        self.rooms, self.notes, self._sent = StoredRooms(self.store), StoredNotes(self.store), 0

    async def send(self, owner: str, name: str, *, is_sent: bool = True) -> Path:
        """Upload a file, and let it stand in a conversation; returns where its bytes lie."""
        self._sent += 1
        file_id = f"{self._sent:032x}"
        path = self.folder / file_id
        path.write_text("the deed to the house")
        values = {"media_type": "text/plain", "size_bytes": 21, "path": str(path), "created_at_ms": 1}
        await self.rooms.add_file(StoredFile(id=file_id, owner=owner, name="deed.txt", **values))  # type: ignore[arg-type]
        if is_sent:
            room_id = f"web::{owner}/{name}"
            await self.rooms.open(
                Room(id=room_id, owner=owner, name=name, title="", created_at_ms=1, updated_at_ms=1)
            )
            body = {"text": "look", "files": [{"id": file_id, "name": "deed.txt"}]}
            await self.rooms.add(room_id, "said", body, key=file_id, cause="", text="look", at_ms=1)
        return path

    async def is_there(self, owner: str, path: Path) -> bool:
        """Say whether a file is there; its row and its bytes say the same."""
        row = await self.rooms.file(owner, path.name)
        assert (row is not None) == path.exists()
        return path.exists()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await Store.open(tmp_path / "quarterdeck.db", backups=tmp_path / "backups")
    yield Desk(store, tmp_path)
    await store.close()


async def test_files_of_a_conversation_go_with_it(desk: Desk) -> None:
    """By `/forget here`, and when the page deletes it; others keep theirs."""
    forgotten, deleted, kept = [await desk.send("anna", name) for name in ("a", "b", "c")]

    await desk.notes.forget_conversation("web::anna/a")
    assert await desk.rooms.remove("anna", "b")

    assert [False, False, True] == [await desk.is_there("anna", one) for one in (forgotten, deleted, kept)]


async def test_files_of_a_person_go_wherever_they_stand(desk: Desk) -> None:
    """Also one that was uploaded and never sent; everybody's go with everything."""
    sent, unsent = await desk.send("anna", "a"), await desk.send("anna", "a", is_sent=False)
    of_ben = await desk.send("ben", "a")

    await desk.notes.forget_person("anna")
    assert [False, False] == [await desk.is_there("anna", one) for one in (sent, unsent)]
    assert await desk.is_there("ben", of_ben)

    await desk.notes.forget_everything()
    assert not await desk.is_there("ben", of_ben)
