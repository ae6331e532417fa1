"""Workflows are found by their place; the owner's take the place of ours, and a broken one breaks no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck_workflows.language.shelf import Shelf, read_shelf

STOP = "steps: [{stop: succeeded}]\n"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return a library and an owner's folder."""
    library, user = tmp_path / "library", tmp_path / "user"
    library.mkdir()
    (user / "workflows").mkdir(parents=True)
    return library, user


def shelf(folders: tuple[Path, Path]) -> Shelf:
    """Read both."""
    return read_shelf(folders[1], library=folders[0])


def test_the_owners_file_takes_the_place_of_ours(folders: tuple[Path, Path]) -> None:
    """Whole: steps of two files make no sense together."""
    library, user = folders
    (library / "a.yaml").write_text("title: Ours\n" + STOP)
    (library / "b.yaml").write_text("title: Ours\n" + STOP)
    (user / "workflows" / "b.yaml").write_text("title: Theirs\n" + STOP)

    assert {"a": "Ours", "b": "Theirs"} == {name: one.title for name, one in shelf(folders).workflows.items()}
    assert user / "workflows" / "b.yaml" == shelf(folders).files["b"]


def test_a_broken_file_breaks_no_other(folders: tuple[Path, Path]) -> None:
    """A typo at night must not stop the deployments."""
    library, user = folders
    (library / "good.yaml").write_text(STOP)
    (user / "workflows" / "bad.yaml").write_text("steps: [{wait: soon}]\n")
    found = shelf(folders)

    assert ["good"] == list(found.workflows)
    assert [(str(user / "workflows" / "bad.yaml"), 1)] == [(one.file, one.line) for one in found.problems]
    with pytest.raises(SetupError, match="is no duration"):
        found.find("bad")


def test_a_file_called_yml_is_named(folders: tuple[Path, Path]) -> None:
    """Nothing is passed over in silence."""
    (folders[1] / "workflows" / "x.yml").write_text(STOP)

    assert ["call it x.yaml"] == [one.hint for one in shelf(folders).problems]


def test_a_name_that_is_none_has_a_neighbour(folders: tuple[Path, Path]) -> None:
    """Whoever typed it meant something."""
    (folders[0] / "deploy.yaml").write_text(STOP)
    with pytest.raises(NotFound) as caught:
        shelf(folders).find("deplyo")

    assert "did you mean 'deploy'?" == caught.value.hint
