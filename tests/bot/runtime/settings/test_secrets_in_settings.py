"""A secret setting is a reference to a real value, or nothing starts."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.settings import read_settings
from quarterdeck.runtime.settings.loading import secret_refs

SETTINGS = (
    "platforms.slack.bot_token",
    "platforms.slack.app_token",
    "platforms.slack.signing_secret",
    "platforms.discord.token",
    "platforms.telegram.token",
    "platforms.telegram.webhook_secret",
    "providers.mine.key",
    "providers.mine.headers.Authorization",
    "vault.key",
)
SHAPES = ("absent", "", " ", None, ["a"], 1, "change-me")


def tree_with(path: str, value: object) -> dict[str, object]:
    """Return settings that say `value` at `path`."""
    *parents, last = path.split(".")
    tree: dict[str, object] = {last: value}
    for key in reversed(parents):
        tree = {key: tree}
    return tree


def test_there_are_sixty_three_cases() -> None:
    """The threat table promises nine settings in seven shapes."""
    assert 63 == len(list(itertools.product(SETTINGS, SHAPES)))


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "absent"], ids=repr)
@pytest.mark.parametrize("setting", SETTINGS)
def test_what_is_no_reference_is_refused(setting: str, shape: object, tmp_path: Path) -> None:
    """Blank, null, a list, a number, a placeholder: each has once let everybody in."""
    (tmp_path / "quarterdeck.yaml").write_text(json.dumps(tree_with(setting, shape)), encoding="utf-8")

    with pytest.raises(SetupError) as caught:
        read_settings(environ={}, folder=tmp_path)
    assert str(caught.value.key).startswith(setting)
    assert caught.value.hint
    assert 1 == caught.value.line


@pytest.mark.parametrize("setting", SETTINGS[:-1])
def test_absent_is_off(setting: str, tmp_path: Path) -> None:
    """Nothing is used in its place."""
    settings = read_settings(environ={}, folder=tmp_path).settings

    assert [] == [path for path, _ in secret_refs(settings) if ".".join(map(str, path)) == setting]


@pytest.mark.parametrize(
    "value", ["", " ", "\t\n", "change-me", "changeme", "<your token>", "xxxxxxxx", "your-token-here"]
)
@pytest.mark.parametrize("setting", SETTINGS[:-1])
def test_a_reference_to_a_blank_or_placeholder_is_refused(setting: str, value: str, tmp_path: Path) -> None:
    """The reference is right and the variable is not: still nothing starts."""
    (tmp_path / "quarterdeck.yaml").write_text(json.dumps(tree_with(setting, "env:MINE")), encoding="utf-8")

    with pytest.raises(SetupError, match="the variable MINE is") as caught:
        read_settings(environ={"MINE": value}, folder=tmp_path)
    assert "MINE" in caught.value.hint
    assert str(tmp_path / "quarterdeck.yaml") == caught.value.file


@pytest.mark.parametrize("setting", SETTINGS[:-1])
def test_a_reference_to_a_variable_that_is_not_set_is_refused(setting: str, tmp_path: Path) -> None:
    """There is no fallback to another credential."""
    (tmp_path / "quarterdeck.yaml").write_text(json.dumps(tree_with(setting, "env:MINE")), encoding="utf-8")

    with pytest.raises(SetupError, match="the variable MINE is not set"):
        read_settings(environ={}, folder=tmp_path)


@pytest.mark.parametrize(
    "name",
    ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "DISCORD_TOKEN", "TELEGRAM_BOT_TOKEN"],
)
@pytest.mark.parametrize("value", ["", " ", "change-me"])
def test_a_blank_well_known_variable_is_refused(name: str, value: str, tmp_path: Path) -> None:
    """It was meant to switch something on; saying so beats staying silent and off."""
    with pytest.raises(SetupError) as caught:
        read_settings(environ={name: value}, folder=tmp_path)

    assert name == caught.value.key
    assert f"give {name} its real value, or unset it to switch this off" == caught.value.hint


@pytest.mark.parametrize(
    "literal", ["xoxb-1-2-abc", "sk-proj-abc", "env", "secret", "env:", "env:A B", "secret:../x"]
)
def test_a_literal_secret_is_refused_with_the_fix(literal: str, tmp_path: Path) -> None:
    """The fix is named; the value is not repeated."""
    text = json.dumps(tree_with("platforms.slack.bot_token", literal))
    (tmp_path / "quarterdeck.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(SetupError) as caught:
        read_settings(environ={}, folder=tmp_path)
    assert ":NAME" in caught.value.hint
    assert len(literal) < 7 or literal not in str(caught.value)


def test_an_unguessed_secret_header_must_be_a_reference_too(tmp_path: Path) -> None:
    """Header names give away what they carry."""
    headers = {"X-Team": "docs", "X-Auth-Token": "env:MINE", "Helicone-Auth": "secret:mine"}
    text = json.dumps({"providers": {"mine": {"headers": headers}}})
    (tmp_path / "quarterdeck.yaml").write_text(text, encoding="utf-8")

    settings = read_settings(environ={"MINE": "real-value-1"}, folder=tmp_path).settings

    assert ["env:MINE", "secret:mine"] == [str(ref) for _, ref in secret_refs(settings)]
