"""`check` says what embeds, and what is missing, before the first document is added."""

from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.rag.findings import findings
from quarterdeck.runtime.settings import Settings


def levels(data: Path, embedder: str) -> list[str]:
    return [one.level for one in findings(Settings(data_dir=data, knowledge={"embedder": embedder}))]


def test_the_packaged_model_is_ready(data: Path) -> None:
    """The default needs nothing that the package does not bring."""
    assert ["ok", "ok"] == levels(data, "onnx")


def test_a_misspelt_embedder_is_an_error_with_its_fix(data: Path) -> None:
    """Not at the first question, when nobody looks."""
    [first, _] = findings(Settings(data_dir=data, knowledge={"embedder": "word2vec"}))

    assert ("error", "set knowledge.embedder to onnx, or to sentence-transformers:MODEL") == (
        first.level,
        first.fix,
    )


def test_a_missing_extra_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    assert ["error", "warning"] == levels(data, "sentence-transformers:all-MiniLM-L6-v2")


def test_instructions_that_cannot_be_read_are_an_error(data: Path) -> None:
    """The owner's file is used in place of ours, so it must be readable."""
    (data / "user/prompts").mkdir(parents=True)
    (data / "user/prompts/answer.md").write_bytes(b"\xff\xfe\xff")

    with pytest.raises(SetupError):
        levels(data, "onnx")
