"""How long a search in what was said takes, among the messages of many people, and what forgetting costs.

One database: `--messages` of them, a fifth said in one person's conversations, who searches. Words are as frequent as
words are (the n-th has a share of 1/n). Each search names two of them, the second perhaps not typed to its end.

  quarterdeck      `searching.search`: the person's conversations only, ranked, with what fits marked
  bare FTS5        the same words in the same index, everybody's messages, ranked, nothing marked
  parts of words   a scan of the person's messages for both words, the newest first, as before there was an index

Times are processor time of this process. `forgotten_ms` is what taking one conversation out of index and file costs.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from measure import Figures, arguments, in_turn, percentile, report
from sqlalchemy import Connection, text

from quarterdeck.store.conversations import searching
from quarterdeck.store.database.sqlite import write_engine
from quarterdeck.store.knowledge.cutting import quoted
from quarterdeck.store.tables import transcript
from quarterdeck.store.upkeep.schema import create_all

PEOPLE, VOCABULARY, LENGTH, LIMIT, SEARCHES = 50, 20_000, 30, 50, 30
SAID = (
    "INSERT INTO transcript (key, conversation_id, cause, body, at_ms, kind, text) "
    "VALUES (:key, :place, '', '{}', 1, 'said', :text)"
)
ROOM = "INSERT INTO web_rooms VALUES (:id, :owner, 'main', '', 1, 1)"
INDEX = "INSERT INTO transcript_fts (rowid, text, conversation_id) SELECT seq, text, conversation_id FROM transcript"
BARE = "SELECT rowid FROM transcript_fts WHERE transcript_fts MATCH :match ORDER BY rank LIMIT :most"


def fill(connection: Connection, count: int) -> list[str]:
    """Let `count` messages stand there; returns the vocabulary, the most frequent words first."""
    pick = random.Random(7)
    letters = "abcdefghiklmnoprstuvw"
    words = ["".join(pick.choices(letters, k=pick.randint(3, 10))) for _ in range(VOCABULARY)]
    weights = [1 / place for place in range(1, VOCABULARY + 1)]
    owners = ["anna", *(f"person{n}" for n in range(1, PEOPLE))]
    connection.execute(text(ROOM), [{"id": f"web:{owner}:main", "owner": owner} for owner in owners])
    rows = [
        {
            "key": f"k{n}",
            "place": f"web:{owners[0] if n % 5 == 0 else owners[n % PEOPLE or 1]}:main",
            "text": " ".join(pick.choices(words, weights, k=LENGTH)),
        }
        for n in range(count)
    ]
    connection.execute(text(SAID), rows)
    connection.execute(text(INDEX))
    return words


def ours(connection: Connection, one: str, other: str) -> Sequence[object]:
    """Search as the page does."""
    return searching.search(connection, "anna", f"{one} {other}", "", LIMIT)


def bare(connection: Connection, one: str, other: str) -> Sequence[object]:
    """Ask the index alone."""
    asked = {"match": f"{quoted(one)} AND {quoted(other)} *", "most": LIMIT}
    return connection.execute(text(BARE), asked).all()


def parts(connection: Connection, one: str, other: str) -> Sequence[object]:
    """Scan for both words."""
    return searching._by_parts(connection, "anna", [one, other], "", LIMIT)


def measured(
    connection: Connection, search: Callable[..., Sequence[object]], words: Sequence[str]
) -> Figures:
    """Time searches for words from frequent to rare."""
    pick, took_ms, found = random.Random(11), [], 0
    for _ in range(SEARCHES):
        one, other = (words[min(VOCABULARY - 1, int(pick.paretovariate(0.5)))] for _ in range(2))
        began_s = time.process_time()
        found += len(search(connection, one, other[:-1] if len(other) > 4 else other))
        took_ms.append((time.process_time() - began_s) * 1000)
    return {"p50_ms": percentile(took_ms, 0.5), "p95_ms": percentile(took_ms, 0.95), "found": float(found)}


def forgotten(connection: Connection) -> Figures:
    """Time the deletion of one small conversation, and put it back."""
    began_s = time.process_time()
    searching.empty(connection, transcript.c.conversation_id == "web:person7:main")
    took_ms = (time.process_time() - began_s) * 1000
    connection.rollback()
    return {"forgotten_ms": took_ms}


def main() -> None:
    """Run all of them in turn."""
    parser = arguments(__doc__ or "", rounds=3)
    parser.add_argument("--messages", type=int, default=100_000, help="messages of all people together")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "main.db")
        path.touch()
        engine = write_engine(path, "NORMAL")
        with engine.begin() as connection:
            create_all(connection)
            words = fill(connection, options.messages)
        with engine.connect() as connection:
            variants = {
                "quarterdeck": partial(measured, connection, ours, words),
                "bare FTS5": partial(measured, connection, bare, words),
                "parts of words": partial(measured, connection, parts, words),
                "forgetting": partial(forgotten, connection),
            }
            found = in_turn(variants, options.rounds, is_quiet=options.only_json)
        engine.dispose()
    report(
        "Search in what was said",
        found,
        baselines=("bare FTS5", "parts of words"),
        settings={"messages": options.messages, "searches": SEARCHES, "rounds": options.rounds},
        is_only_json=options.only_json,
    )


if __name__ == "__main__":
    main()
