"""Workflows are found by their place; the owner's take the place of ours, and a broken one breaks no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck_workflows.language.library import write_switched
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


WATCH = "inputs: {url: {required: true}, days: {kind: integer, default: 14}}\n" + STOP


def test_ours_are_off_until_somebody_switches_them_on(folders: tuple[Path, Path]) -> None:
    """A command that points at nothing yet is none; the owner's own files always are."""
    library, user = folders
    (library / "watch.yaml").write_text(WATCH)
    (library / "deploy.yaml").write_text(STOP)
    (user / "workflows" / "own.yaml").write_text(STOP)
    before = shelf(folders)
    (user / "library.yaml").write_text("watch: {url: 'https://a.example', days: 21}\n")
    after = shelf(folders)
    by_setting = read_shelf(user, {"deploy": {}, "watch": {"days": 30}}, library=library)

    assert ["own"] == [one.name for one in before.offered()]
    assert ["own", "watch"] == [one.name for one in after.offered()]
    assert frozenset({"deploy"}) == after.off
    assert [("https://a.example", False), (21, False)] == [
        (one.default, one.required) for one in after.workflows["watch"].inputs
    ]
    assert ["deploy", "own", "watch"] == [one.name for one in by_setting.offered()]
    assert [30] == [one.default for one in by_setting.workflows["watch"].inputs if one.name == "days"]


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("wacth: {}", (1, 1), "no workflow 'wacth'", "did you mean 'watch'?"),
        ("watch: {dais: 3}", (1, 9), "has no input 'dais'", "did you mean 'days'?"),
        ("watch:\n  days: soon", (2, 3), "days: 'soon' is not a value of the kind integer", "write a value"),
        ("watch: [days]", (1, 8), "the inputs of watch are no map", "write `watch: {}`"),
        ("- watch", (1, 1), "this is no map of workflows", "write one workflow a line"),
        ("own: {}", (1, 1), "is your own file", "take it out"),
    ],
)
def test_what_is_wrong_in_it_is_pointed_at(
    folders: tuple[Path, Path], text: str, place: tuple[int, int], message: str, hint: str
) -> None:
    """With line, column and fix, as everything that an owner writes; it takes nothing else out."""
    library, user = folders
    (library / "watch.yaml").write_text(WATCH)
    (user / "workflows" / "own.yaml").write_text(STOP)
    (user / "library.yaml").write_text(text + "\n")
    found = shelf(folders)
    (problem,) = found.problems

    assert ["own"] == [one.name for one in found.offered() if one.name == "own"]
    assert place == (problem.line, problem.column)
    assert message in problem.message
    assert hint in problem.hint


def test_a_setting_that_is_wrong_is_named(folders: tuple[Path, Path]) -> None:
    """It has no line: the settings have several files."""
    (folders[0] / "watch.yaml").write_text(WATCH)
    found = read_shelf(folders[1], {"watch": {"dais": 3}}, library=folders[0])

    assert ["workflows.library.watch.dais"] == [one.key for one in found.problems]


def test_the_file_keeps_what_else_stands_in_it(tmp_path: Path) -> None:
    """It is the owner's file; only the lines of one workflow are ours to change."""
    file = tmp_path / "library.yaml"
    file.write_text("# mine\nwatch:\n  days: 3  # short\n# about alert\nalert: {}\n")
    write_switched(tmp_path, "deploy", {"pipeline": "https://a.example/ü"})
    write_switched(tmp_path, "watch", {"days": 9})
    written = file.read_text()
    write_switched(tmp_path, "watch", None)

    assert (
        '# mine\n# about alert\nalert: {}\ndeploy: {"pipeline": "https://a.example/ü"}\nwatch: {"days": 9}\n'
        == written
    )
    assert (
        '# mine\n# about alert\nalert: {}\ndeploy: {"pipeline": "https://a.example/ü"}\n' == file.read_text()
    )
    file.write_text("{alert: {}, watch: {}}\n")
    with pytest.raises(SetupError, match="cannot be changed here"):
        write_switched(tmp_path, "watch", None)
    assert "{alert: {}, watch: {}}\n" == file.read_text()
