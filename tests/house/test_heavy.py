"""`requirements/heavy.py`: what may be missing is named, and never turns into something else."""

import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType

import pytest

HEAVY = Path(__file__).resolve().parents[2] / "requirements" / "heavy.py"


@pytest.fixture
def heavy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the file on what looks like the Python and the system of the torch tests."""
    module = ModuleType("heavy_under_test")
    module.__file__ = str(HEAVY)
    importlib.machinery.SourceFileLoader("heavy_under_test", str(HEAVY)).exec_module(module)
    monkeypatch.setattr(module, "TORCH_PYTHON", sys.version_info[:2])
    monkeypatch.setattr(module.sys, "platform", "linux")
    return module


@pytest.fixture
def installs(heavy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Return what would have been installed; every attempt fails."""
    asked: list[tuple[str, ...]] = []

    def install(*arguments: str) -> bool:
        asked.append(arguments)
        return False

    monkeypatch.setattr(heavy, "install", install)
    return asked


def test_torch_is_never_the_cuda_build(heavy: ModuleType, installs: list[tuple[str, ...]]) -> None:
    """Its ordinary build for Linux is gigabytes of CUDA; "+cpu" cannot match that."""
    heavy.main(["torch"])

    assert 2 == len(installs)
    assert all("torch==2.13.0+cpu" in asked and "--no-deps" in asked for asked in installs)


@pytest.mark.parametrize(("required", "status"), [("", 0), ("all", 1)])
def test_a_part_that_cannot_be_had_fails_only_where_all_is_asked_for(
    heavy: ModuleType,
    installs: list[tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    required: str,
    status: int,
) -> None:
    """A newcomer goes on without it; the gate does not."""
    monkeypatch.setenv("QUARTERDECK_TEST_REQUIRE", required)
    monkeypatch.setattr(heavy, "find_compiler", lambda: None)

    assert [status, status] == [heavy.main(["torch"]), heavy.main(["llama"])]
    assert "apt install build-essential" in capsys.readouterr().err


def test_the_built_in_model_is_compiled_for_any_processor(
    heavy: ModuleType, installs: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The native build crashes on some machines, and every part is held to its hash."""
    monkeypatch.setattr(heavy, "find_compiler", lambda: "/usr/bin/c++")
    monkeypatch.setenv("CMAKE_ARGS", "")
    heavy.main(["llama"])

    assert "-DGGML_NATIVE=OFF" == heavy.os.environ["CMAKE_ARGS"]
    assert all("--require-hashes" in asked for asked in installs)
