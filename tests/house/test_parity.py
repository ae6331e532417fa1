"""The page on platforms says what the adapters' own files say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from quarterdeck.router.native.parity import notes, table
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.platform_facts import read_all

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- quarterdeck platform list --parity -->", "<!-- end -->"
FILES = sorted((ROOT / "adapters" / "quarterdeck_adapters").glob("*/platform.yaml"))


def test_the_parity_table_on_the_page_is_the_one_that_the_data_gives() -> None:
    """`quarterdeck platform list --parity` prints it anew."""
    facts = read_all()
    names = {name: one.name for name, one in facts.items()}
    shown = table({name: one.abilities for name, one in facts.items()}, names)
    particular = notes({name: one.fallbacks for name, one in facts.items()}, names)
    page = (ROOT / "docs" / "platforms.md").read_text("utf-8")

    assert f"{shown}\n\n{particular}" == page.partition(BEGIN)[2].partition(END)[0].strip()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_each_platforms_file_fits_the_published_schema(file: Path) -> None:
    """Editors check by it."""
    schema = json.loads((config_dir() / "schema" / "platform.json").read_text("utf-8"))
    data: Any = yaml.load(file).data

    jsonschema.validate(data, schema)
    assert file.parent.name == data["id"]
