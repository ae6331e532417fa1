"""Describe documents and their chunks as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, NamedTuple

from quarterdeck.core.value import dataclass

DocumentState = Literal["indexed", "failed"]
AnswerWish = Literal["sources", "more", "helpful", "wrong", "fuller"]
"""How people go on from an answer."""
PUBLIC = "public"
"""The audience of what everybody may read whom the bot answers at all."""


def scope_of(collection: str, audience: str) -> str:
    """Return the name of the vector collection that holds the passages of one collection for one audience."""
    return collection if audience == PUBLIC else f"{collection}\x1f{audience}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Describe one document of a collection.

    `path` is absolute, `name` is how it is cited (relative to `root`, the path that was given), `sha256` of its bytes,
    `cut` says how it was cut, so that other settings cut it anew. `reason` says why it failed. `audience` is that of
    its source; `modified_at_ms` what the source says, None where it does not; `url` where people open it, when that
    is not `path`; `version` what the source compares to skip it unread.
    """

    id: str
    collection: str
    path: str
    name: str
    root: str
    title: str = ""
    sha256: str = ""
    size_bytes: int = 0
    state: DocumentState = "indexed"
    reason: str = ""
    cut: str = ""
    indexed_at_ms: int = 0
    source_id: str = ""
    audience: str = PUBLIC
    modified_at_ms: int | None = None
    url: str = ""
    version: str = ""


class KnownDocument(NamedTuple):
    """Hold what a sync compares of one stored document."""

    id: str
    path: str
    name: str
    sha256: str
    size_bytes: int
    state: DocumentState
    cut: str
    version: str
    modified_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Hold one piece of a document; `start` and `end` count characters into the document's text, `page` from 1.

    `line` and `end_line` are its first and last line in the file, from 1, where the text is the file's own.

    `searchable` is what full text looks through: title, heading, text. `embedding` is little-endian float32 of
    length 1 in the space that `embedder` names, empty without one.
    """

    id: str
    heading: str
    text: str
    start: int
    end: int
    page: int | None = None
    line: int | None = None
    end_line: int | None = None
    searchable: tuple[str, str, str] = ("", "", "")
    embedding: bytes = b""
    embedder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Say what a commit did to one scope: chunks that are gone, and the count of commits so far."""

    collection: str
    audience: str = PUBLIC
    gone: tuple[str, ...]
    generation: int

    @property
    def scope(self) -> str:
        """Name the vector collection."""
        return scope_of(self.collection, self.audience)


class Found(NamedTuple):
    """Hold a stored chunk with what is needed to cite it; `seq` is its place in the database, `n` in its document.

    A tuple, because a question makes a hundred of them: a twentieth of what another value costs.
    """

    seq: int
    id: str
    n: int
    document_id: str
    collection: str
    path: str
    name: str
    title: str
    heading: str
    text: str
    page: int | None = None
    start: int = 0
    end: int = 0
    line: int | None = None
    end_line: int | None = None
    source_id: str = ""
    audience: str = PUBLIC
    modified_at_ms: int | None = None
    url: str = ""

    @property
    def scope(self) -> Scope:
        """Say whose it is."""
        return Scope(collection=self.collection, audience=self.audience)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Name the documents of one collection that have one audience, and count their passages."""

    collection: str
    audience: str
    chunks: int = field(default=0, compare=False)

    @property
    def name(self) -> str:
        """Name the vector collection."""
        return scope_of(self.collection, self.audience)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Narrow a search down; what is empty does not.

    `sources` are ids or locations; `path` is a pattern for documents' names, `*` for anything (without one: how they
    begin); `since_ms` and `until_ms` bound when a document was changed last, as far as its source says, else read.
    """

    collections: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    path: str = ""
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def is_narrow(self) -> bool:
        """Tell whether they leave out single documents."""
        return bool(self.sources or self.path) or self.since_ms is not None or self.until_ms is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSize:
    """Count what a collection holds; `modified_at_ms` is its youngest document's, `indexed_at_ms` when one was read."""

    name: str
    documents: int
    failed: int
    chunks: int
    roots: tuple[str, ...]
    size_bytes: int = 0
    modified_at_ms: int | None = None
    indexed_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Say whose vectors serve: `key` is how the embedder is reached, `space` its vector space, `slot` its index."""

    key: str
    space: str
    slot: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Say where a word stands: in how many chunks at all, and in which of the chunks asked about, by `seq`."""

    count: int
    chunks: frozenset[int]
    headings: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Hold what ranking needs of the candidates, read at one moment: chunks and vectors by id, words' places."""

    found: Mapping[str, Found]
    vectors: Mapping[str, bytes]
    spread: Mapping[str, Spread]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """Hold what was answered: `before` is the question that it followed on, `chunks` and `documents` what was cited.

    `verdict` is `helpful`, `wrong` or nothing; `said` is what would have been right, by the person `judge_id`.
    """

    id: str
    at_ms: int
    question: str
    person_id: str
    conversation_id: str
    status: str
    before: str = ""
    filters: Filters = Filters()
    chunks: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    verdict: str = ""
    said: str = ""
    judge_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Hold what the questions of `suite` (a digest) gave; `about` says what was measured (embedder, prompt …)."""

    at_ms: int
    suite: str
    about: Mapping[str, str]
    measures: Mapping[str, float | None]
    is_accepted: bool = True
