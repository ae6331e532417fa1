"""Search by full text what stands on screens of ours; each search sees one owner's conversations and no others.

Whoever writes words into `transcript`, or deletes some, tells the index in the same transaction (triggers could not:
the schema is not trusted to reach it). Where no word fits, parts of words are looked for: somebody is still typing one,
or writes in a language without spaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, column, delete, insert, select, table, text, update
from sqlalchemy.sql import ColumnElement

from quarterdeck.store.conversations.shown_files import forget_files_in
from quarterdeck.store.knowledge.cutting import quoted
from quarterdeck.store.tables import transcript
from quarterdeck.store.tables.web import web_rooms

MOST_WORDS: Final = 8
SHOWN: Final = ("post", "said")
BEFORE, AFTER = "\x02", "\x03"  # around each word that was found; no message shows these signs
SNIPPET: Final = 160  # characters around a part of a word
GATHERED: Final = 3  # times as many as wanted: of those that fit alike the newest are taken

_INDEX: Final = table(
    "transcript_fts", column("transcript_fts"), column("rowid"), column("text"), column("conversation_id")
)
_RANKED: Final = text(
    f"""
    SELECT transcript.seq, transcript_fts.rank,
      snippet(transcript_fts, 0, '{BEFORE}', '{AFTER}', '…', 24) AS snippet
    FROM transcript_fts
      CROSS JOIN transcript ON transcript.seq = transcript_fts.rowid
      CROSS JOIN web_rooms ON web_rooms.id = transcript.conversation_id
    WHERE transcript_fts MATCH :match AND web_rooms.owner = :owner AND (:name = '' OR web_rooms.name = :name)
      AND transcript.kind IN ('post', 'said')
    ORDER BY transcript_fts.rank LIMIT :most
    """  # noqa: S608  the signs are ours
)  # CROSS JOIN: the words first, or each message of the owner's would be looked up in the index
_PARTS: Final = (
    select(transcript.c.seq, transcript.c.text)
    .join(web_rooms, web_rooms.c.id == transcript.c.conversation_id)
    .where(web_rooms.c.owner == bindparam("owner"), transcript.c.kind.in_(SHOWN))
    .order_by(transcript.c.seq.desc())
)


_PUT: Final = text(
    "INSERT INTO transcript_fts (rowid, text, conversation_id) "
    "SELECT seq, text, conversation_id FROM transcript WHERE seq = :seq AND text <> ''"
)


def put(connection: Connection, seq: int) -> None:
    """Let what stands at `seq` be found; it was not before."""
    connection.execute(_PUT, {"seq": seq})


def take(connection: Connection, which: ColumnElement[bool]) -> None:
    """Let these be found no more, before they are changed or deleted: the index needs their words for that."""
    gone = select(text("'delete'"), transcript.c.seq, transcript.c.text, transcript.c.conversation_id)
    columns = ("transcript_fts", "rowid", "text", "conversation_id")
    connection.execute(insert(_INDEX).from_select(columns, gone.where(which, transcript.c.text != "")))


def search(connection: Connection, owner: str, words: str, name: str, limit: int) -> list[tuple[int, str]]:
    """Return seq and snippet of messages that hold all of `words`, the best first; `name` is of one conversation."""
    wanted = words.split()[:MOST_WORDS]
    if not wanted:
        return []
    found: list[tuple[int, str]] = []
    if all(any(sign.isalnum() for sign in word) for word in wanted):
        asked = {"match": _match(owner, wanted), "owner": owner, "name": name, "most": limit * GATHERED}
        rows = connection.execute(_RANKED, asked).all()
        best = sorted(rows, key=lambda row: (round(row.rank, 1), -row.seq))
        found = [(row.seq, row.snippet) for row in best[:limit]]
    return found or _by_parts(connection, owner, wanted, name, limit)


def empty(connection: Connection, which: ColumnElement[bool]) -> None:
    """Delete all that stands in these conversations, files and index included, and tell pages that show them.

    A title is made of the first words that were said, so it goes as well.
    """
    here = select(transcript.c.conversation_id).where(which)
    rooms = connection.execute(select(web_rooms).where(web_rooms.c.id.in_(here))).all()
    forget_files_in(connection, which)
    take(connection, which)
    connection.execute(delete(transcript).where(which))
    for room in rooms:
        gone = {"key": f"forgotten:{room.id}:{_last(connection)}"[-200:], "conversation_id": room.id}
        told = {"cause": "", "body": "{}", "at_ms": room.updated_at_ms, "kind": "rewind", "target": 0}
        connection.execute(insert(transcript).values(**gone, **told))
    connection.execute(
        update(web_rooms).where(web_rooms.c.id.in_([room.id for room in rooms])).values(title="")
    )
    overwrite(connection)


def overwrite(connection: Connection) -> None:
    """Take words that were deleted out of the index's bytes: until it is merged it only marks them as gone."""
    connection.execute(text("INSERT INTO transcript_fts (transcript_fts) VALUES ('optimize')"))


def parts_of(snippet: str) -> tuple[tuple[str, bool], ...]:
    """Return a snippet in parts, and whether each is what was looked for; runs of white space are one space."""
    parts: list[tuple[str, bool]] = []
    for at, piece in enumerate(snippet.split(BEFORE)):
        hit, is_hit, rest = piece.partition(AFTER) if at else ("", "", piece)
        for words, fits in ((hit if is_hit else "", True), (rest if is_hit or not at else hit, False)):
            if words:
                parts.append((_single(words), fits))
    return tuple(parts)


def _match(owner: str, words: Sequence[str]) -> str:
    """Return the query: the owner's conversations, all words, the last one perhaps not typed to its end."""
    all_of = " AND ".join(map(quoted, words))
    return f"{{conversation_id}} : {quoted(f'web:{owner}')} AND {{text}} : ({all_of} *)"


def _by_parts(
    connection: Connection, owner: str, words: Sequence[str], name: str, limit: int
) -> list[tuple[int, str]]:
    query = _PARTS.limit(limit)
    for word in words:
        query = query.where(transcript.c.text.icontains(word, autoescape=True))
    if name:
        query = query.where(web_rooms.c.name == name)
    rows = connection.execute(query, {"owner": owner}).all()
    return [(row.seq, _around(row.text, words[0])) for row in rows]


def _around(words: str, part: str) -> str:
    """Return what stands around the first `part`, which is marked."""
    at = max(0, words.lower().find(part.lower()))
    start = max(0, at - SNIPPET // 3)
    end = start + SNIPPET
    before, hit, after = words[start:at], words[at : at + len(part)], words[at + len(part) : end]
    return f"{'…' if start else ''}{before}{BEFORE}{hit}{AFTER}{after}{'…' if end < len(words) else ''}"


def _single(words: str) -> str:
    lead, tail = words[:1].isspace(), words[-1:].isspace()
    return f"{' ' if lead else ''}{' '.join(words.split())}{' ' if tail and words.strip() else ''}"


def _last(connection: Connection) -> int:
    """Return the highest number that was ever given."""
    query = text("SELECT seq FROM sqlite_sequence WHERE name = 'transcript'")
    return int(connection.execute(query).scalar() or 0)
