"""Hold the shipped providers to their schema, their sources and what the dialects understand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from quarterdeck.models.providers.catalog import BUILTIN, CUSTOM, Catalog, Provider
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.paths import config_dir

FILES = sorted((config_dir() / "providers").glob("*.yaml"))
CATALOG = Catalog.read(config_dir())
PROMISED = {
    "openai",
    "anthropic",
    "ollama",
    "lmstudio",
    "llamacpp",
    "vllm",
    "openrouter",
    "groq",
    "mistral",
    "deepseek",
    "google",
    "xai",
    CUSTOM,
    BUILTIN,
}
GONE = (
    "models.github.ai",
    "text.pollinations.ai",
    "api.chutes.ai",
)  # integrations that ended, seen 2026-11-21


def test_every_promised_provider_is_there() -> None:
    """The documentation lists them."""
    assert set() == PROMISED - {one.id for one in CATALOG.all()}
    assert () == CATALOG.problems


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_published_schema_accepts_the_file(file: Path) -> None:
    """Editors check by it."""
    schema = json.loads((config_dir() / "schema" / "provider.json").read_text("utf-8"))

    jsonschema.validate(yaml.load(file).data, schema)


@pytest.mark.parametrize("one", CATALOG.all(), ids=lambda one: one.id)
def test_a_row_says_where_it_is_from_and_can_be_used(one: Provider) -> None:
    """A fact without a source cannot be checked again."""
    row = one.row

    assert date(2026, 1, 1) <= row.checked_on <= date(2026, 11, 21)
    assert row.base_url is not None or row.note
    assert row.key.variables or not row.key.is_needed
    assert not any(host in (row.base_url or "") for host in GONE)
    is_here = row.local is not None or (row.base_url or "").startswith("http://127.0.0.1:")
    assert row.base_url is None or row.base_url.startswith("https://") or is_here


def test_no_two_providers_share_a_variable_or_an_address() -> None:
    """A key would go to a place that nobody meant."""
    variables = [name for one in CATALOG.all() for name in one.row.key.variables]
    addresses = [one.row.base_url for one in CATALOG.all() if one.row.base_url]

    assert sorted(set(variables)) == sorted(variables)
    assert sorted(set(addresses)) == sorted(addresses)


def test_local_servers_are_on_this_machine_by_number() -> None:
    """`localhost` may be IPv6 first, where Ollama does not listen; and no name look-up at all is needed."""
    hosts = {
        (one.row.base_url or "").partition("://")[2].partition(":")[0]
        for one in CATALOG.all()
        if one.row.local
    }

    assert {"127.0.0.1"} == hosts
