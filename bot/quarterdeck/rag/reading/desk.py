"""Have files read and cut in the reader process, and pictures looked at by a model that sees.

What a document breaks there costs that document: the next one gets a new process.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from quarterdeck.core.errors import QuarterdeckError, Unavailable, UserError
from quarterdeck.core.knowledge import Chunk, Document
from quarterdeck.core.value import dataclass
from quarterdeck.rag.reading.document import context, plain, to_embed
from quarterdeck.rag.reading.sources import Source
from quarterdeck.rag.words.query import searchable
from quarterdeck.runtime.workers.worker import Limits, Worker

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

READER = "reader"
TARGET = "quarterdeck.rag.reading.reader:reader"
CUT_VERSION = "4"  # changes with how documents are cut or made searchable, so that they are cut anew
READ_TIMEOUT_S = 60.0  # a document, on a busy machine; its processor time is bounded in the reader
READER_MEMORY_BYTES = 512 * 1024 * 1024  # of address space; 200 MiB do for a page of 8 MB
TOO_MUCH = "reading it takes too much time or memory"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Read:
    """Hold a document that was read, or that could not be: then it has no pieces."""

    document: Document
    pieces: tuple[Chunk, ...] = ()
    texts: tuple[str, ...] = ()


class Sight(Protocol):
    """Look at pictures."""

    async def is_there(self) -> bool:
        """Tell whether a model that sees is connected."""

    async def describe(self, picture: bytes) -> str:
        """Return as Markdown what a PNG says and shows.

        Raises:
            QuarterdeckError: no model could.
        """


class Blind:
    """See nothing: pictures are left out."""

    async def is_there(self) -> bool:
        """Say no."""
        return False

    async def describe(self, picture: bytes) -> str:
        """Describe nothing."""
        return ""


class ReadingDesk:
    """Read one document after the other; `stop` ends the process."""

    def __init__(self, *, chunk_tokens: int, overlap_tokens: int) -> None:
        self._sizes = {"chunk_tokens": chunk_tokens, "overlap_tokens": overlap_tokens}
        self.cut = f"{CUT_VERSION}:{chunk_tokens}:{overlap_tokens}"
        self.worker: Worker | None = None
        self.sight: Sight = Blind()

    async def read(self, source: Source, document: Document) -> Read:
        """Read one file; one that cannot be read is returned as failed, with the reason.

        Raises:
            SetupError: the reader itself cannot work.
            ServiceError: the model that should look at a picture is away.
        """
        where: Json = {"path": source.place, "format": source.format, "name": source.name}
        try:
            if source.format == "image":
                told, digest = await self._look(where, source.name)
            else:
                told = cast("Mapping[str, object]", (await self.call("read", where)).value)
                digest = cast("str", told["sha256"])
        except UserError as error:
            return Read(failed(document, error.message))
        except Unavailable as error:
            if error.service != READER:
                raise
            log.warning("A document broke the reader", extra={"document": source.name})
            return Read(failed(document, TOO_MUCH))
        return self._assemble(replace(document, sha256=digest), told)

    async def _look(self, where: Json, name: str) -> tuple[Mapping[str, object], str]:
        shrunk = await self.call("shrink", where)
        digest = cast("Mapping[str, str]", shrunk.value)["sha256"]
        words = await self.sight.describe(shrunk.blob)
        answer = await self.call("cut", {"name": name, "sha256": digest}, words.encode())
        return cast("Mapping[str, object]", answer.value), digest

    async def call(self, method: str, value: Json, blob: bytes = b"") -> Answer:
        """Have the process do one job; a new one takes the place of one that broke.

        Raises:
            UserError: the document is at fault.
            Unavailable: it took too much time or memory.
            SetupError: the reader itself cannot work.
        """
        if self.worker is None:
            limits = Limits(memory_bytes=READER_MEMORY_BYTES, niceness=10)
            self.worker = Worker(READER, TARGET, options=cast("Json", self._sizes), limits=limits)
        try:
            return await self.worker.call(method, value, blob, timeout_s=READ_TIMEOUT_S)
        except UserError:
            raise
        except QuarterdeckError as error:
            await self.stop()  # a new one without the pause that a worker takes which keeps dying
            if not isinstance(error, Unavailable) and error.kind == "setup":
                raise
            raise Unavailable(TOO_MUCH, service=READER) from error

    async def stop(self) -> None:
        """End the process."""
        if self.worker is not None:
            await self.worker.stop()
            self.worker = None

    def _assemble(self, document: Document, told: Mapping[str, object]) -> Read:
        title = cast("str", told["title"])
        document = replace(document, title=title, cut=self.cut)
        seen: Counter[str] = Counter()
        pieces, texts = [], []
        for piece in cast("Sequence[Mapping[str, object]]", told["chunks"]):
            heading, words = cast("str", piece["heading"]), cast("str", piece["text"])
            text = to_embed(title, heading, words)
            key = "\0".join((document.id, heading, words, text))
            seen[key] += 1
            id_ = hashlib.sha256(f"{key}\0{seen[key]}".encode(errors="replace")).hexdigest()[:32]
            about = (
                searchable(f"{title} {document.name}"),
                searchable(context("", heading)),
                searchable(plain(words)),
            )
            pieces.append(
                Chunk(
                    id=id_,
                    heading=heading,
                    text=words,
                    start=cast("int", piece["start"]),
                    end=cast("int", piece["end"]),
                    page=cast("int | None", piece["page"]),
                    line=cast("int | None", piece["line"]),
                    end_line=cast("int | None", piece["end_line"]),
                    searchable=about,
                )
            )
            texts.append(text)
        return Read(document, tuple(pieces), tuple(texts))


class Answer(Protocol):
    """See what the process answered."""

    @property
    def value(self) -> Json: ...
    @property
    def blob(self) -> bytes: ...


def failed(document: Document, reason: str) -> Document:
    """Return the document as one that could not be read."""
    return replace(document, state="failed", reason=reason)
