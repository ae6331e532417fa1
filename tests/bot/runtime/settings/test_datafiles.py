"""A folder of data files is read whole, with the owner's folder over ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.settings.datafiles import load_data, read_data


class Prices(BaseModel):
    """Price a thing."""

    model_config = ConfigDict(extra="forbid")
    input_usd: float
    output_usd: float = 0.0


class Thing(BaseModel):
    """Be what the files describe."""

    model_config = ConfigDict(extra="forbid")
    name: str
    prices: Prices


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return ours, with one thing, and the owner's, empty."""
    ours, owners = tmp_path / "ours", tmp_path / "owners"
    ours.mkdir()
    owners.mkdir()
    (ours / "a.yaml").write_text("name: A\nprices: {input_usd: 1}\n", encoding="utf-8")
    return ours, owners


def test_things_are_named_by_their_files(folders: tuple[Path, Path]) -> None:
    """The place is the registration."""
    (folders[0] / "0b.yaml").write_text("name: B\nprices: {input_usd: 2}\n", encoding="utf-8")

    assert ["0b", "a"] == list(load_data(*folders, Thing))


def test_the_owner_changes_one_key_of_ours(folders: tuple[Path, Path]) -> None:
    """Without copying the rest, which goes on being kept up to date by us."""
    (folders[1] / "a.yaml").write_text("prices: {output_usd: 5}\n", encoding="utf-8")

    assert Thing(name="A", prices=Prices(input_usd=1, output_usd=5)) == load_data(*folders, Thing)["a"]


def test_the_owner_adds_a_thing(folders: tuple[Path, Path]) -> None:
    """One file, nothing else."""
    (folders[1] / "mine.yaml").write_text("name: Mine\nprices: {input_usd: 3}\n", encoding="utf-8")

    assert "Mine" == load_data(*folders, Thing)["mine"].name


def test_folders_that_are_not_there_are_empty(tmp_path: Path) -> None:
    """Most owners have none."""
    assert {} == load_data(tmp_path / "none", None, Thing)


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        (
            "prices: {output_us: 5}\n",
            1,
            10,
            "prices.output_us is not a known key",
            "did you mean 'output_usd'?",
        ),
        ("name: 5\n", 1, 7, "name: must be text", "put it in quotes"),
        ("- a\n", 1, 1, "the file must hold a map", "write `key: value` lines"),
        ("name: *x\n", 1, 7, "the alias *x is not allowed", "write the value out here"),
    ],
)
def test_a_mistake_points_into_the_owners_file(
    text: str, line: int, column: int, message: str, hint: str, folders: tuple[Path, Path]
) -> None:
    """Not into ours, which the owner did not write."""
    (folders[1] / "a.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(SetupError) as caught:
        load_data(*folders, Thing)
    error = caught.value
    assert (message, hint) == (error.message, error.hint)
    assert (str(folders[1] / "a.yaml"), line, column) == (error.file, error.line, error.column)


def test_one_wrong_file_does_not_hide_the_others(folders: tuple[Path, Path]) -> None:
    """`check` shows all; the bot goes on with what is right."""
    (folders[1] / "b.yaml").write_text("name: B\n", encoding="utf-8")

    things, problems = read_data(*folders, Thing)

    assert ["a"] == list(things)
    assert ["prices: is missing"] == [problem.message for problem in problems]


def test_a_yml_file_is_named(folders: tuple[Path, Path]) -> None:
    """Silently not reading it would cost an hour."""
    (folders[1] / "c.yml").write_text("name: C\n", encoding="utf-8")

    with pytest.raises(SetupError, match=r"c\.yml is not read") as caught:
        load_data(*folders, Thing)
    assert "call it c.yaml" == caught.value.hint
