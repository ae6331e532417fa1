"""Which instructions a model gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.documents.prompts import read_prompt


@pytest.mark.parametrize("name", ["answer", "digest"])
def test_ours_are_shipped(name: str, tmp_path: Path) -> None:
    """The bot works without any file of the owner's."""
    assert len(read_prompt(name, tmp_path)) > 100


def test_the_owners_file_replaces_ours(tmp_path: Path) -> None:
    """A team words its own digests."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "digest.md").write_text("Be brief.")

    assert "Be brief." == read_prompt("digest", tmp_path)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    """The operator sees which file to mend."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "digest.md").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(SetupError, match=r"digest\.md"):
        read_prompt("digest", tmp_path)
