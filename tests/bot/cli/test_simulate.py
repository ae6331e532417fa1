"""`simulate` says what is wrong with what it was given before it starts anything."""

from pathlib import Path

import pytest

from quarterdeck.cli import main


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the program here; returns exit status and standard error."""
    with pytest.raises(SystemExit) as end:
        main(["simulate", *arguments])
    return int(end.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["first-contract"], "did you mean 'first-contact'"),
        (["nothing-like-it"], "ours are card,"),
        (["first-contact", "--record"], "--record needs one platform"),
        (["first-contact", "--platform", "irc"], "'irc' is not one of"),
    ],
)
def test_wrong_usage_names_the_fix(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """Exit status 2."""
    status, said = call(capsys, *arguments)

    assert 2 == status
    assert words.lower() in said.lower()


def test_a_transcript_for_other_platforms_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It says which it is for."""
    path = tmp_path / "t.yaml"
    path.write_text("title: T\nplatforms: [slack]\nsteps: [{say: x}]\n", "utf-8")

    status, said = call(capsys, str(path), "--platform", "telegram")

    assert (2, True) == (status, "it is for slack" in said)


def test_a_wrong_transcript_is_shown_with_its_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """File, line and column."""
    path = tmp_path / "t.yaml"
    path.write_text("title: T\nsteps:\n  - sing: x\n", "utf-8")

    status, said = call(capsys, str(path))

    assert (1, True) == (status, "t.yaml:3:5:" in said)
