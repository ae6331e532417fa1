"""With sentence-transformers, a model is exported once, and used where that keeps its vectors."""

import json
from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.rag.vector import embed, minilm

pytestmark = [
    pytest.mark.needs("sentence_transformers"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # torch and the exporter warn about themselves
]
NAME = "sentence-transformers:all-MiniLM-L6-v2"


def test_a_model_is_exported_once_and_keeps_its_vectors(tmp_path: Path) -> None:
    """From the second start on torch is not imported: 0.3 s instead of 10."""
    first = embed.choose(NAME, tmp_path, 1)
    [place] = tmp_path.glob("st-*")
    written = (place / "model.onnx").stat().st_mtime_ns
    second = embed.choose(NAME, tmp_path, 1)
    folder = str(minilm.packaged(minilm.TORCH_PACKAGE, minilm.TORCH_FOLDER))
    torch = embed.TorchEmbedder("x", folder, 1)

    assert ["onnxruntime, 8-bit export"] * 2 == [first.how, second.how]
    assert written == (place / "model.onnx").stat().st_mtime_ns
    assert embed.likeness(second, torch) >= embed.LEAST_COSINE
    assert embed.likeness(embed.choose("onnx", tmp_path, 1), torch) >= embed.LEAST_COSINE


def test_an_export_that_loses_too_much_is_refused_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch stays, and the minute of exporting is not spent again."""
    monkeypatch.setattr("quarterdeck.rag.vector.export.LEAST_COSINE", 1.1)
    first = embed.choose(NAME, tmp_path, 1)
    [place] = tmp_path.glob("st-*")
    monkeypatch.setattr("quarterdeck.rag.vector.export._export", lambda *_: pytest.fail("exported again"))
    second = embed.choose(NAME, tmp_path, 1)

    assert ["sentence-transformers"] * 2 == [first.how, second.how]
    assert json.loads((place / "refused.json").read_text())["cosine"] > 0.9


def test_a_half_written_export_is_not_used(tmp_path: Path) -> None:
    """A kill while exporting leaves files that look finished."""
    embed.choose(NAME, tmp_path, 1)
    [place] = tmp_path.glob("st-*")
    (place / "model.onnx").write_bytes((place / "model.onnx").read_bytes()[:-100])

    assert "onnxruntime, 8-bit export" == embed.choose(NAME, tmp_path, 1).how


def test_a_model_that_is_not_here_is_not_downloaded(tmp_path: Path) -> None:
    """Nothing is fetched at run time, whoever wrote the name."""
    with pytest.raises(SetupError, match="finds no model"):
        embed.choose("sentence-transformers:nobody/nothing", tmp_path, 1)


def test_an_encoder_that_is_no_bert_is_traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RoBERTa, MPNet and their like have other parts; they keep their vectors too."""
    monkeypatch.setattr("quarterdeck.rag.vector.export._lean", lambda _original: None)
    first = embed.choose(NAME, tmp_path, 1)
    torch = embed.TorchEmbedder("x", str(minilm.packaged(minilm.TORCH_PACKAGE, minilm.TORCH_FOLDER)), 1)

    assert "onnxruntime, 8-bit export" == first.how
    assert embed.likeness(first, torch) >= embed.LEAST_COSINE
