"""Four layers make one set of settings, and every mistake is found where it was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.secrets import SecretRef
from quarterdeck.runtime.settings import Loaded, SettingsInvalid, load_settings, read_settings


def read(folder: Path, text: str = "", dotenv: str = "", **environ: str) -> Loaded:
    """Read settings as if the program started in `folder`."""
    if text:
        (folder / "quarterdeck.yaml").write_text(text, encoding="utf-8")
    if dotenv:
        (folder / ".env").write_text(dotenv, encoding="utf-8")
    return read_settings(environ=environ, folder=folder)


def problems(folder: Path, text: str = "", dotenv: str = "", **environ: str) -> list[SetupError]:
    """Return everything that is wrong."""
    with pytest.raises(SettingsInvalid) as caught:
        read(folder, text, dotenv, **environ)
    return list(caught.value.problems)


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    """The bot works from the first minute with nothing."""
    settings = read(tmp_path).settings

    assert ("127.0.0.1", 8420) == (settings.http.host, settings.http.port)
    assert settings.platforms.slack.bot_token is None


def test_each_layer_wins_over_the_one_below(tmp_path: Path) -> None:
    """Defaults, the operator's file, .env, the environment."""
    settings = read(
        tmp_path,
        "http: {port: 1}\nrouter: {queue_limit: 2}\nbackup: {keep: 3}\n",
        "QUARTERDECK__ROUTER__QUEUE_LIMIT=20\nQUARTERDECK__BACKUP__KEEP=30\n",
        QUARTERDECK__BACKUP__KEEP="300",
    ).settings

    assert (1, 20, 300, 512) == (
        settings.http.port,
        settings.router.queue_limit,
        settings.backup.keep,
        settings.router.heavy_concurrency,
    )


def test_config_names_the_file(tmp_path: Path) -> None:
    """`--config` goes before the variable, and both before ./quarterdeck.yaml."""
    for name, port in (("a.yaml", 1), ("b.yaml", 2), ("quarterdeck.yaml", 3)):
        (tmp_path / name).write_text(f"http: {{port: {port}}}", encoding="utf-8")
    environ = {"QUARTERDECK_CONFIG": str(tmp_path / "b.yaml")}

    assert 1 == read_settings(tmp_path / "a.yaml", environ, folder=tmp_path).settings.http.port
    assert 2 == read_settings(None, environ, folder=tmp_path).settings.http.port
    assert 3 == read_settings(None, {}, folder=tmp_path).settings.http.port


@pytest.mark.parametrize("by", ["--config", "QUARTERDECK_CONFIG"])
def test_a_named_file_must_be_there(by: str, tmp_path: Path) -> None:
    """Starting with defaults instead would surprise, and could open what the file closes."""
    config = Path("none.yaml") if by == "--config" else None
    environ = {} if config else {by: "none.yaml"}

    with pytest.raises(SetupError, match=f"{by} names no file"):
        read_settings(config, environ, folder=tmp_path)


def test_the_real_environment_is_read_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program calls it without arguments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUARTERDECK__HTTP__PORT", "9")

    assert 9 == load_settings().http.port


def test_lists_and_maps_in_variables_are_json(tmp_path: Path) -> None:
    """There is one way to write them."""
    settings = read(
        tmp_path,
        QUARTERDECK__ACCESS__OWNERS='["console::0", "slack:T1:U1"]',
        QUARTERDECK__PROVIDERS='{"mine": {"base_url": "http://127.0.0.1:1/v1"}}',
    ).settings

    assert ("console::0", "slack:T1:U1") == settings.access.owners
    assert "http://127.0.0.1:1/v1" == settings.providers["mine"].base_url


def test_a_variable_reaches_a_key_with_a_hyphen(tmp_path: Path) -> None:
    """Variables cannot hold hyphens; the key that is there is meant."""
    settings = read(
        tmp_path,
        "providers: {my-server: {dialect: openai_chat, base_url: 'http://127.0.0.1:1'}}",
        QUARTERDECK__PROVIDERS__MY_SERVER__BASE_URL="http://127.0.0.1:2",
    ).settings

    assert {"my-server"} == set(settings.providers)
    assert "http://127.0.0.1:2" == settings.providers["my-server"].base_url


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("SLACK_BOT_TOKEN", "slack.bot_token"),
        ("SLACK_APP_TOKEN", "slack.app_token"),
        ("SLACK_SIGNING_SECRET", "slack.signing_secret"),
        ("DISCORD_TOKEN", "discord.token"),
        ("TELEGRAM_BOT_TOKEN", "telegram.token"),
    ],
)
def test_a_well_known_variable_is_enough(variable: str, field: str, tmp_path: Path) -> None:
    """No file is needed to switch a platform on; the value itself is not in the settings."""
    settings = read(tmp_path, **{variable: "a-real-value-1"}).settings
    platform, _, name = field.partition(".")

    assert SecretRef("env", variable) == getattr(getattr(settings.platforms, platform), name)
    assert "a-real-value-1" not in repr(settings)


