"""Have a web that answers from a dictionary, and a desk that reads from it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quarterdeck.core.errors import Denied, Rejected, Unavailable
from quarterdeck.core.web import Reached
from quarterdeck.rag.sources.channel import Channel
from quarterdeck.rag.sources.desk import SourceDesk
from quarterdeck.rag.sources.git import Git
from quarterdeck.rag.sources.pages import Feed, Pages, Sitemap
from quarterdeck.store.conversations.channels import StoredDays
from quarterdeck.store.engine import Store
from quarterdeck.testing.clock import FakeClock

SITE = "https://docs.example.com"


@dataclass
class Answered:
    """Be what the web answered."""

    url: str
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class FakeWeb:
    """Answer from `pages`: bytes, or an error; knows entity tags."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Exception] = {}
        self.asked: list[str] = []

    async def request(self, method, url, *, headers=None, **_options) -> Answered:
        self.asked.append(url)
        found = self.pages.get(url)
        if found is None:
            raise Rejected(f"{url} answered 404", service="web", status=404)
        if isinstance(found, Exception):
            raise found
        tag = f'"{hash(found)}"'
        if (headers or {}).get("If-None-Match") == tag:
            return Answered(url, status=304)
        media = "text/plain" if url.endswith(".txt") else "text/html; charset=utf-8"
        return Answered(url, found, headers={"content-type": media, "etag": tag})

    async def reach(self, url: str, *, credential: str = "") -> Reached:
        if re.search(r"//(?:localhost|127\.|10\.)", url):
            raise Denied("localhost is not on the public internet (loopback)")
        raise Unavailable("nobody knows this host", service="web")


class Uploads:
    """Keep files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, content: bytes, collection: str) -> Path:
        self._folder.mkdir(exist_ok=True)
        (self._folder / name).write_bytes(content)
        return self._folder / name


@pytest.fixture
def web() -> FakeWeb:
    """Return an empty web."""
    return FakeWeb()


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that the test moves."""
    return FakeClock()


@pytest.fixture
def desk(
    make: Callable, web: FakeWeb, clock: FakeClock, store: Store, tmp_path: Path
) -> Callable[..., SourceDesk]:
    """Return what makes a desk, with the sources that settings declare."""
    knowledge = make()
    knowledge.ingest._clock = clock
    knowledge.ingest.use(
        {
            "git": Git(tmp_path / "git", web),
            "web": Pages(web, clock),
            "sitemap": Sitemap(web, clock),
            "feed": Feed(web, clock),
            "channel": Channel(StoredDays(store)),
        },
        knowledge.ingest.desk.sight,
    )

    async def fetch(attachment, conversation, limit_bytes):
        return b"# Uploaded\n\nThe large room holds twelve people.\n"

    def build(*declared) -> SourceDesk:
        return SourceDesk(
            knowledge.ingest,
            knowledge.library,
            knowledge.vectors,
            clock,
            declared=declared,
            uploads=Uploads(tmp_path / "uploads"),
            fetch=fetch,
        )

    return build
