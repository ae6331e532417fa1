"""Chroma finds what comparing with every vector finds, also after a restart."""

from pathlib import Path

import numpy as np
import pytest

from quarterdeck.rag.vector.index import ChromaIndex, ExactIndex, VectorIndex, read_stamp, wipe, write_stamp

COUNT = 2500  # beyond Chroma's 1,000 vectors between two writes of its graph


def vectors(count: int, seed: int = 7) -> np.ndarray:
    """Return unit vectors in clusters, as texts have them."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(20, 384))
    found = centres[random.integers(0, 20, count)] + random.normal(scale=0.5, size=(count, 384))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


@pytest.fixture(params=["chroma", "exact"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> VectorIndex:
    return ChromaIndex(tmp_path / "chroma") if request.param == "chroma" else ExactIndex()


def test_scopes_are_apart(index: VectorIndex) -> None:
    """A scope is an audience: nothing of another one may be found, however near it is."""
    one, other = vectors(2)
    index.put("public", ["a"], one[None])
    index.put("private", ["b"], other[None])

    assert ["a"] == [id_ for id_, _ in index.find("public", other, 10)]


def test_the_same_id_is_replaced_and_dropped_ids_are_gone(index: VectorIndex) -> None:
    """Ingest after a kill puts chunks again that are there."""
    one, other = vectors(2)
    index.put("s", ["a", "b"], np.stack([one, one]))
    index.put("s", ["a"], other[None])
    index.drop("s", ["b", "never there"])
    [(id_, likeness)] = index.find("s", other, 10)

    assert ("a", 1, ["a"]) == (id_, index.count("s"), index.ids("s"))
    assert likeness == pytest.approx(1, abs=1e-4)


def test_an_empty_scope_finds_nothing(index: VectorIndex) -> None:
    """A collection whose documents all failed."""
    assert ([], [], 0) == (index.find("s", vectors(1)[0], 5), index.ids("s"), index.count("s"))


def test_chroma_finds_what_exact_search_finds_after_a_restart(tmp_path: Path) -> None:
    """An index of more than 1,000 vectors was once unreadable after a restart (chroma issue 7090)."""
    given, exact, folder = vectors(COUNT), ExactIndex(), tmp_path / "chroma"
    ids = [f"c{n}" for n in range(COUNT)]
    first = ChromaIndex(folder)
    for index in (first, exact):
        for n in range(0, COUNT, 90):
            index.put("s", ids[n : n + 90], given[n : n + 90])
        index.drop("s", ids[:50])
    first.close()
    again = ChromaIndex(folder)
    found = [
        len({id_ for id_, _ in again.find("s", q, 10)} & {id_ for id_, _ in exact.find("s", q, 10)})
        for q in vectors(50, seed=8)
    ]

    assert COUNT - 50 == again.count("s")
    assert sum(found) / 500 >= 0.98


def test_a_stamp_is_read_back_and_gone_with_the_folder(tmp_path: Path) -> None:
    """The stamp lies in the folder that it speaks of: who deletes the one deletes the other."""
    folder = tmp_path / "chroma"
    folder.mkdir()
    write_stamp(folder, 7, "space")
    before = read_stamp(folder)
    wipe(folder)

    assert ({"generation": 7, "space": "space"}, {}) == (before, read_stamp(folder))
