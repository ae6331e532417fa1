"""The data folder belongs to one process at a time, and to nobody once that process is gone."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.process.lock import Held, Holder, Lock, holder_of

HOLD = """
import sys, time
from pathlib import Path
from quarterdeck.runtime.process.lock import Lock
with Lock(Path(sys.argv[1]), "run"):
    print("held", flush=True)
    time.sleep(600)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """Kill and reap a process."""
    process.kill()
    process.communicate(timeout=30)


def test_a_second_process_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    """Two bots on one folder would answer everything twice."""
    path = tmp_path / "lock"
    first = holder(path)
    try:
        with pytest.raises(Held) as refusal, Lock(path, "run"):
            pass
    finally:
        end(first)

    assert Holder(pid=first.pid, verb="run") == refusal.value.holder
    assert f"process {first.pid}" in refusal.value.message


def test_a_killed_process_is_no_obstacle(tmp_path: Path) -> None:
    """The kernel lets go; the file that stays behind means nothing. Ten times."""
    path = tmp_path / "lock"
    for _ in range(10):
        first = holder(path)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate(timeout=30)
        with Lock(path, "check"):
            found = holder_of(path)

        assert Holder(pid=os.getpid(), verb="check") == found


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    """Verbs follow one another."""
    for _ in range(3):
        with Lock(tmp_path / "lock", "verb"), pytest.raises(Held), Lock(tmp_path / "lock", "other"):
            pass

    assert Holder(pid=0, verb="") == holder_of(tmp_path / "lock")


def test_the_file_is_closed_to_others(tmp_path: Path) -> None:
    """Whoever can open it could hold it."""
    with Lock(tmp_path / "lock", "verb"):
        mode = stat.S_IMODE((tmp_path / "lock").stat().st_mode)

    assert 0o600 == mode


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    """It could point at a file that must not be written to."""
    target = tmp_path / "precious"
    target.write_text("keep me")
    (tmp_path / "lock").symlink_to(target)

    with pytest.raises(SetupError, match="cannot open"):
        Lock(tmp_path / "lock", "verb").acquire()
    assert "keep me" == target.read_text()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    """The operator learns which setting to mend."""
    with pytest.raises(SetupError) as refusal:
        Lock(tmp_path / "nowhere" / "lock", "verb").acquire()

    assert ("data_dir", True) == (refusal.value.key, "nowhere" in refusal.value.message)


def test_children_do_not_keep_the_lock(tmp_path: Path) -> None:
    """A worker that outlives its parent must not lock the folder for ever."""
    lock = Lock(tmp_path / "lock", "verb")
    lock.acquire()
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"],
        close_fds=False,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    lock.release()
    try:
        with Lock(tmp_path / "lock", "next"):
            is_free = True
    finally:
        child.kill()
        child.communicate(timeout=30)

    assert is_free
