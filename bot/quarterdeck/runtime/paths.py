"""Say where things lie on disk, and keep them closed to other users of the machine."""

from __future__ import annotations

import os
import stat
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import SetupError
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.findings import Finding

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Name everything in the data folder. `user_dir` may lie elsewhere."""

    data_dir: Path
    user_dir: Path

    @classmethod
    def of(cls, data_dir: Path, user_dir: Path | None = None) -> Paths:
        """Name the places in `data_dir`; `user_dir` is `data_dir/user` unless it is said."""
        return cls(data_dir=data_dir, user_dir=user_dir or data_dir / "user")

    @cached_property
    def database(self) -> Path:
        """Our own SQLite file: the truth."""
        return self.data_dir / "quarterdeck.db"

    @cached_property
    def durable_database(self) -> Path:
        """The durable engine's SQLite file."""
        return self.data_dir / "durable.db"

    @cached_property
    def chroma(self) -> Path:
        """The vector index; can be rebuilt."""
        return self.data_dir / "chroma"

    @cached_property
    def control_socket(self) -> Path:
        """Where the running process listens for the other verbs."""
        return self.data_dir / "control.sock"

    @cached_property
    def lock(self) -> Path:
        """The file whose lock says that somebody works on this folder."""
        return self.data_dir / "lock"

    @cached_property
    def files(self) -> Path:
        """Files that were received or made."""
        return self.data_dir / "files"

    @cached_property
    def backups(self) -> Path:
        """Verified copies of the database."""
        return self.data_dir / "backups"

    @cached_property
    def models(self) -> Path:
        """Model files that belong to this installation."""
        return self.data_dir / "models"

    @cached_property
    def mcp(self) -> Path:
        """Where the programs that are MCP servers work, a folder each."""
        return self.data_dir / "mcp"

    @cached_property
    def console_history(self) -> Path:
        """What was typed in the console."""
        return self.data_dir / "console_history"

    @cached_property
    def vault_key(self) -> Path:
        """The vault's key, where the operator chose a file for it."""
        return self.data_dir / "vault.key"

    def create(self) -> None:
        """Make the folders that are missing, open to nobody else.

        Raises:
            SetupError: the folder cannot be made or is not ours to use.
        """
        for folder in (self.data_dir, self.user_dir, self.files, self.backups):
            try:
                folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            except OSError as error:
                raise SetupError(
                    f"cannot make the folder {folder}: {error.strerror}",
                    hint="set data_dir to a folder that you may write to",
                    key="data_dir",
                ) from error
        if not os.access(self.data_dir, os.R_OK | os.W_OK | os.X_OK):
            raise SetupError(
                f"the folder {self.data_dir} cannot be written to",
                hint=f"chown it to the user that runs quarterdeck, or chmod 700 {self.data_dir}",
                key="data_dir",
            )

    def findings(self) -> list[Finding]:
        """Name what other users of the machine could open: each with the chmod that closes it."""
        closed = (self.data_dir, self.files, self.backups, self.chroma, self.models)
        private = (
            *_database_files(self.database),
            *_database_files(self.durable_database),
            self.control_socket,
            self.lock,
            self.console_history,
            self.vault_key,
        )
        found = [_too_open(path, FOLDER_MODE) for path in closed]
        found += [_too_open(path, FILE_MODE) for path in private]
        return [finding for finding in found if finding is not None]


def _database_files(database: Path) -> list[Path]:
    return [database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm")]


def _too_open(path: Path, mode: int) -> Finding | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    extra = stat.S_IMODE(status.st_mode) & ~mode & 0o077
    if os.name != "posix" or not extra or stat.S_ISLNK(status.st_mode):
        return None
    return Finding(
        level="critical",
        area="paths",
        message=f"{path} is open to other users of this machine (mode {stat.S_IMODE(status.st_mode):04o})",
        fix=f"chmod {mode:o} '{path}'",
        file=str(path),
    )


def config_dir() -> Path:
    """Return the folder of the shipped data files: in an installed package, or in the repository.

    Raises:
        SetupError: the installation is incomplete.
    """
    package = Path(str(resources.files("quarterdeck")))
    for folder in (package / "_config", package.parents[1] / "config"):
        if (folder / "default.yaml").is_file():
            return folder
    raise SetupError("the shipped settings are missing", hint="install quarterdeck again")
