"""Ask a real model behind a server that others wrote: llama-cpp-python's, with the built-in model's weights."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.conftest import find_or_skip
from tests.e2e.conftest import Program, free_port

SERVER = Path(__file__).with_name("llama_server.py")
START_S = 90.0


@contextmanager
def served() -> Iterator[str]:
    """Hold the server up; yields its address."""
    from quarterdeck.models.local.builtin import find_weights

    port = free_port()
    process = subprocess.Popen([sys.executable, str(SERVER), str(port), str(find_weights())])
    try:
        deadline_s = time.monotonic() + START_S
        while not _answers(port):
            assert process.poll() is None
            assert time.monotonic() < deadline_s
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=1) as answer:
        return bool(answer.status == 200)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("row", ["llamacpp", "custom"])
def test_a_real_model_server_answers_in_chat(program: Program, row: str) -> None:
    """Its list is read, its words stream, its tokens are counted; its embeddings are refused honestly."""
    find_or_skip("llama_cpp")
    with served() as address:
        program.environment[f"QUARTERDECK__PROVIDERS__{row.upper()}__BASE_URL"] = address
        program.environment["QUARTERDECK__MODELS__ROLES__CHAT"] = f'["{row}/smollm2"]'
        with program.serving():
            answer, listed, usage = program.say("What is the capital of France?", "/model list", "/usage")
            listing = program.json("model", "list")

    assert "answered" == answer["status"]
    assert len(answer["text"]) > 20  # so small a model knows little; that it speaks is what is asked here
    assert "gave no text" not in answer["text"]
    assert "smollm2" in listed["text"]
    assert "smollm2" in json.dumps(listing)
    assert f"{row}/smollm2" in usage["text"]