def test_the_operators_file_goes_before_a_well_known_variable(tmp_path: Path) -> None:
    """What is written down is meant; a variable may be there for another program."""
    settings = read(
        tmp_path, "platforms: {discord: {token: secret:mine}}", DISCORD_TOKEN="a-real-value-1"
    ).settings

    assert SecretRef("secret", "mine") == settings.platforms.discord.token


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("http:\n  prot: 1\n", 2, 3, "http.prot is not a known key", "did you mean 'port'?"),
        ("htpp:\n  port: 1\n", 1, 1, "htpp is not a known key", "did you mean 'http'?"),
        ("http:\n  port: 99999\n", 2, 9, "http.port: should be less than or equal to 65535", ""),
        ("http:\n  port: many\n", 2, 9, "http.port: must be a whole number", ""),
        ("http: 8420\n", 1, 7, "http: must be a map", "write `key: value` lines below it, indented"),
        ("models:\n  discover: maybe\n", 2, 13, "models.discover: must be true or false", ""),
        ("access:\n  owners: anna\n", 2, 11, "access.owners: must be a list", "write a list"),
        (
            "access:\n  owners:\n    - anna\n",
            3,
            7,
            "access.owners.0: 'anna' is not an identity",
            "slack:T1:U1",
        ),
        ("log:\n  level: loud\n", 2, 10, "log.level: should be 'debug', 'info', 'warning' or 'error'", ""),
        ("providers:\n  Mine: {}\n", 2, 3, "providers.Mine: string should match pattern", "small letters"),
        (
            "providers:\n  a:\n    base_url: ftp://x\n",
            3,
            15,
            "is not an http or https address",
            "whole address",
        ),
        ("providers:\n  a:\n    base_url: http://u:p@x\n", 3, 15, "holds a user name", "key setting"),
        ("egress:\n  allow_private: [10.0.0.1/8]\n", 2, 19, "is not a network", "CIDR"),
        ("schedule:\n  default_timezone: Berlin\n", 2, 21, "is not a time zone", "Europe/Berlin"),
        ("http:\n  host: everywhere\n", 2, 9, "is not an IP address", "127.0.0.1"),
        (
            "vault:\n  key: aGVsbG8=\n",
            2,
            8,
            "vault.key: is none of keyring, file and env:NAME",
            "never the key",
        ),
        ("- a\n", 1, 1, "the settings must be a map", "section"),
        ("http: {port: 1\n", 2, 1, "this is not YAML", "check"),
        ("http: &x {port: 1}\n", 1, 7, "the anchor &x is not allowed", ""),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(
    text: str, line: int, column: int, message: str, hint: str, tmp_path: Path
) -> None:
    """File, line, column and what to write instead: the operator needs no search."""
    with pytest.raises(SetupError) as caught:
        read(tmp_path, text)

    error = caught.value
    assert message in error.message
    assert hint in error.hint
    assert (str(tmp_path / "quarterdeck.yaml"), line, column) == (error.file, error.line, error.column)


def test_a_mistake_in_a_variable_names_the_variable(tmp_path: Path) -> None:
    """It has no file."""
    (problem,) = problems(tmp_path, "http: {port: 1}", QUARTERDECK__HTTP__PORT="99999")

    assert "QUARTERDECK__HTTP__PORT: http.port: should be less than or equal to 65535" == problem.message
    assert (None, None) == (problem.file, problem.line)


