"""Prove how our providers, the owner's files and the settings lie over each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.models.findings import findings
from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings

MINE = """
name: Ours
dialect: openai_chat
base_url: https://llm.example.com/v1
key: {variables: [OURS_API_KEY]}
models: {chat: ours-1}
source: our own server
checked_on: 2026-11-21
proof: live
"""


def write(user_dir: Path, name: str, text: str) -> Path:
    """Put a provider's file into the owner's folder."""
    file = user_dir / "providers" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def found(tmp_path: Path, settings: dict[str, object] | None = None, **environ: str) -> list[Finding]:
    """Return what `check` says about models."""
    whole = Settings.model_validate({"user_dir": str(tmp_path), **(settings or {})})
    return findings(whole, Resolver(environ, Redactor()))


def said(found: list[Finding], start: str) -> list[tuple[str, str]]:
    """Return level and fix of what begins with `start`."""
    return [(one.level, one.fix) for one in found if one.message.startswith(start)]


def test_a_file_of_the_owner_adds_a_provider(tmp_path: Path) -> None:
    """One file, no code."""
    write(tmp_path, "ours", MINE)

    provider = Catalog.read(config_dir(), tmp_path).get("ours")

    assert provider is not None
    assert ("Ours", "ours-1") == (provider.row.name, provider.row.models.chat)


def test_a_file_of_the_owner_changes_single_values_of_ours(tmp_path: Path) -> None:
    """A new default model need not wait for a release."""
    write(tmp_path, "openai", "models: {chat: gpt-7}")

    provider = Catalog.read(config_dir(), tmp_path).get("openai")

    assert provider is not None
    assert ("gpt-7", "https://api.openai.com/v1") == (provider.row.models.chat, provider.row.base_url)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        (MINE.replace("dialect:", "dialekt:"), 3, "did you mean 'dialect'?"),
        (MINE.replace("openai_chat", "openai_shat"), 3, ""),
        (MINE.replace("https://llm.example.com/v1", "llm.example.com"), 4, "write a whole address"),
        (MINE.replace("2026-11-21", "1999-01-01"), 8, ""),
    ],
)
def test_a_mistake_is_shown_with_its_place(tmp_path: Path, text: str, line: int, hint: str) -> None:
    """And the other providers go on working."""
    file = write(tmp_path, "ours", text)

    errors = [one for one in found(tmp_path) if one.level == "error"]

    there = [one.fix for one in errors if (one.file, one.line) == (str(file), line)]
    assert [True] == [hint in fix for fix in there]
    assert [("off", "set OPENAI_API_KEY")] == said(found(tmp_path), "openai is off")


def test_a_provider_without_an_address_is_a_mistake(tmp_path: Path) -> None:
    """The settings want something that cannot be reached."""
    errors = [
        one for one in found(tmp_path, {"providers": {"opnai": {"models": ["x"]}}}) if one.level == "error"
    ]

    assert ["did you mean 'openai'?"] == [one.fix for one in errors]


def test_a_key_switches_a_provider_on(tmp_path: Path) -> None:
    """And the reason is named."""
    results = found(tmp_path, GROQ_API_KEY="gsk-1234567890")

    assert [("ok", "")] == said(results, "groq is on: key from env:GROQ_API_KEY")
    assert not any("gsk-" in one.message + one.fix for one in results)


@pytest.mark.parametrize("value", ["", "  ", "changeme"])
def test_a_blank_key_is_a_mistake(tmp_path: Path, value: str) -> None:
    """Somebody meant to set it."""
    [(level, fix)] = said(found(tmp_path, GROQ_API_KEY=value), "groq is off: env:GROQ_API_KEY is")

    assert ("error", True) == (level, "GROQ_API_KEY" in fix)


def test_a_configured_provider_that_lacks_its_key_is_a_mistake(tmp_path: Path) -> None:
    """Its owner expects it to answer."""
    settings: dict[str, object] = {"providers": {"openai": {"key": "secret:openai"}}}

    assert [("error", "run `quarterdeck secret set openai`")] == said(
        found(tmp_path, settings), "openai is off"
    )


@pytest.mark.parametrize(
    ("name", "word"),
    [("opnai/gpt-6-luna", "unknown provider"), ("openai/gpt-6-luna", "provider is off: no key")],
)
def test_a_role_that_cannot_answer_is_a_mistake(tmp_path: Path, name: str, word: str) -> None:
    """It would be noticed by the first question only."""
    errors = [one for one in found(tmp_path, {"models": {"roles": {"chat": [name]}}}) if one.level == "error"]

    assert [True] == [word in one.message for one in errors]


def test_a_role_may_name_a_local_server_that_sleeps(tmp_path: Path) -> None:
    """It is started when it is needed."""
    results = found(tmp_path, {"models": {"roles": {"chat": ["ollama/llama3.2"]}}})

    assert [] == [one for one in results if one.level == "error"]


def test_providers_that_are_off_say_what_would_switch_them_on(tmp_path: Path) -> None:
    """Each with its variable or address."""
    results = found(tmp_path)

    assert [("off", "set GEMINI_API_KEY or GOOGLE_API_KEY")] == said(results, "google is off")
    assert [("off", "set providers.azure.base_url")] == said(results, "azure is off")
    assert [("off", "start it")] == said(results, "ollama is off")
    assert all(one.fix for one in results if one.level == "off")
