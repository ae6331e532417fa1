"""Graphs of the owner's are read by place, and what is wrong with one is said by `check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.models.findings import findings
from quarterdeck.models.images.graph import FOLDER, Graph
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck.runtime.settings.datafiles import load_data

EXPORTED = """
name: House style
slots: {prompt: ["6.inputs.text"], seed: ["3.inputs.seed"]}
graph:
  "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20}, "_meta": {"title": "Sampler"}}
  "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "before"}}
"""


def owned(folder: Path, text: str) -> Settings:
    """Return settings whose user folder holds this graph."""
    graphs = folder / "user" / FOLDER
    graphs.mkdir(parents=True)
    (graphs / "house.yaml").write_text(text)
    return Settings.model_validate({"data_dir": str(folder / "data"), "user_dir": str(folder / "user")})


def test_an_exported_graph_is_filled_and_stays_as_it_was(tmp_path: Path) -> None:
    """What ComfyUI writes is pasted in; titles are not sent."""
    settings = owned(tmp_path, EXPORTED)

    found = load_data(config_dir() / FOLDER, settings.paths().user_dir / FOLDER, Graph)

    house = found["house"]
    filled = house.filled({"prompt": "a fox", "seed": 7, "width": 64})
    assert {"text": "a fox"} == filled["6"]["inputs"]
    assert {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20}} == filled["3"]
    assert "before" == house.value("prompt")
    assert {"change-picture", "house", "text-to-image"} == set(found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (EXPORTED.replace("6.inputs.text", "9.inputs.text"), "9.inputs.text"),
        (EXPORTED.replace("6.inputs.text", "text"), "prompt"),
        (EXPORTED.replace("graph:", "grap:"), "grap"),
    ],
)
def test_a_wrong_graph_is_a_finding(text: str, says: str, tmp_path: Path) -> None:
    """A slot that leads nowhere would be noticed only when somebody orders a picture."""
    found = findings(owned(tmp_path, text), Resolver({}, Redactor()))

    assert any(says in f"{one.message} {one.fix}" for one in found if one.level in ("error", "critical"))


@pytest.mark.parametrize(
    ("role", "name", "says"),
    [("image", "anthropic/claude", "draws no pictures"), ("chat", "comfyui/text-to-image", "only draws")],
)
def test_a_role_that_its_model_cannot_play_is_a_finding(
    role: str, name: str, says: str, tmp_path: Path
) -> None:
    """`check` says it before anybody asks."""
    settings = Settings.model_validate({"data_dir": str(tmp_path), "models": {"roles": {role: [name]}}})

    found = findings(settings, Resolver({}, Redactor()))

    assert any(says in one.message for one in found)
