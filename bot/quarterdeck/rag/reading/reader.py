"""Be the reader process: open a file, parse it, cut it. Started for one ingest, and anew after each mishap.

A document may be a bomb: each has seconds of processor time of its own, the whole process an address space, and no
open file but the one it reads. What goes wrong costs that document.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.chunk import Chunker
from quarterdeck.rag.reading.formats.feed import read_feed, read_sitemap
from quarterdeck.rag.reading.formats.parsed import Parsed
from quarterdeck.rag.reading.formats.picture import shrink
from quarterdeck.rag.reading.parse import parse
from quarterdeck.rag.reading.sources import SIZE_LIMIT_BYTES, Format, open_regular
from quarterdeck.rag.vector.minilm import tokenizer
from quarterdeck.runtime.workers.protocol import Job, Method, Part

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

CPU_LIMIT_S = 10  # a document, as a PDF of 2,000 pages needs on a slow machine
CHUNK_LIMIT = 50_000
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h


def reader(options: Json) -> Mapping[str, Method]:
    """Set the process up; `options` has `chunk_tokens` and `overlap_tokens`."""
    given = cast("Mapping[str, int]", options)
    chunker = Chunker(tokenizer(), chunk_tokens=given["chunk_tokens"], overlap_tokens=given["overlap_tokens"])
    _leave_the_network()
    return {
        "read": lambda job: _read(job, chunker),
        "cut": lambda job: _cut(job, chunker),
        "shrink": _shrink,
        "sitemap": lambda job: Part(read_sitemap(_opened(job))),
        "feed": lambda job: Part(read_feed(_opened(job))),
    }


def _read(job: Job, chunker: Chunker) -> Part:
    """Return title, hash and chunks of the file that the job names."""
    source = cast("Mapping[str, str]", job.value)
    data = _opened(job)
    parsed = parse(data, cast("Format", source["format"]), source["name"])
    return _pieces(parsed, source["name"], hashlib.sha256(data).hexdigest(), chunker)


def _cut(job: Job, chunker: Chunker) -> Part:
    """Return title and chunks of a text that the job brings: what a model read in a picture."""
    source = cast("Mapping[str, str]", job.value)
    _limit_cpu()
    return _pieces(Parsed(text=job.blob.decode()), source["name"], source["sha256"], chunker)


def _shrink(job: Job) -> Part:
    """Return a picture as a model gets it, with the hash of the file."""
    data = _opened(job)
    return Part({"sha256": hashlib.sha256(data).hexdigest()}, shrink(data))


def _opened(job: Job) -> bytes:
    """Return the bytes of the file that the job names, and begin to count its processor time.

    Raises:
        UsageError: it cannot be opened, or is too large.
    """
    _limit_cpu()
    path = cast("Mapping[str, str]", job.value)["path"]
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            data = file.read(SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"it cannot be opened: {error.strerror}") from error
    if len(data) > SIZE_LIMIT_BYTES:
        raise UsageError(f"it is larger than {SIZE_LIMIT_BYTES // 1024 // 1024} MiB")
    return data


def _pieces(parsed: Parsed, name: str, sha256: str, chunker: Chunker) -> Part:
    title, chunks = chunker.cut(parsed, PurePosixPath(name).stem.replace("-", " ").replace("_", " "))
    if not chunks:
        raise UsageError("it holds no words")
    if len(chunks) > CHUNK_LIMIT:
        raise UsageError(f"it holds more than {CHUNK_LIMIT} passages")
    return Part({"title": title[:300], "sha256": sha256, "chunks": [asdict(chunk) for chunk in chunks]})


def _leave_the_network() -> None:
    """Move to a network of our own with nothing in it, where Linux lets us; parsers have no business outside."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.unshare(
            CLONE_NEWUSER | CLONE_NEWNET
        )  # refused in many containers: then the other limits stand alone


def _limit_cpu() -> None:
    """Give the next document its seconds: beyond them the kernel ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime) + CPU_LIMIT_S + 1
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )
