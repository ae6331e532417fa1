"""Open a real library over a real handbook; the worker processes are real too."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from quarterdeck.core.message import Conversation
from quarterdeck.core.model import Connected, Delta
from quarterdeck.core.person import Person
from quarterdeck.rag.ingesting.ingest import Ingest, Report
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.settings import Settings
from quarterdeck.store.engine import Store
from quarterdeck.store.knowledge.library import KnowledgeLibrary

HANDBOOK = {
    "certificates.md": """# Certificates

All certificates are issued by the internal authority and live for ninety days.

## Rotating the staging certificate

The staging certificate is rotated by hand, two weeks before it ends.

1. Log in to the bastion host.
2. Run `certctl rotate --env staging`.
3. Restart the ingress pods and watch the dashboard for five minutes.

## Rotating the production certificate

Production is rotated by the pipeline every sixty days. Nobody does it by hand.
""",
    "incidents.md": """# Incidents

## Who is on call

The on-call engineer changes every Monday at ten. The rota stands in the calendar "Pager".

## After an incident

Write the review within five working days. Blame nobody; name causes, actions and owners.
""",
    "backup/restore.md": """# Backups

## Restoring the customer database

Restores take about forty minutes. Ask in #data before you begin.

```bash
pgrestore --from s3://backups/customers --into staging --jobs 4
```

## Schedule

Full backups run every night at 02:30, incremental ones every hour.
""",
    "vacation.txt": "Holidays\n\nEverybody has thirty days of holidays a year. Tell your team lead four weeks ahead.\n",
    "office.html": "<html><head><title>Office guide</title><style>p{}</style></head><body><nav>Home</nav>"
    "<h1>Office guide</h1><h2>Meeting rooms</h2><p>Rooms are booked in the <b>calendar</b>; "
    "the large room holds twelve people.</p></body></html>",
    "deploy.md": """# Deployments

## Deploying the payments service

Merge to main, then approve the pipeline's last step. A deployment of payments takes eight minutes.

## Rolling back

Run `deployctl rollback payments` and tell #payments. The previous three versions are kept.
""",
}
PERSON = Person(id="p1", name="Ada", role="viewer")
CONVERSATION = Conversation(id="console:1", platform="console")


async def silent(_sentence: str) -> None:
    """Be a progress that nobody reads."""


class NoModels:
    """Have no model connected."""

    async def connected(self, role: str = "chat") -> Connected | None:
        return None


class ScriptedModels:
    """Answer with pieces that the test gives, or raise what it gives; remember what was asked."""

    def __init__(self, *pieces: str | Exception, is_capable: bool = True, label: str = "") -> None:
        self.pieces, self.is_capable, self.label = pieces, is_capable, label
        self.asked: list[str] = []

    async def connected(self, role: str = "chat") -> Connected | None:
        return Connected(provider="scripted", model="one", is_capable=self.is_capable, label=self.label)

    async def complete(self, messages, **_settings):
        self.asked = [message.text for message in messages]
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield Delta(text=piece)
        yield Delta(finish="stop")


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    """Write the handbook to a folder of its own."""
    folder = tmp_path / "handbook"
    for name, text in HANDBOOK.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return the data folder of this test."""
    return tmp_path / "data"


@pytest.fixture
async def store(data: Path) -> AsyncIterator[Store]:
    """Open a fresh store."""
    store = await Store.open(data / "quarterdeck.db")
    yield store
    await store.close()


@pytest.fixture
def library(store: Store) -> KnowledgeLibrary:
    """Return the library of the fresh store."""
    return KnowledgeLibrary(store)


@pytest.fixture
async def make(library: KnowledgeLibrary, data: Path) -> AsyncIterator[Callable[..., TeamKnowledge]]:
    """Return the function that makes a knowledge with models and settings of the test's choice."""
    made: list[TeamKnowledge] = []

    def build(models=None, **knowledge) -> TeamKnowledge:
        settings = Settings(data_dir=data, knowledge=knowledge)
        made.append(TeamKnowledge(library, models or NoModels(), SystemClock(), settings))
        return made[-1]

    yield build
    for one in made:
        await one.close()


@pytest.fixture
async def knowledge(make: Callable[..., TeamKnowledge], handbook: Path) -> TeamKnowledge:
    """Return a knowledge that has read the handbook, with its index open."""
    knowledge = make()
    await knowledge.ingest.add([str(handbook)], "documents", silent)
    assert await knowledge.vectors.opened()
    return knowledge


async def added(ingest: Ingest, *paths: Path, collection: str = "documents") -> Report:
    """Add paths and return the report."""
    return await ingest.add([str(path) for path in paths], collection, silent)