def test_a_mistake_in_dotenv_names_its_line(tmp_path: Path) -> None:
    """A file has lines."""
    (problem,) = problems(tmp_path, dotenv="# mine\n\nA=1\nQUARTERDECK__HTTP__PROT=1\n")

    assert "QUARTERDECK__HTTP__PROT: http.prot is not a known key" == problem.message
    assert "did you mean 'port'?" == problem.hint
    assert (str(tmp_path / ".env"), 4) == (problem.file, problem.line)


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """Mending one by one, with a start between, is a waste of a morning."""
    found = problems(tmp_path, "http: {prot: 1, port: x}\nlog: {level: 3}\n", QUARTERDECK__BACKUP__KEEP="0")

    assert 4 == len(found)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("QUARTERDECK__ACCESS__OWNERS", '["a"', "is not JSON"),
        ("QUARTERDECK__PROVIDERS", '{"a": {}, "a": {}}', "the key 'a' is there twice"),
        ("QUARTERDECK__PROVIDERS", "[" * 100_000, "is not JSON"),
        ("QUARTERDECK__", "1", "names no setting"),
        ("QUARTERDECK__HTTP__", "1", "names no setting"),
        ("QUARTERDECK____PORT", "1", "names no setting"),
    ],
)
def test_a_variable_of_the_wrong_form_is_refused(name: str, value: str, message: str, tmp_path: Path) -> None:
    """Nothing is guessed."""
    with pytest.raises(SetupError) as caught:
        read(tmp_path, **{name: value})

    assert message in caught.value.message
    assert name == caught.value.key


def test_two_variables_that_overlap_are_refused(tmp_path: Path) -> None:
    """Which one wins would depend on their order."""
    with pytest.raises(SetupError, match="sets a part of what another variable sets"):
        read(tmp_path, QUARTERDECK__HTTP='{"port": 1}', QUARTERDECK__HTTP__PORT="2")


def test_a_dotenv_line_that_is_no_variable_is_named(tmp_path: Path) -> None:
    """A token with a line break in it must not be cut in silence."""
    with pytest.raises(SetupError, match="no variable") as caught:
        read(tmp_path, dotenv="A=1\nB='open\n")

    assert (str(tmp_path / ".env"), 2) == (caught.value.file, caught.value.line)


def test_a_huge_dotenv_is_refused(tmp_path: Path) -> None:
    """It is read at every start."""
    with pytest.raises(SetupError, match="larger than 256 KiB"):
        read(tmp_path, dotenv="A=1\n" * 70_000)


def test_dotenv_expands_nothing(tmp_path: Path) -> None:
    """A `$` in a token is a `$`."""
    loaded = read(tmp_path, dotenv="TOKEN='a${HOME}b$(id)'\n", HOME="/srv/anna")

    assert "a${HOME}b$(id)" == loaded.environ["TOKEN"]


def test_relative_folders_are_taken_from_the_file_that_names_them(tmp_path: Path) -> None:
    """The same settings started from elsewhere must not begin a second, empty memory."""
    (tmp_path / "etc").mkdir()
    config = tmp_path / "etc" / "bot.yaml"
    config.write_text("data_dir: ../state\nuser_dir: mine\n", encoding="utf-8")

    settings = read_settings(config, {}, folder=tmp_path / "etc").settings

    assert (tmp_path / "state").resolve() == settings.data_dir.resolve()
    assert tmp_path / "etc" / "mine" == settings.paths().user_dir


def test_the_user_folder_lies_in_the_data_folder_unless_it_is_said(tmp_path: Path) -> None:
    """One folder to back up."""
    settings = read(tmp_path, QUARTERDECK__DATA_DIR=str(tmp_path / "d")).settings

    assert tmp_path / "d" / "user" == settings.paths().user_dir


def test_a_section_with_nothing_in_it_says_nothing(tmp_path: Path) -> None:
    """All its lines are commented out; that is how people leave files."""
    assert 8420 == read(tmp_path, "http:\n  # port: 1\naccess:\n").settings.http.port


def test_settings_cannot_be_changed_later(tmp_path: Path) -> None:
    """Whoever holds them holds what was checked."""
    settings = read(tmp_path).settings

    with pytest.raises(ValueError, match="frozen"):
        settings.http.port = 1  # type: ignore[misc]


def test_errors_show_no_values(tmp_path: Path) -> None:
    """A secret that was typed into the wrong place must not end in a log."""
    found = problems(
        tmp_path,
        "platforms:\n  slack: {bot_token: xoxb-very-secret, mode: xoxb-very-secret}\n"
        "  discord: {public_key: xoxb-very-secret}\n"
        "vault: {key: xoxb-very-secret}\nlog: {level: xoxb-very-secret}\nhttp: {port: xoxb-very-secret}\n",
        QUARTERDECK__PROVIDERS='{"a": {"key": "xoxb-very-secret", "headers": {"X-Api-Key": "xoxb-very-secret"}}}',
    )

    assert 8 == len(found)
    assert "very-secret" not in json.dumps([[str(one), one.hint, one.key] for one in found])
