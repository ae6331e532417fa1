"""What is on disk is closed to other users."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.paths import Paths, config_dir


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_are_made_closed_whatever_the_umask(tmp_path: Path) -> None:
    """A machine's umask is often 022."""
    old = os.umask(0)
    try:
        paths = Paths.of(tmp_path / "a" / "data")
        paths.create()
    finally:
        os.umask(old)

    assert [0o700] * 4 == [
        mode(folder) for folder in (paths.data_dir, paths.user_dir, paths.files, paths.backups)
    ]
    assert [] == paths.findings()


def test_making_folders_twice_changes_nothing(tmp_path: Path) -> None:
    """Every start does it."""
    paths = Paths.of(tmp_path / "data")
    paths.create()
    paths.database.write_bytes(b"x")
    paths.create()

    assert b"x" == paths.database.read_bytes()


@pytest.mark.parametrize("bits", [0o755, 0o750, 0o701, 0o777])
@pytest.mark.parametrize("name", ["data_dir", "files", "backups", "chroma", "models"])
def test_an_open_folder_is_critical_and_names_the_chmod(name: str, bits: int, tmp_path: Path) -> None:
    """The operator types what is shown."""
    paths = Paths.of(tmp_path / "data")
    paths.create()
    folder: Path = getattr(paths, name)
    folder.mkdir(exist_ok=True, mode=0o700)
    folder.chmod(bits)

    (finding,) = paths.findings()

    assert ("critical", f"chmod 700 '{folder}'") == (finding.level, finding.fix)


@pytest.mark.parametrize("bits", [0o644, 0o640, 0o604, 0o660])
@pytest.mark.parametrize(
    "name", ["database", "durable_database", "control_socket", "lock", "console_history", "vault_key"]
)
def test_an_open_file_is_critical_and_names_the_chmod(name: str, bits: int, tmp_path: Path) -> None:
    """Messages, keys and secrets lie in these."""
    paths = Paths.of(tmp_path / "data")
    paths.create()
    file: Path = getattr(paths, name)
    file.touch()
    file.chmod(bits)

    (finding,) = paths.findings()

    assert ("critical", f"chmod 600 '{file}'") == (finding.level, finding.fix)


def test_the_write_ahead_log_counts_too(tmp_path: Path) -> None:
    """It holds the newest rows in the clear."""
    paths = Paths.of(tmp_path / "data")
    paths.create()
    log = paths.database.with_name(paths.database.name + "-wal")
    log.touch()
    log.chmod(0o644)

    assert [str(log)] == [finding.file for finding in paths.findings()]


def test_a_folder_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    """A file lies where the folder should be."""
    (tmp_path / "data").write_text("", encoding="utf-8")

    with pytest.raises(SetupError, match="cannot make the folder") as caught:
        Paths.of(tmp_path / "data" / "inner").create()
    assert "data_dir" == caught.value.key


def test_the_shipped_settings_are_found_in_the_repository() -> None:
    """Started from a checkout, there is no installed copy."""
    assert (config_dir() / "default.yaml").is_file()
