"""The packaged model gives the vectors that it should, with and without integers."""

import json
from pathlib import Path

import numpy as np
import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.rag.vector import embed, minilm
from quarterdeck.rag.vector.bert import lean_graph, packaged_bert
from quarterdeck.rag.vector.wire import NotOurModel, graph_of


@pytest.fixture(scope="module")
def packaged() -> bytes:
    return minilm.packaged(minilm.MODEL_PACKAGE, minilm.MODEL_FILE).read_bytes()


def test_integers_keep_the_vectors(packaged: bytes) -> None:
    """Vectors of both must lie in one space: a library that was embedded by one is searched by the other."""
    fast, plain = embed._in_integers(packaged, 1), embed._onnx(packaged, "", 1)
    each = (fast.embed(embed.SAMPLE) * plain.embed(embed.SAMPLE)).sum(axis=1)

    assert each.mean() >= embed.LEAST_COSINE
    assert each.min() >= 0.97


def test_every_weight_of_the_model_is_used_in_integers(packaged: bytes) -> None:
    """Six layers with six matrices each; one that is left out costs speed and nobody notices."""
    nodes, weights = graph_of(lean_graph(packaged_bert(packaged, heads=minilm.HEADS)))
    products = [node for node in nodes if node.type.endswith("MatMul")]

    assert {"DynamicQuantizeMatMul"} == {node.type for node in products}
    assert 6 * (4 * 384 * 384 + 2 * 384 * 1536) == sum(weights[node.inputs[1]].size for node in products)


@pytest.mark.parametrize("cut", [0, 2, 100, 20_000, 1_000_000, -1_000, -10])
def test_another_model_is_not_rewritten(packaged: bytes, cut: int) -> None:
    """A new version of the package may be built in another way, and a file may be cut off."""
    with pytest.raises(NotOurModel):
        packaged_bert(packaged[:cut], heads=minilm.HEADS)


@pytest.mark.parametrize("model", [b"\x08\x07", b"\xff\xff\xff\xff", b"\x3a\x00"])
def test_what_is_no_model_is_not_rewritten(model: bytes) -> None:
    """Bytes that are no protocol buffers, and a graph without anything."""
    with pytest.raises(NotOurModel):
        packaged_bert(model, heads=minilm.HEADS)


def test_where_integers_lose_too_much_the_model_runs_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some processors saturate in 8-bit arithmetic: wrong vectors would be found much later."""
    monkeypatch.setattr(embed, "LEAST_COSINE", 1.1)
    chosen = embed.choose("onnx", tmp_path, 1)

    assert "onnxruntime" == chosen.how
    assert json.loads((tmp_path / "onnx.json").read_text())["is_faithful"] is False


def test_the_verdict_is_kept_for_this_machine_only(tmp_path: Path) -> None:
    """The check costs half a second at each start; a folder that moves to another machine is checked again."""
    (tmp_path / "onnx.json").write_text('{"machine": "another", "is_faithful": false}')
    first = embed.choose("onnx", tmp_path, 1).how
    (tmp_path / "onnx.json").write_text("{broken")
    second = embed.choose("onnx", tmp_path, 1).how

    assert ["onnxruntime, 8-bit"] * 2 == [first, second]


def test_meaning_is_near_and_the_rest_is_far(tmp_path: Path) -> None:
    """The point of it all."""
    embedder = embed.choose("onnx", tmp_path, 2)
    vectors = embedder.embed(["rotate the certificate", "renew the TLS cert", "a recipe for pancakes", ""])
    cosines = vectors @ vectors[0]

    assert cosines[1] > 0.5 > 0.2 > cosines[2]
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_an_unknown_embedder_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    """The message says what may be written."""
    with pytest.raises(SetupError, match="is no embedder") as caught:
        embed.choose("word2vec", tmp_path, 1)

    assert "sentence-transformers:MODEL" in caught.value.hint


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install, not a traceback."""
    with pytest.raises(SetupError, match="nothing-of-this-name"):
        minilm.packaged("nothing-of-this-name", "file")
