"""`qd`, the bootstrap: it runs before anything is installed, so it is loaded from its file."""

import ast
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
QD = REPOSITORY / "qd"


class Became(Exception):
    """Stands in for the exec that replaces the process."""


@pytest.fixture
def qd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """Load qd with a small repository around it, which it may set up without installing anything."""
    loader = importlib.machinery.SourceFileLoader("qd_under_test", str(QD))
    module = ModuleType("qd_under_test")
    module.__file__ = str(QD)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a qdc file beside qd would be litter
    loader.exec_module(module)
    for name in (*module.STAMPED, "requirements/core.lock", "requirements/test.lock", *module.HEAVY):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name}==1\n")
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    return module


@pytest.fixture
def steps(qd: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the steps that were done, none of them for real."""
    done: list[str] = []

    def create(path: str) -> None:
        python = Path(qd.executable(path, "python"))
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        done.append("create")

    monkeypatch.setattr(qd, "create_environment", create)
    monkeypatch.setattr(qd, "install_tools", lambda _environment: done.append("tools"))
    for name in ("install_locked", "install_torch", "build_llama", "install_project"):
        monkeypatch.setattr(qd, name, lambda *_arguments, name=name: done.append(name))
    return done


@pytest.fixture
def became(qd: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that qd would have turned into."""
    commands: list[list[str]] = []

    def become(program: str, arguments: list[str]) -> None:
        commands.append([program, *arguments])
        raise Became

    monkeypatch.setattr(qd, "become", become)
    return commands


def test_a_verb_and_its_arguments_reach_the_program(
    qd: ModuleType, steps: list[str], became: list[list[str]]
) -> None:
    """qd adds nothing and takes nothing away, dashes included."""
    with pytest.raises(Became):
        qd.main(["console", "--json", "--", "-x", "two words"])

    python = qd.executable(os.path.join(qd.ROOT, ".venv"), "python")
    assert [[python, "-P", "-m", "quarterdeck", "console", "--json", "--", "-x", "two words"]] == became
    assert ["create", "tools", "install_locked", "install_project"] == steps


def test_the_tests_have_an_environment_of_their_own(
    qd: ModuleType, steps: list[str], became: list[list[str]]
) -> None:
    """The running bot must not change because someone ran the tests."""
    with pytest.raises(Became):
        qd.main(["test", "--", "-k", "ask"])

    python = qd.executable(os.path.join(qd.ROOT, ".venv-test"), "python")
    assert [[python, os.path.join(qd.ROOT, "tests", "run.py"), "--", "-k", "ask"]] == became
    assert "install_torch" in steps
    assert "build_llama" in steps


def test_a_second_start_installs_nothing(qd: ModuleType, steps: list[str]) -> None:
    """A start costs one comparison."""
    qd.Environment(".venv", ["requirements/core.lock"]).ensure([qd.install_locked])
    steps.clear()
    qd.Environment(".venv", ["requirements/core.lock"]).ensure([qd.install_locked])

    assert [] == steps


@pytest.mark.parametrize("changed", ["requirements/core.lock", "requirements/tools.lock", "pyproject.toml"])
def test_a_changed_lock_is_installed_into_the_same_environment(
    qd: ModuleType, steps: list[str], changed: str
) -> None:
    """What a person added, such as the built-in model, survives an update."""
    environment = qd.Environment(".venv", ["requirements/core.lock"])
    environment.ensure([qd.install_locked])
    steps.clear()
    Path(qd.ROOT, changed).write_text("other==2\n")
    environment.ensure([qd.install_locked])

    assert ["tools", "install_locked"] == steps


def test_another_python_gets_a_new_environment(
    qd: ModuleType, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages with native parts are built for one Python."""
    environment = qd.Environment(".venv", ["requirements/core.lock"])
    environment.ensure([qd.install_locked])
    steps.clear()
    monkeypatch.setattr(qd, "this_python", lambda: "3.99")
    environment.ensure([qd.install_locked])

    assert ["create", "tools", "install_locked"] == steps


def test_a_set_up_that_was_killed_is_done_again(qd: ModuleType, steps: list[str]) -> None:
    """The stamp is written last, so a half-made environment is never taken for a whole one."""
    environment = qd.Environment(".venv", ["requirements/core.lock"])

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        environment.ensure([die])
    steps.clear()
    environment.ensure([qd.install_locked])

    assert ["create", "tools", "install_locked"] == steps


def test_two_starts_at_once_set_up_once(qd: ModuleType, steps: list[str]) -> None:
    """Two installers in one environment would leave neither whole."""
    inside, go_on = threading.Event(), threading.Event()

    def slow_step(*_arguments: object) -> None:
        steps.append("slow")
        inside.set()
        go_on.wait(10)

    def start() -> None:
        qd.Environment(".venv", ["requirements/core.lock"]).ensure([slow_step])

    first, second = threading.Thread(target=start), threading.Thread(target=start)
    first.start()
    assert inside.wait(10)
    second.start()
    go_on.set()
    first.join(10)
    second.join(10)

    assert ["create", "tools", "slow"] == steps


@pytest.mark.skipif(os.name == "nt", reason="flock")
def test_a_step_that_outlives_qd_keeps_the_next_one_waiting(qd: ModuleType, tmp_path: Path) -> None:
    """A killed qd leaves its installer running, which must not meet a second one."""
    started, go_on, lock = tmp_path / "started", tmp_path / "go_on", str(tmp_path / "lock")
    code = "import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\n"
    code += "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.01)"
    with qd.Turn(lock):
        step = threading.Thread(target=qd.run, args=([sys.executable, "-c", code, str(started), str(go_on)],))
        step.start()
        while not started.exists():
            threading.Event().wait(0.01)

    free_while_it_runs = is_free(qd, lock)
    go_on.touch()
    step.join(10)

    assert (False, True) == (free_while_it_runs, is_free(qd, lock))


def is_free(qd: ModuleType, lock: str) -> bool:
    """Say whether a qd that started now would get its turn at once."""
    turn = qd.Turn(lock)
    try:
        return bool(turn._take(wait=False))
    finally:
        turn.__exit__()


def test_a_failed_step_names_the_command_and_leaves_no_stamp(
    qd: ModuleType, steps: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person needs to know which of the steps failed, and a script the exit status."""
    monkeypatch.setattr(qd, "install_locked", lambda *_: qd.run([sys.executable, "-c", "exit(3)"]))

    assert 1 == qd.main(["version"])

    assert "ended with status 3" in capfd.readouterr().err
    assert not Path(qd.ROOT, ".venv", qd.STAMP).exists()


def test_set_up_writes_nothing_to_standard_output(
    qd: ModuleType, steps: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """`./qd console --json | jq` works on the first start too."""
    step = lambda *_: qd.run([sys.executable, "-c", "print('installed')"])  # noqa: E731
    qd.Environment(".venv", ["requirements/core.lock"]).ensure([step])

    output = capfd.readouterr()
    assert "" == output.out
    assert "installed" in output.err


def test_what_pip_was_told_reaches_uv(qd: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror, a folder of wheels and a company's certificate are set for pip, and uv reads none of it."""
    monkeypatch.setenv("PIP_FIND_LINKS", "/a /b")
    monkeypatch.setenv("PIP_CERT", "/company.pem")
    monkeypatch.setenv("PIP_INDEX_URL", "mirror")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    environment = qd.installer_environment()

    names = ("UV_FIND_LINKS", "SSL_CERT_FILE", "UV_DEFAULT_INDEX")
    assert ["/a,/b", "/company.pem", "mirror"] == [environment[name] for name in names]


def test_an_old_python_is_told_what_is_needed(
    qd: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first thing a newcomer may see has to name the fix."""
    monkeypatch.setattr(qd, "is_supported", lambda _version: False)
    monkeypatch.setattr(qd, "find_python", lambda _version: None)

    assert 1 == qd.main(["run"])
    assert "needs Python 3.11 or newer" in capsys.readouterr().err


def test_an_old_python_hands_over_to_a_new_one(
    qd: ModuleType, monkeypatch: pytest.MonkeyPatch, became: list[list[str]]
) -> None:
    """Many systems keep an old python3 and have a new one beside it."""
    monkeypatch.setattr(qd, "is_supported", lambda _version: False)
    monkeypatch.setattr(qd, "find_python", {"3.13": None, "3.12": "/there/python3.12"}.get)

    with pytest.raises(Became):
        qd.main(["run", "--x"])

    assert [["/there/python3.12", str(QD), "run", "--x"]] == became


def test_a_python_that_does_not_start_is_passed_over(
    qd: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version managers leave a python3.13 on PATH that only says it is not active."""
    hollow = tmp_path / "python3.13"
    hollow.write_text("#!/bin/sh\nexit 127\n")
    hollow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert qd.find_python("3.13") is None


def test_a_python_without_ensurepip_names_the_package(
    qd: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Debian and Ubuntu keep it apart, and venv's own message is a traceback."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert 1 == qd.main(["version"])
    assert f"apt install python{qd.this_python()}-venv" in capsys.readouterr().err


def test_qd_parses_on_python_3_6() -> None:
    """Only what parses can say that it needs a newer Python."""
    assert ast.parse(QD.read_text("utf-8"), feature_version=(3, 6)).body


def test_qd_imports_little_before_the_stamp_is_compared() -> None:
    """Each start of the program pays for it."""
    code = "import sys; exec(sys.stdin.read(), {'__name__': 'qd', '__file__': 'qd'}); print(*sys.modules)"
    python = [sys.executable, "-I", "-S", "-c", code]
    source = QD.read_text("utf-8")
    loaded = subprocess.run(python, input=source, capture_output=True, text=True, check=True).stdout.split()

    assert set() == {"subprocess", "shutil", "typing", "venv", "threading"} & set(loaded)
