"""What the whole checkout promises: no address, no path of a machine, rooms that stay small."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("bot/quarterdeck", "adapters/quarterdeck_adapters", "workflows/quarterdeck_workflows")
FILE_LINES = 400
README_LINES = 60
README_ROOMS = (
    "bot",
    "adapters",
    "workflows",
    "bot/quarterdeck/commands",
    "workflows/quarterdeck_workflows/actions",
    "workflows/quarterdeck_workflows/library",
    "config/providers",
    "config/connectors",
)
# Written in halves, so that this file does not find itself.
MACHINE_PATHS = re.compile(
    r"/(?:root|work|tmp/dev|opt/(?:wheels|pypi))" r"(?=/|\b)[^\s]*|(?<![\w}])/home/(?!\W)\w+"
)
INDEX_HOSTS = re.compile(
    r"(?:py" r"pi\.org|python" r"hosted\.org|registry\.npm" r"js|down" r"load\.py" r"torch)", re.IGNORECASE
)


def tracked_files() -> list[Path]:
    """Return the text files that belong to the checkout, committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [REPOSITORY / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()[:8192]]


def find(pattern: re.Pattern[str]) -> list[str]:
    """Return every place in the checkout where `pattern` matches."""
    return [
        f"{file.relative_to(REPOSITORY)}:{number}: {match.group()}"
        for file in tracked_files()
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1)
        for match in [pattern.search(line)]
        if match
    ]


@pytest.mark.needs("git")
def test_no_file_knows_the_machine_it_was_written_on() -> None:
    """A path of one machine works on that machine only."""
    assert [] == find(MACHINE_PATHS)


@pytest.mark.needs("git")
def test_no_file_names_a_package_index() -> None:
    """Whoever installs chooses where from: a mirror, a folder, the public index."""
    assert [] == find(INDEX_HOSTS)


def locks() -> list[Path]:
    return sorted((REPOSITORY / "requirements").glob("*.lock"))


@pytest.mark.parametrize("lock", locks(), ids=lambda lock: lock.name)
def test_a_lock_holds_versions_and_hashes_and_no_address(lock: Path) -> None:
    """An address would bind every installation to one index; a missing hash would trust it."""
    text = lock.read_text("utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())

    assert "://" not in text
    assert [] == [entry for entry in entries if not re.match(r"[a-z0-9.\-]+(\[[a-z,]+\])?==\S+", entry)]
    assert [] == [entry for entry in entries if "--hash=sha256:" not in entry]


@pytest.mark.parametrize("lock", locks(), ids=lambda lock: lock.name)
def test_no_lock_names_torch_or_cuda(lock: Path) -> None:
    """The ordinary torch for Linux is gigabytes of CUDA."""
    names = re.findall(r"^([a-z0-9.\-]+)==", lock.read_text("utf-8"), re.MULTILINE)

    assert [] == [
        name for name in names if name in ("torch", "triton", "llm") or re.match("nvidia|cuda", name)
    ]


def test_the_locks_agree_with_each_other() -> None:
    """What is tested must be what runs."""
    core, test = (
        set(
            re.findall(
                r"^[a-z].*?==[^\s;]+", (REPOSITORY / "requirements" / name).read_text("utf-8"), re.MULTILINE
            )
        )
        for name in ("core.lock", "test.lock")
    )

    assert set() == core - test


def _normal(name: str) -> str:
    """Return a package's name as locks write it: dots and underscores are hyphens."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_locks_hold_what_pyproject_asks_for() -> None:
    """A dependency that was added without `./qd lock` would be missing after `./qd run`."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {_normal(re.split(r"[\[<>=;! ]", line)[0]) for line in project["dependencies"]}
    locked = set(
        re.findall(r"^([a-z0-9.\-]+)==", (REPOSITORY / "requirements/core.lock").read_text(), re.MULTILINE)
    )

    assert set() == wanted - locked


@pytest.mark.parametrize("room", [room for room in README_ROOMS if any((REPOSITORY / room).glob("*.*"))])
def test_a_folder_that_people_extend_says_how(room: str) -> None:
    """A newcomer reads one screen and adds one file."""
    lines = (REPOSITORY / room / "README.md").read_text("utf-8").splitlines()

    assert 0 < len(lines) <= README_LINES


def python_files() -> list[Path]:
    found = [file for root in (*SOURCES, "tests", "benchmarks") for file in (REPOSITORY / root).rglob("*.py")]
    return [*found, REPOSITORY / "qd"]


def test_no_file_outgrows_one_noun() -> None:
    """Past 400 lines a second noun usually hides."""
    sizes = {
        str(file.relative_to(REPOSITORY)): len(file.read_text("utf-8").splitlines())
        for file in python_files()
    }

    assert {} == {name: lines for name, lines in sizes.items() if lines > FILE_LINES}


def test_every_folder_of_code_is_a_package() -> None:
    """A folder without __init__.py is seen neither by the layer contracts nor by the type checker."""
    folders = {file.parent for root in SOURCES for file in (REPOSITORY / root).rglob("*.py")}

    assert [] == sorted(str(f.relative_to(REPOSITORY)) for f in folders if not (f / "__init__.py").exists())


def test_every_part_of_the_program_has_a_layer() -> None:
    """A part that no contract names may import what it likes."""
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    named = set(re.findall(r"quarterdeck\.(\w+)", " ".join(layers)))
    parts = (REPOSITORY / "bot/quarterdeck").iterdir()
    present = {part.stem for part in parts if (part / "__init__.py").exists() or part.suffix == ".py"}

    assert set() == present - named - {"__init__"}


def test_core_imports_the_standard_library_only() -> None:
    """The vocabulary is what everything may import, so it must bring nothing along."""
    imported = re.compile(r"^\s*(?:from|import) ([a-z_A-Z0-9]+)(\.core)?", re.MULTILINE)
    foreign = {
        f"{file.name}: {name}"
        for file in (REPOSITORY / "bot/quarterdeck/core").rglob("*.py")
        for name, of_core in imported.findall(file.read_text("utf-8"))
        if name not in sys.stdlib_module_names and not (name == "quarterdeck" and of_core)
    }

    assert set() == foreign
