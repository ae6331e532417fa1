"""Be the reader process: open a file, parse it, cut it. Started for one ingest, and anew after each mishap.

A document may be a bomb: each has seconds of processor time of its own, the whole process an address space, and no
open file but the one it reads. What goes wrong costs that document.
"""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.chunk import Chunker
from quarterdeck.rag.reading.parse import parse
from quarterdeck.rag.reading.sources import SIZE_LIMIT_BYTES, Format, open_regular
from quarterdeck.rag.vector.minilm import tokenizer
from quarterdeck.runtime.workers.protocol import Job, Method, Part

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

CPU_LIMIT_S = 10  # a document, as a PDF of 2,000 pages needs on a slow machine
CHUNK_LIMIT = 50_000


def reader(options: Json) -> Mapping[str, Method]:
    """Set the process up; `options` has `chunk_tokens` and `overlap_tokens`."""
    given = cast("Mapping[str, int]", options)
    chunker = Chunker(tokenizer(), chunk_tokens=given["chunk_tokens"], overlap_tokens=given["overlap_tokens"])
    return {"read": lambda job: _read(job, chunker)}


def _read(job: Job, chunker: Chunker) -> Part:
    """Return title, hash and chunks of the file that the job names."""
    source = cast("Mapping[str, str]", job.value)
    _limit_cpu()
    try:
        with os.fdopen(open_regular(source["path"]), "rb") as file:
            data = file.read(SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"it cannot be opened: {error.strerror}") from error
    if len(data) > SIZE_LIMIT_BYTES:
        raise UsageError(f"it is larger than {SIZE_LIMIT_BYTES // 1024 // 1024} MiB")
    parsed = parse(data, cast("Format", source["format"]))
    title, chunks = chunker.cut(parsed, Path(source["path"]).stem.replace("-", " ").replace("_", " "))
    if not chunks:
        raise UsageError("it holds no words")
    if len(chunks) > CHUNK_LIMIT:
        raise UsageError(f"it holds more than {CHUNK_LIMIT} passages")
    return Part(
        {
            "title": title[:300],
            "sha256": hashlib.sha256(data).hexdigest(),
            "chunks": [asdict(chunk) for chunk in chunks],
        }
    )


def _limit_cpu() -> None:
    """Give the next document its seconds: beyond them the kernel ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime) + CPU_LIMIT_S + 1
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )
