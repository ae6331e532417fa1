"""A repository is read from its objects, by a git that knows nothing of this machine."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bot.rag.sources.conftest import FakeWeb

from quarterdeck.core.sourcing import SourceOrder
from quarterdeck.rag.sources.desk import SourceDesk
from quarterdeck.store.knowledge.library import KnowledgeLibrary


def git(folder: Path, *words: str) -> None:
    """Run git on a repository of the test's own."""
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a page, a program, a link and a hook that must never run."""
    folder = tmp_path / "repository"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs/rooms.md").write_text("# Rooms\n\nThe large room holds twelve people.\n")
    (folder / "tool.py").write_text("def spell(word):\n    return list(word)\n")
    (folder / "secret.md").symlink_to("/etc/passwd")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    git(folder, "config", "core.fsmonitor", f"touch {tmp_path / 'ran'}")
    return folder


async def test_files_of_the_last_commit_are_read(
    desk: Callable[..., SourceDesk], repository: Path, library: KnowledgeLibrary, tmp_path: Path
) -> None:
    """Committed files only; no link; nothing of the repository is run."""
    (repository / "draft.md").write_text("# Draft\n\nNot committed.\n")
    report = await desk().add(SourceOrder(location=str(repository), kind="git"), owner="p1")

    assert (2, ["docs/rooms.md", "tool.py"]) == (
        report["added"],
        sorted(one.name for one in await library.documents()),
    )
    assert not (tmp_path / "ran").exists()


async def test_only_what_changed_is_read_again(
    desk: Callable[..., SourceDesk], repository: Path, library: KnowledgeLibrary
) -> None:
    """Objects that are known by their hash are not opened."""
    await desk().add(SourceOrder(location=str(repository), kind="git"), owner="p1")
    (repository / "docs/rooms.md").write_text("# Rooms\n\nThe large room holds twenty people.\n")
    (repository / "tool.py").unlink()
    git(repository, "commit", "-qam", "second")
    report = await desk().sync("")

    assert (1, 1, 0) == (report["changed"], report["removed"], report["unchanged"])
    assert "twenty" in (await library.passages((await library.documents())[0].id))[0]["text"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"branch": "nowhere"}, "has no branch nowhere"),
        ({"branch": "--upload-pack=x"}, "is not the name of a branch"),
    ],
)
async def test_a_branch_that_is_none_is_said(
    desk: Callable[..., SourceDesk], repository: Path, options: dict[str, str], reason: str
) -> None:
    """And no option reaches git through it."""
    report = await desk().add(SourceOrder(location=str(repository), kind="git", options=options), owner="p1")
    [source] = await desk().sources()

    assert [str(repository)] == report["missing"]
    assert reason in source.reason


async def test_a_private_address_is_never_fetched(desk: Callable[..., SourceDesk], web: FakeWeb) -> None:
    """Git connects by itself; the guarded client says where to, or no."""
    await desk().add(SourceOrder(location="https://127.0.0.1/a.git"), owner="p1")
    [source] = await desk().sources()

    assert ("failed", "localhost is not on the public internet (loopback)") == (source.state, source.reason)
