"""A file that a person sends is copied whole, or refused with the reason; never half, never twice."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from quarterdeck.cli.client import upload
from quarterdeck.cli.client.upload import FILE_LIMIT, copy_in
from quarterdeck.core.errors import UserError


def test_a_copy_is_private_and_has_a_name_of_ours(tmp_path: Path, files: Path) -> None:
    """Two people's `notes.txt` do not meet, and nobody else reads them."""
    source = tmp_path / "notes.TXT"
    source.write_bytes(b"\0\xff said")

    first, second = copy_in(str(source), files), copy_in(str(source), files)

    assert ("notes.TXT", ".txt", 0o600) == (
        first.name,
        first.path.suffix,
        stat.S_IMODE(first.path.stat().st_mode),
    )
    assert first.path != second.path
    assert source.read_bytes() == first.path.read_bytes() == second.path.read_bytes()


@pytest.mark.parametrize("written", ["{}/a b.txt", '"{}/a b.txt"', "'{}/a b.txt'", "~/a b.txt", "a b.txt"])
def test_paths_are_understood_as_people_write_them(
    tmp_path: Path, files: Path, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With spaces, in quotes, from home, from here."""
    (tmp_path / "a b.txt").write_text("said")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert "a b.txt" == copy_in(written.format(tmp_path), files).name


def test_a_suffix_of_any_form_stays_out_of_our_name(tmp_path: Path, files: Path) -> None:
    """A name is a person's text."""
    source = tmp_path / "x.tar gz\n;rm"
    source.write_text("said")

    assert "" == copy_in(str(source), files).path.suffix


def test_what_is_no_plain_file_is_refused(tmp_path: Path, files: Path) -> None:
    """A folder, a device, a pipe that nobody writes to (which must not stand still), nothing at all."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "shut").mkdir()

    refusals = {}
    for name in ("fifo", "shut", "missing", "fifo/below", "~nobody-of-this-name/x", "n" * 300):
        with pytest.raises(UserError) as refusal:
            copy_in(name if name[0] == "~" else str(tmp_path / name), files)
        refusals[name] = refusal.value.message

    assert "no plain file" in refusals["fifo"]
    assert "is a folder" in refusals["shut"]
    assert "there is no file" in refusals["missing"]
    assert [] == list(files.iterdir())


def test_a_file_that_may_not_be_read_says_so(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused by the operating system; simulated, since root may read everything."""

    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(upload.os, "open", refuse)

    with pytest.raises(UserError, match="Permission denied"):
        copy_in(str(tmp_path / "x"), files)


@pytest.mark.parametrize(("size_bytes", "fits"), [(FILE_LIMIT, True), (FILE_LIMIT + 1, False)])
def test_the_limit_is_where_it_says(tmp_path: Path, files: Path, size_bytes: int, *, fits: bool) -> None:
    """20 MiB are in, one byte more is out, and nothing stays behind."""
    source = tmp_path / "big"
    with source.open("wb") as output:
        output.truncate(size_bytes)

    if fits:
        assert size_bytes == copy_in(str(source), files).path.stat().st_size
    else:
        with pytest.raises(UserError, match="larger than 20 MiB"):
            copy_in(str(source), files)
        assert [] == list(files.iterdir())


def test_a_file_that_grows_meanwhile_is_cut_off(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size that was looked up is not the size that is read."""
    source = tmp_path / "log"
    source.write_bytes(b"x" * 100)
    monkeypatch.setattr(upload, "_check", lambda descriptor, source: None)
    monkeypatch.setattr(upload, "FILE_LIMIT", 99)

    with pytest.raises(UserError, match="larger"):
        copy_in(str(source), files)

    assert [] == list(files.iterdir())


def test_a_folder_that_is_gone_is_an_error_that_says_so(tmp_path: Path) -> None:
    """A full or missing data folder is explained, not a traceback."""
    (tmp_path / "x").write_text("said")

    with pytest.raises(UserError, match="cannot be copied"):
        copy_in(str(tmp_path / "x"), tmp_path / "nowhere")
