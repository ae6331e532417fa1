"""Open real stores on real files."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.bot.store.vaults import vault_of

from quarterdeck.runtime import faults
from quarterdeck.store.engine import Store
from quarterdeck.store.vault.keys import FileKeys
from quarterdeck.store.vault.vault import Vault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the database of this test lies."""
    return tmp_path / "data" / "quarterdeck.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    """Open a fresh store."""
    store = await Store.open(path)
    yield store
    await store.close()


@pytest.fixture
def armed():
    """Arm a fault for this test only."""
    yield lambda text: faults.arm(text, testing=True)
    faults.arm("", testing=True)


Together = Callable[..., Awaitable[list[object]]]


@pytest.fixture
def together(store: Store) -> Together:
    """Write jobs in one group, whatever the timing: the writer is held up until all of them are queued."""

    async def write(*jobs, point: str = "facts.changed"):
        started, go = threading.Event(), threading.Event()

        def hold(_connection):
            started.set()
            go.wait(30)

        held = asyncio.create_task(store.write(point, hold))
        while not started.is_set():
            await asyncio.sleep(0)
        tasks = [asyncio.create_task(store.write(point, job)) for job in jobs]
        while store.waiting < len(jobs):
            await asyncio.sleep(0)
        go.set()
        await held
        return await asyncio.gather(*tasks, return_exceptions=True)

    return write


@pytest.fixture
def key_file(path: Path) -> FileKeys:
    """Keep the keys of this test in a file."""
    return FileKeys(path.parent / "vault.key")


@pytest.fixture
def vault(store: Store, key_file: FileKeys) -> Vault:
    """Return a vault over the fresh store."""
    return vault_of(store, key_file)
