"""Give sources their ids, see which kind a location is, and which of them overlap."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from quarterdeck.core.errors import UsageError
from quarterdeck.core.knowledge import PUBLIC
from quarterdeck.core.sourcing import KnowledgeSource, SourceKind

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

NAME_LIMIT = 100
FORGES = frozenset({"github.com", "gitlab.com", "codeberg.org", "bitbucket.org"})

_SITEMAP = re.compile(r"/sitemap[^/]*\.(?:xml|xml\.gz|txt)$|/sitemap/?$", re.IGNORECASE)
_FEED = re.compile(r"/(?:feed|rss|atom)(?:\.xml)?/?$|\.(?:rss|atom)$", re.IGNORECASE)


def source_id(kind: SourceKind, location: str, collection: str) -> str:
    """Return the id of a source: the same source added again has the same."""
    key = "\0".join((collection, kind, location))
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:20]


def new_source(
    kind: SourceKind,
    location: str,
    collection: str,
    *,
    audience: str = PUBLIC,
    every_s: int = 0,
    options: Mapping[str, Json] | None = None,
    origin: str = "command",
    owner: str = "",
    now_ms: int,
) -> KnowledgeSource:
    """Return a source that was not read yet."""
    return KnowledgeSource(
        id=source_id(kind, location, collection),
        collection=collection,
        kind=kind,
        location=location,
        audience=audience,
        every_s=every_s,
        options=dict(options or {}),
        origin="settings" if origin == "settings" else "command",
        owner=owner,
        created_at_ms=now_ms,
    )


def kind_of(location: str) -> SourceKind:
    """Return what a location looks like.

    Raises:
        UsageError: it is none that can be reached.
    """
    if re.match(r"(?:ssh|git)://|[\w.-]+@[\w.-]+:", location):
        raise UsageError(
            "a git repository is fetched over https",
            hint="write https://host/owner/repository.git, or the path of a local copy",
        )
    if not re.match(r"https?://", location, re.IGNORECASE):
        return "path"
    parts = urlsplit(location)
    path = parts.path
    if path.endswith(".git") or (parts.hostname in FORGES and len(path.strip("/").split("/")) == 2):
        return "git"
    if _SITEMAP.search(path):
        return "sitemap"
    return "feed" if _FEED.search(path) else "web"


def check_collection(name: str) -> str:
    """Return a collection's name.

    Raises:
        UsageError: it cannot name one.
    """
    if not name or len(name) > NAME_LIMIT or not name.isprintable() or name != name.strip():
        raise UsageError(f"{name!r} cannot name a collection", hint="write a short name, such as handbook")
    return name


def overlapping(
    source: KnowledgeSource, others: Sequence[KnowledgeSource]
) -> tuple[KnowledgeSource | None, list[KnowledgeSource]]:
    """Return the source that holds this one, and those that this one holds; of paths for one audience only."""
    if source.kind != "path":
        return None, []
    alike = [
        one
        for one in others
        if one.kind == "path"
        and one.id != source.id
        and (one.collection, one.audience) == (source.collection, source.audience)
    ]
    outer = next((one for one in alike if source.location.startswith(f"{one.location.rstrip('/')}/")), None)
    inner = [one for one in alike if one.location.startswith(f"{source.location.rstrip('/')}/")]
    return outer, [one for one in inner if one.origin == source.origin or one.origin == "command"]
