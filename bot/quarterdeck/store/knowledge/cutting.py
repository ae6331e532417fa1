"""Cut words and passages as the full-text index does, in a small index of its own that holds nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from quarterdeck.core.knowledge import Spread

KNOWN_LIMIT = 20_000  # words whose stems are remembered


class WordDesk:
    """Find the stems of words, and where words stand in a few passages. For one thread; they share `known` stems."""

    def __init__(self, known: dict[str, list[str]]) -> None:
        self._index = sqlite3.connect(":memory:", isolation_level=None)
        self._index.execute("CREATE VIRTUAL TABLE q USING fts5(t, tokenize = 'porter unicode61')")
        self._index.execute("CREATE VIRTUAL TABLE qv USING fts5vocab(q, instance)")
        self._index.execute(
            "CREATE VIRTUAL TABLE c USING fts5(text, heading, title, content = '', tokenize = 'porter unicode61')"
        )
        self._known = known

    def stems(self, words: Sequence[str]) -> dict[str, list[str]]:
        """Return what each word is in the index: one stem mostly, none for a sign that is no word."""
        found = {word: self._known.get(word) for word in words}
        fresh = [word for word, stems in found.items() if stems is None]
        cut = self._cut(fresh) if fresh else {}
        if len(self._known) + len(cut) > KNOWN_LIMIT:
            self._known.clear()
        self._known.update(cut)
        return {word: cut[word] if stems is None else stems for word, stems in found.items()}

    def spread(
        self, words: Sequence[str], counts: Mapping[str, int], rows: Sequence[tuple[object, ...]]
    ) -> dict[str, Spread]:
        """Return where each word stands among `rows` (rowid, text, heading, title)."""
        self._index.execute("BEGIN")
        self._index.executemany("INSERT INTO c (rowid, text, heading, title) VALUES (?, ?, ?, ?)", rows)
        result = {}
        for word in words:
            everywhere = self._standing(quoted(word)) if counts[word] else frozenset()
            above = self._standing(f"{{heading title}} : {quoted(word)}") if everywhere else frozenset()
            result[word] = Spread(count=counts[word], chunks=everywhere, headings=above)
        self._index.execute("ROLLBACK")
        return result

    def _cut(self, words: Sequence[str]) -> dict[str, list[str]]:
        self._index.execute("DELETE FROM q")
        self._index.executemany("INSERT INTO q (rowid, t) VALUES (?, ?)", list(enumerate(map(_clean, words))))
        stems: dict[str, list[str]] = {word: [] for word in words}
        for term, number in self._index.execute("SELECT term, doc FROM qv ORDER BY doc, offset"):
            stems[words[number]].append(term)
        return stems

    def _standing(self, match: str) -> frozenset[int]:
        return frozenset(
            row[0] for row in self._index.execute("SELECT rowid FROM c WHERE c MATCH ?", (match,))
        )


def quoted(word: str) -> str:
    """Return `word` as a string of FTS5's query language, in which nothing has a meaning of its own."""
    return '"' + _clean(word).replace('"', '""') + '"'


def _clean(word: str) -> str:
    return word.replace("\0", " ").encode("utf-8", "replace").decode()
