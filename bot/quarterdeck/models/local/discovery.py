"""Find model servers that listen on this machine, at their well-known ports.

Asks every address at once and briefly: a port where nothing listens refuses within a millisecond. No key is
sent, and nothing is asked of a server beyond its list of models.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from quarterdeck.core.errors import ServiceError, Unavailable
from quarterdeck.core.value import dataclass
from quarterdeck.models.providers.catalog import Provider

PROBE_TIMEOUT_S: Final = 1.0
LIMIT_BYTES: Final = 1024 * 1024
NO_CHAT: Final = ("embed", "rerank", "bge-", "minilm", "whisper")  # in the names of models that do not chat


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Say that a server listens, and which model it would answer with; empty when it has none."""

    provider: Provider
    model: str


async def find_servers(providers: Iterable[Provider]) -> list[Found]:
    """Return the servers that answer as a model server does, in the order of `providers`."""
    local = [one for one in providers if (one.row.base_url or "").startswith("http://")]
    results = await asyncio.gather(*(_probe(provider) for provider in local))
    return [found for found in results if found is not None]


async def _probe(provider: Provider) -> Found | None:
    base_url = (provider.row.base_url or "").rstrip("/")
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            listed = _ids(await _get_json(f"{base_url}/models"))
            if listed is None:
                return None
            loaded = await _loaded(provider, base_url)
    except (OSError, TimeoutError, ServiceError):
        return None
    usable = [model for model in (*loaded, *listed) if not any(part in model.lower() for part in NO_CHAT)]
    return Found(provider=provider, model=next(iter(usable), ""))


async def _loaded(provider: Provider, base_url: str) -> list[str]:
    """Return the models that the server holds in memory, where it can say so."""
    path = provider.row.local.loaded if provider.row.local else ""  # beside the API, not below it
    if not path:
        return []
    parts = urlsplit(base_url)
    try:
        return _ids(await _get_json(f"{parts.scheme}://{parts.netloc}{path}")) or []
    except ServiceError:
        return []


def _ids(answer: object) -> list[str] | None:
    """Read a list of models in any of its usual shapes; None when this is none."""
    if not isinstance(answer, Mapping):
        return None
    items = answer.get("data", answer.get("models"))
    if not isinstance(items, list):
        return None
    ids: list[str] = []
    for item in items:
        if not isinstance(item, Mapping) or item.get("state", "loaded") != "loaded":
            continue
        id_ = item.get("id") or item.get("model") or item.get("name")
        if isinstance(id_, str) and "embed" not in str(item.get("type", "")):
            ids.append(id_)
    return ids


async def _get_json(url: str) -> object:
    """Fetch a small JSON document over plain HTTP/1.0, which needs no client library.

    Raises:
        OSError: nothing listens there.
        Unavailable: what came is no such document.
    """
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, limit=LIMIT_BYTES)
    try:
        head = f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read(LIMIT_BYTES)
        while piece := await reader.read(LIMIT_BYTES - len(answer)):
            answer += piece
    finally:
        writer.close()
    top, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in top.partition(b"\r\n")[0] + b" ":
        raise Unavailable("no list of models", service=parts.netloc)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unavailable("no JSON", service=parts.netloc) from error
