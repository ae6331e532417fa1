"""A GGUF file embeds in a process of its own."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.models.embeddings.llama import LlamaEmbeddings
from quarterdeck.models.local.builtin import LIBRARY, find_weights

needs_llama = pytest.mark.skipif(
    importlib.util.find_spec(LIBRARY) is None or find_weights() is None, reason="llama.cpp is not built here"
)


@needs_llama
async def test_texts_become_vectors_and_long_ones_are_cut() -> None:
    """What is longer than the context would end the process."""
    embeddings = LlamaEmbeddings(str(find_weights()), threads=1)
    try:
        answered = await embeddings.embed(
            "m", ["rotate the certificate", "", "word " * 3000], is_question=False
        )
    finally:
        await embeddings.close()

    assert [576] * 3 == [len(vector) for vector in answered.vectors]
    assert [1.0] * 3 == [round(sum(one * one for one in vector), 3) for vector in answered.vectors]
    assert answered.tokens is not None
    assert answered.tokens < 2100
    assert 2304 == len(struct.pack("<576f", *answered.vectors[0]))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The hint says how one is written."""
    with pytest.raises(SetupError, match="no model file"):
        LlamaEmbeddings(str(tmp_path / "none.gguf"))
