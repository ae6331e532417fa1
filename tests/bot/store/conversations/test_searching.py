"""What was said is found by its words: by whoever said it, the best first, and never again once it is deleted."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quarterdeck.core.screen import Room
from quarterdeck.store.conversations.notes import StoredNotes
from quarterdeck.store.conversations.rooms import StoredRooms
from quarterdeck.store.engine import Store

SIGNS = "\"'*()^:-+{}[]<>~.,;\\/|&!?%_#@$= \t\n\u00a0\u2028\u0000\u0301\u202e\u200b🚢漢aZ9"
HOSTILE = (
    *(
        '"',
        '""',
        '"a',
        "a\"b'c",
        "'; DROP TABLE transcript; --",
        "*",
        "a*",
        "^a",
        "a:b",
        "text:a",
        "-a",
        "+a",
    ),
    *(
        "NEAR(a b, 2)",
        "a AND",
        "OR",
        "NOT a",
        "a NOT b",
        "(",
        ")",
        "{text} : a",
        "{",
        "a + b",
        "%",
        "_",
        "\\",
    ),
    *(
        "\x02",
        "\x03",
        "\ud800",
        "\0",
        "a\0b",
        "x" * 200,
        '"' * 200,
        "(" * 200,
        "a " * 100,
        "🚢",
        "é",
        "e\u0301",
    ),
    *("transcript_fts", "rank", "rowid", "web anna", "conversation_id:web", "ﬁ", "İ", "ß", "\u202e"),
)


class Desk:
    """Hold rooms with their notes, and say things there."""

    def __init__(self, store: Store) -> None:
        self.store, self.rooms, self.notes = store, StoredRooms(store), StoredNotes(store)
        self.count = 0

    async def say(self, text: str, *, owner: str = "anna", name: str = "main", kind: str = "said") -> int:
        """Say something; returns its number."""
        self.count += 1
        room = Room(
            id=f"web:{owner}:{name}", owner=owner, name=name, title="", created_at_ms=1, updated_at_ms=1
        )
        await self.rooms.open(room)
        body = {"kind": "text", "text": text}
        key = f"k{self.count}"
        item, _ = await self.rooms.add(room.id, kind, body, key=key, cause=key, text=text, at_ms=self.count)
        return item.seq

    async def find(self, words: str, *, owner: str = "anna", name: str = "") -> list[str]:
        """Return what is found, with what was looked for in brackets."""
        found = await self.rooms.search(owner, words, name=name)
        return ["".join(f"[{text}]" if fits else text for text, fits in one.parts) for one in found]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Return an empty desk."""
    store = await Store.open(tmp_path / "main.db")
    yield Desk(store)
    await store.close()


async def test_words_are_found_in_any_form_and_the_best_comes_first(desk: Desk) -> None:
    """Stems, accents, a word that is still being typed, parts of words, scripts without spaces; all words must fit."""
    await desk.say("a long account of many things, in which among others the certificate was rotated")
    await desk.say("Rotating the certificate")
    await desk.say("Café über alles")
    await desk.say("今日の天気は晴れ", kind="post")
    await desk.say("a 🚢 sails")

    assert ["[Rotating] the [certificate]"] == (await desk.find("rotate certificates"))[:1]
    assert 2 == len(await desk.find("rotate certificates"))
    assert ["[Rotating] the [certificate]"] == (await desk.find("rotating certi"))[:1]
    assert ["[Café] [über] alles"] == await desk.find("uber cafe")
    assert ["今日の[天気]は晴れ"] == await desk.find("天気")
    assert ["a [🚢] sails"] == await desk.find("🚢")
    assert 2 == len(await desk.find("ertific"))
    assert [] == await desk.find("certificate ship")


async def test_of_messages_that_fit_alike_the_newest_comes_first(desk: Desk) -> None:
    """What was said yesterday matters more than last year's."""
    seqs = [await desk.say("the anchor holds") for _ in range(5)]

    assert seqs[::-1] == [one.item.seq for one in await desk.rooms.search("anna", "anchor")]


async def test_everybody_finds_their_own_only(desk: Desk) -> None:
    """Whatever names they have."""
    owners = ("anna", "anna.b", "anna:b", "b", "an", "web", "token:1", "person:2", "漢", "-")
    for owner in owners:
        await desk.say(f"secret of {owner}", owner=owner)
    await desk.say("secret of anna too", name="other")

    assert ["[secret] of anna too", "[secret] of anna"] == await desk.find("secret")
    assert ["[secret] of anna too"] == await desk.find("secret", name="other")
    for owner in owners[1:]:
        assert [f"[secret] of {owner}"] == await desk.find("secret", owner=owner)
    assert [] == await desk.find("secret", owner="nobody")


async def test_no_query_breaks_the_search(desk: Desk) -> None:
    """Nothing that is typed has a meaning of its own."""
    await desk.say("plain words, a \x02 sign \x03 and % _ \\ ( \" ' too")
    pick = random.Random(5)
    made = ("".join(pick.choices(SIGNS, k=pick.randint(1, 40))) for _ in range(2000))
    asked = 0
    for words in (*HOSTILE, *made):
        for one in await desk.rooms.search("anna", words.encode("utf-8", "replace").decode()):
            assert "anna" == one.room.owner
        asked += 1

    assert 2000 + len(HOSTILE) == asked


async def test_what_is_deleted_is_not_found(desk: Desk, tmp_path: Path) -> None:
    """Edited, taken back, deleted with its conversation or forgotten: not found, and not in the file either."""
    edited, back, gone, forgotten = "albatross", "barnacle", "cormorant", "dogwatch"
    first = await desk.say(f"the {edited}", kind="post")
    await desk.rooms.edit("web:anna:main", first, {"text": "the gull"}, text="the gull", at_ms=9)
    second = await desk.say(f"a {back} and its twin")
    await desk.say(f"another {back}")
    await desk.rooms.rewind("web:anna:main", second, at_ms=9)
    await desk.say(gone, name="old")
    await desk.rooms.remove("anna", "old")
    before = await desk.find("gull")
    await desk.say(forgotten)
    await desk.rooms.rename("anna", "main", f"about the {forgotten}")
    await desk.notes.forget_conversation("web:anna:main")

    assert ["the [gull]"] == before
    assert [[]] * 5 == [await desk.find(word) for word in (edited, back, gone, forgotten, "gull")]
    await desk.store.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("main.db*"))
    words = (edited, back, gone, forgotten, "gull")
    assert [] == [word for word in words if word.encode() in raw.lower()]


async def test_a_number_is_never_given_twice(desk: Desk) -> None:
    """A page counts by it: what was deleted must not be taken for what comes after."""
    last = await desk.say("one")
    await desk.notes.forget_conversation("web:anna:main")
    (told,) = await desk.rooms.since("web:anna:main", last)
    await desk.notes.forget_conversation("web:anna:main")
    next_ = await desk.say("two")

    assert ("rewind", 0) == (told.kind, told.target)
    assert last < told.seq < next_ - 1
