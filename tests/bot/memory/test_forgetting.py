"""Prove that what is forgotten is on the disk no more."""

from pathlib import Path

from sqlalchemy import text
from tests.bot.memory.conftest import ALONE, ANNA, BEN, HERE, Memory

from quarterdeck.core.memory import Forgotten

SECRET = "the-word-that-must-go"


async def found_on_disk(memory: Memory) -> bool:
    """Look into the bytes of the database and of its log, freed pages included."""
    path = memory.store.path
    await memory.store.write("test", lambda connection: None)
    files = [path, path.with_name(path.name + "-wal")]
    await memory.store.close()
    return any(SECRET.encode() in file.read_bytes() for file in files if file.exists())


async def test_what_a_person_wrote_goes_everywhere_and_what_others_wrote_stays(memory: Memory) -> None:
    """Their words in every conversation; with them alone, ours too."""
    await memory.say(SECRET, by=ANNA)
    await memory.say("Ben stays", by=BEN)
    await memory.say(SECRET, by=ANNA, where=ALONE)
    await memory.say(f"you said {SECRET}", by=BEN, where=ALONE, is_ours=True)
    await memory.notes.fold(HERE.id, f"Anna said {SECRET}", since_ms=0, up_to_ms=1, now_ms=1)
    gone = await memory.notes.forget_person(str(ANNA))
    assert Forgotten(messages=3) == gone
    assert ["", "Ben stays"] == [one.text for one in await memory.history.recent(HERE.id)]
    assert ("", 0) == await memory.notes.summarised(HERE.id)
    assert not await found_on_disk(memory)


async def test_a_conversation_goes_and_the_next_one_stays(memory: Memory) -> None:
    """Everybody's words here, nobody's elsewhere."""
    await memory.say(SECRET)
    await memory.say("elsewhere", where=ALONE)
    await memory.notes.add_note(
        SECRET, scope="conversation", person_id="p", conversation_id=HERE.id, by=ANNA, now_ms=1
    )
    assert Forgotten(messages=1, notes=1) == await memory.notes.forget_conversation(HERE.id)
    assert ["elsewhere"] == [one.text for one in await memory.history.recent(ALONE.id)]
    assert not await found_on_disk(memory)


async def test_everything_goes(memory: Memory) -> None:
    """An owner may start anew."""
    for where in (HERE, ALONE):
        await memory.say(SECRET, where=where)
    await memory.notes.add_note(
        SECRET, scope="person", person_id="p", conversation_id=HERE.id, by=ANNA, now_ms=1
    )
    assert Forgotten(messages=2, notes=1) == await memory.notes.forget_everything()
    assert not await found_on_disk(memory)


async def test_freed_pages_are_overwritten(memory: Memory, tmp_path: Path) -> None:
    """Both connections, or SQLite would leave the words where nobody looks."""

    def pragma(connection):  # type: ignore[no-untyped-def]
        return connection.execute(text("PRAGMA secure_delete")).scalar()

    assert 1 == await memory.store.write("test", pragma)
