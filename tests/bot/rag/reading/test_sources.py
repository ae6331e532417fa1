"""Only what the owner pointed at gets into the index."""

import os
from pathlib import Path

import pytest

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.sources import SIZE_LIMIT_BYTES, Source, Unreadable, fingerprint, walk


def names(folder: Path) -> list[str]:
    return [found.name for found in walk(str(folder)) if isinstance(found, Source)]


def write(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("words")


def test_known_formats_are_found_by_suffix_in_the_order_of_names(tmp_path: Path) -> None:
    """The order makes two runs over one folder the same."""
    write(
        tmp_path / "b.md", tmp_path / "a.TXT", tmp_path / "c/d.html", tmp_path / "e.pdf", tmp_path / "f.exe"
    )

    assert ["a.TXT", "b.md", "c/d.html", "e.pdf"] == names(tmp_path)


def test_hidden_vendored_and_built_folders_are_left_out(tmp_path: Path) -> None:
    """Nobody asks the bot about their dependencies' change logs."""
    write(*(tmp_path / name / "x.md" for name in (".git", ".venv", "node_modules", "__pycache__", "docs")))
    write(tmp_path / "env/pyvenv.cfg", tmp_path / "env/x.md")
    write(
        tmp_path / "app/package.json",
        tmp_path / "app/dist/x.md",
        tmp_path / "notes/dist/x.md",
        tmp_path / ".x.md",
    )

    assert ["app/package.json", "docs/x.md", "notes/dist/x.md"] == names(tmp_path)


def test_a_folder_that_is_named_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    """Leaving out is for what was not asked for."""
    write(tmp_path / "node_modules/x.md")

    assert ["x.md"] == names(tmp_path / "node_modules")


def test_links_are_followed_inside_the_folder_only_and_once(tmp_path: Path) -> None:
    """A loop must end, and a link to /etc must not bring it into the index."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    write(root / "a/x.md", outside / "secret.md")
    (root / "loop").symlink_to(root)
    (root / "a/again.md").symlink_to(root / "a/x.md")
    (root / "away").symlink_to(outside)
    (root / "away.md").symlink_to(outside / "secret.md")
    (root / "broken.md").symlink_to(root / "nothing.md")

    assert 1 == len(names(root))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Opening a pipe blocks until somebody writes to it."""
    os.mkfifo(tmp_path / "pipe.md")
    [found] = walk(str(tmp_path))

    assert isinstance(found, Unreadable)
    with pytest.raises(OSError, match="not a regular file"):
        fingerprint(str(tmp_path / "pipe.md"))


def test_a_file_beyond_the_size_limit_is_named_with_the_reason(tmp_path: Path) -> None:
    """Its content is never read."""
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(SIZE_LIMIT_BYTES + 1)
    [found] = walk(str(tmp_path))

    assert isinstance(found, Unreadable)
    assert "it is larger than 20 MiB" == found.reason


def test_a_name_that_is_no_text_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    """File names are bytes; a database of text cannot hold any bytes."""
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff\xfe.md", os.O_CREAT | os.O_WRONLY))
    write(tmp_path / "good.md")
    found = list(walk(str(tmp_path)))

    assert {"its name is not UTF-8"} == {one.reason for one in found if isinstance(one, Unreadable)}
    assert ["good.md"] == [one.name for one in found if isinstance(one, Source)]


@pytest.mark.parametrize("name", ["missing", "program.exe"])
def test_what_cannot_be_added_at_all_is_a_usage_error(tmp_path: Path, name: str) -> None:
    """A typing error must not look like an empty folder."""
    write(tmp_path / "program.exe")

    with pytest.raises(UsageError):
        list(walk(str(tmp_path / name)))
