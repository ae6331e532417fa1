"""What is dangerous keeps the bot from starting, and says how to mend it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.checks import startup_findings
from quarterdeck.runtime.findings import Finding, refuse_critical
from quarterdeck.runtime.settings import read_settings

OPEN_HOSTS = ("0.0.0.0", "::", "10.0.0.5", "192.168.1.2", "fd00::1", "203.0.113.7")
REMOTE, SECURE, LOCAL = (
    "http://models.example.com/v1",
    "https://models.example.com/v1",
    "http://127.0.0.1:1/v1",
)


def findings(folder: Path, text: str = "", **environ: str) -> list[Finding]:
    """Return what a start in `folder` finds."""
    (folder / "quarterdeck.yaml").write_text(f"data_dir: ./data\n{text}", encoding="utf-8")
    return startup_findings(read_settings(environ=environ, folder=folder))


def serious(found: list[Finding]) -> list[str]:
    """Return the messages of what is more than information."""
    return [finding.message for finding in found if finding.level in ("warning", "error", "critical")]


def test_nothing_is_wrong_with_the_defaults(tmp_path: Path) -> None:
    """The first start must not complain."""
    assert [] == serious(findings(tmp_path))


@pytest.mark.parametrize(
    ("host", "metrics_host"),
    list(itertools.product(OPEN_HOSTS, [None, "127.0.0.1", "0.0.0.0"])),
)
def test_listening_to_others_without_a_login_is_critical(
    host: str, metrics_host: str | None, tmp_path: Path
) -> None:
    """Hundreds of bots were found open on the internet this way."""
    metrics = f", metrics_host: '{metrics_host}'" if metrics_host else ""
    found = findings(tmp_path, f"http: {{host: '{host}'{metrics}}}\n")

    with pytest.raises(SetupError, match="other machines can reach") as caught:
        refuse_critical(found)
    assert (2, 14) == (caught.value.line, caught.value.column)
    assert "127.0.0.1" in caught.value.hint


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.0.0.2", "localhost"])
def test_listening_on_this_machine_is_fine(host: str, tmp_path: Path) -> None:
    """Any loopback address."""
    assert [] == serious(findings(tmp_path, f"http: {{host: '{host}'}}\n"))


def test_open_metrics_are_a_warning(tmp_path: Path) -> None:
    """The operator said so by name; still nobody logs in there."""
    found = findings(tmp_path, "http: {metrics_host: 0.0.0.0}\n")

    assert ["health and metrics can be read on 0.0.0.0 without a login"] == serious(found)
    refuse_critical(found)


def test_a_folder_open_to_others_keeps_the_bot_from_starting(tmp_path: Path) -> None:
    """It holds what people said, and the secrets."""
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data").chmod(0o755)

    with pytest.raises(SetupError, match="open to other users") as caught:
        refuse_critical(findings(tmp_path))
    assert f"chmod 700 '{tmp_path / 'data'}'" == caught.value.hint


def test_a_dotenv_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    """It is the operator's file, so we do not refuse; we say it."""
    (tmp_path / ".env").write_text("A=1\n", encoding="utf-8")
    (tmp_path / ".env").chmod(0o644)

    (warning,) = [finding for finding in findings(tmp_path) if finding.level == "warning"]

    assert f"chmod 600 '{tmp_path / '.env'}'" == warning.fix


def test_a_variable_that_means_nothing_is_named(tmp_path: Path) -> None:
    """One underscore too few, and the setting would silently not count."""
    (warning,) = [one for one in findings(tmp_path, QUARTERDECK_DATA_DIR="/x") if one.level == "warning"]

    assert "QUARTERDECK_DATA_DIR: means nothing" == warning.message
    assert "did you mean 'QUARTERDECK__DATA_DIR'?" == warning.fix


@pytest.mark.parametrize(
    ("url", "is_warned"),
    [
        ("http://models.example.com/v1", True),
        ("https://models.example.com/v1", False),
        ("http://127.0.0.1:1/v1", False),
    ],
)
def test_a_key_over_plain_http_is_a_warning(url: str, is_warned: bool, tmp_path: Path) -> None:
    """It may be meant, inside a private network; nobody should do it unknowingly."""
    found = findings(tmp_path, f"providers: {{mine: {{base_url: '{url}', key: env:K}}}}\n", K="real-value-1")

    assert is_warned == bool(serious(found))


def test_only_critical_findings_refuse() -> None:
    """`check` fails on errors; `run` starts with what works."""
    refuse_critical(
        [Finding(level="error", area="x", message="m"), Finding(level="warning", area="x", message="m")]
    )

    with pytest.raises(SetupError, match=r"first \(and 1 more"):
        refuse_critical([Finding(level="critical", area="x", message=text) for text in ("first", "second")])
