"""Ask every row of `config/providers` from the chat of the real program, against its vendor as it is documented."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import find_or_skip
from tests.e2e.conftest import Program, free_port
from tests.e2e.models.vendors import ANSWER, KEYLESS, NO_LIST, Vendors, key_of

ROWS = Path(__file__).resolve().parents[3] / "config" / "providers"
ELSEWHERE = {"comfyui": "only draws: test_image.py", "builtin": "below"}
PATHS = {"openai": "v1", "google": "v1beta", "anthropic": ""}


def rows() -> dict[str, dict[str, Any]]:
    """Return what the shipped files say, by id."""
    return {file.stem: yaml.safe_load(file.read_text()) for file in sorted(ROWS.glob("*.yaml"))}


def settings(program: Program, providers: dict[str, object], **more: object) -> None:
    """Write the settings file."""
    whole = {"providers": providers, **more}
    (program.folder / "quarterdeck.yaml").write_text(json.dumps(whole))


@pytest.mark.slow
def test_every_row_answers_in_chat(program: Program) -> None:
    """One bot: each vendor is chosen by `/model set` and asked; thoughts stay out, tokens are counted."""
    asked = {
        id_: (row.get("models") or {}).get("chat") or "m-1"
        for id_, row in rows().items()
        if id_ not in ELSEWHERE
    }
    fast = frozenset(filter(None, ((row.get("models") or {}).get("fast") for row in rows().values())))
    vendors = Vendors(asked, fast)  # conversations are summed up by a fast model
    for id_ in asked:
        if id_ not in KEYLESS:
            program.environment[f"TEST_{id_.upper().replace('-', '_')}"] = key_of(id_)
    with vendors.serving() as port:
        named: dict[str, object] = {}
        for id_ in asked:
            at = f"http://127.0.0.1:{port}/{id_}/{PATHS.get(id_, 'v1')}".rstrip("/")
            key = {} if id_ in KEYLESS else {"key": f"env:TEST_{id_.upper().replace('-', '_')}"}
            named[id_] = {"base_url": at, **key}
        settings(program, named)
        with program.serving():
            lines = [
                line
                for id_, model in asked.items()
                for line in (f"/model set {id_}/{model}", f"Hello {id_}?")
            ]
            said = program.say(*lines, "/model list", "/usage")

    answers = {id_: said[2 * n + 1]["text"] for n, id_ in enumerate(asked)}
    refused = [one for one in vendors.refused if one.partition(":")[0] not in NO_LIST]
    assert {id_: ANSWER.format(id_) for id_ in asked} == answers
    assert [] == refused
    assert set(asked) == set(vendors.seen)
    assert {id_ for id_ in asked if id_ != "perplexity"} == {
        id_ for id_, body in vendors.seen.items() if body.get("tools")
    }
    assert all(f"**{id_}**: `{model}`" in said[-2]["text"] for id_, model in asked.items())
    counted = {id_ for id_, model in asked.items() if f"| {id_}/{model} | 1 | 0 | 12 |" in said[-1]["text"]}
    assert {"perplexity"} == set(asked) - counted  # asked twice: it refuses tools, and is asked again without


def test_no_row_is_left_out() -> None:
    """A new file is driven above without a word; one that cannot be is named here."""
    assert set(ELSEWHERE) == {id_ for id_, row in rows().items() if row["dialect"] in ("none", "llama_cpp")}


@pytest.mark.slow
@pytest.mark.needs("llama_cpp")
def test_the_built_in_model_answers_in_chat(program: Program) -> None:
    """The real llama.cpp with SmolLM2: words come, and are marked as such a model's."""
    environment = {
        "QUARTERDECK__MODELS__BUILTIN__ENABLED": "true",
        "QUARTERDECK__MODELS__BUILTIN__THREADS": "1",
    }

    (said,) = program.say("Say hello.", environment=environment)

    assert ("answered", True) == (said["status"], "built-in" in said["text"])


@contextmanager
def aimock(folder: Path) -> Iterator[str]:
    """Hold CopilotKit's scripted server up, which others wrote; yields its address."""
    fixtures = [
        {"match": {"userMessage": "rain"}, "response": {"content": "It rains in Rome."}},
        {"match": {"userMessage": "sun"}, "response": {"content": "The sun shines in Köln."}},
    ]
    (folder / "fixtures").mkdir()
    (folder / "fixtures" / "a.json").write_text(json.dumps({"fixtures": fixtures}))
    port = free_port()
    process = subprocess.Popen(
        [find_or_skip("aimock"), "-p", str(port), "-h", "127.0.0.1", "-f", str(folder / "fixtures")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline_s = time.monotonic() + 30
        while time.monotonic() < deadline_s:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "aimock ended"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.mark.slow
@pytest.mark.needs("aimock")
def test_a_server_that_others_wrote_is_understood(program: Program, tmp_path: Path) -> None:
    """All four wire formats against @copilotkit/aimock, which knows nothing of us."""
    formats = {"openai": "/v1", "deepseek": "/v1", "anthropic": "", "google": "/v1beta"}
    program.environment["TEST_PASS"] = key_of("aimock")
    with aimock(tmp_path) as address:
        settings(
            program,
            {id_: {"base_url": address + path, "key": "env:TEST_PASS"} for id_, path in formats.items()},
        )
        models = {id_: rows()[id_]["models"]["chat"] for id_ in formats}
        for id_, model in models.items():
            choice = {"QUARTERDECK__MODELS__ROLES__CHAT": json.dumps([f"{id_}/{model}"])}
            rain, sun = program.say("Will there be rain?", "And sun?", environment=choice)
            assert ("It rains in Rome.", "The sun shines in Köln.") == (rain["text"], sun["text"])
