"""Read and write in the run's own folder, whatever a name tries."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from tests.workflows.actions.conftest import Bench

from quarterdeck.core.errors import NotFound, UsageError

ESCAPES = [
    "../secret.txt",
    "a/../../secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "a/./b",
    "a//b",
    "..",
    ".",
    ".hidden",
    "a\\..\\b",
    "a\x00b",
    "a\nb",
    "link/x",
    "link.txt",
    "é" * 300,
    "/".join("abcdefghij"),
    "\ud800",
]


@pytest.fixture
def outside(bench: Bench, tmp_path: Path) -> Path:
    """Plant a secret beside the run's folder, and links to it inside."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    bench.folder.mkdir()
    (bench.folder / "link").symlink_to(tmp_path)
    (bench.folder / "link.txt").symlink_to(secret)
    return secret


async def test_what_was_written_can_be_read(bench: Bench) -> None:
    """Text and bytes, in folders of the run's own."""
    await bench.do("file.write", file="a/b.txt", content="Grüße")
    await bench.do(
        "file.write", file="c.bin", content=base64.b64encode(b"\xff\x00").decode(), **{"as": "base64"}
    )

    assert {"content": "Grüße", "size_bytes": 7} == await bench.do("file.read", file="a/b.txt")
    assert b"\xff\x00" == base64.b64decode(
        (await bench.do("file.read", file="c.bin", **{"as": "base64"}))["content"]
    )


@pytest.mark.parametrize("name", ESCAPES)
async def test_no_name_leads_outside(bench: Bench, outside: Path, name: str) -> None:
    """Names come out of messages and models."""
    with pytest.raises((UsageError, NotFound)):
        await bench.do("file.read", file=name)
    if name == "link.txt":  # a link is replaced, what it names is not written to
        await bench.do("file.write", file=name, content="mine")
    else:
        with pytest.raises(UsageError):
            await bench.do("file.write", file=name, content="mine")

    assert "the secret" == outside.read_text()
    assert ["run", "secret.txt"] == sorted(
        one for one in os.listdir(outside.parent) if not one.startswith("quarterdeck.db")
    )


async def test_a_pipe_does_not_hang_the_run(bench: Bench) -> None:
    """It is no plain file."""
    bench.folder.mkdir()
    os.mkfifo(bench.folder / "pipe")

    with pytest.raises(UsageError):
        await bench.do("file.read", file="pipe")


async def test_what_is_too_large_or_no_text_is_said(bench: Bench) -> None:
    """With what to do instead."""
    bench.folder.mkdir()
    (bench.folder / "big").write_bytes(b"x" * 800_000)
    (bench.folder / "bytes").write_bytes(b"\xff\xfe")

    with pytest.raises(UsageError, match="larger than"):
        await bench.do("file.read", file="big")
    with pytest.raises(UsageError) as caught:
        await bench.do("file.read", file="bytes")
    with pytest.raises(UsageError):
        await bench.do("file.write", file="x", content="no base64!", **{"as": "base64"})

    assert "base64" in caught.value.hint


async def test_a_missing_file_is_named(bench: Bench) -> None:
    """Before the run has written any, too."""
    with pytest.raises(NotFound, match=r"rows\.csv"):
        await bench.do("file.read", file="rows.csv")
