"""Run a real PostgreSQL for a test, reached through a socket in its own folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwnam
from typing import Any

from tests.conftest import find_or_skip

USER = "quarterdeck"
READY_S = 60


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a server with an empty database and return its address for SQLAlchemy; it is gone afterwards.

    It refuses to run for root, and the name of a socket may have a hundred letters: hence an account and a folder.
    """
    programs = Path(find_or_skip("postgresql")).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="qd-pg-"))
    account = _account()
    if account:
        shutil.chown(folder, account["user"])
    data = folder / "data"
    make = [programs / "initdb", "-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C"]
    subprocess.run([*map(str, make), "--no-sync"], check=True, capture_output=True, cwd=folder, **account)
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", str(READY_S)]
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    try:
        start = [*control, "-l", str(folder / "log"), "-o", options, "start"]
        subprocess.run(
            start, check=True, stdout=subprocess.DEVNULL, cwd=folder, **account
        )  # no pipe: it would stay open
        yield f"postgresql+psycopg://{USER}@/postgres?host={folder}"
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"], check=False, cwd=folder, capture_output=True, **account
        )
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> dict[str, Any]:
    """Return the account to run as, nothing where this is not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            return {"user": name, "group": getpwnam(name).pw_gid, "extra_groups": []}
        except KeyError:
            continue
    return {}
