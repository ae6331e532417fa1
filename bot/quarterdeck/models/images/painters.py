"""Hold one open painter for each provider that was used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import Final, assert_never

from quarterdeck.core.errors import ServiceError
from quarterdeck.core.ports import Clock
from quarterdeck.models.images.graph import Graph
from quarterdeck.models.images.order import Painter
from quarterdeck.models.images.ways import ImageWays
from quarterdeck.models.providers.catalog import Provider
from quarterdeck.models.providers.connection import Connection, Timeouts
from quarterdeck.models.providers.connections import Connections
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.runtime.settings import ProviderSettings

TIMEOUTS: Final = Timeouts(
    connect_s=10.0, idle_s=180.0, total_s=180.0
)  # nothing is said until a picture is done

POLL_S: Final = 1.0


class Painters:
    """Connect to providers that draw, each once, when it is first used."""

    def __init__(
        self,
        connections: Connections,
        settings: Mapping[str, ProviderSettings],
        graphs: Mapping[str, Graph],
        clock: Clock,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        self._connections, self._settings, self._graphs = connections, settings, graphs
        self._clock, self._timeouts = clock, timeouts
        self._open: dict[str, tuple[Connection, Painter]] = {}
        self._retired: list[Painter] = []
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._opening = asyncio.Lock()

    async def open(self, provider: Provider) -> Painter:
        """Return the painter; another key or address makes a new one.

        Raises:
            SetupError: key, address or a header's secret is missing.
        """
        ways = provider.row.images
        assert ways is not None  # whoever has none is not asked
        async with self._opening:
            connection = self._connection(provider, ways)
            known = self._open.get(provider.id)
            if known is not None and known[0] == connection:
                return known[1]
            if known is not None:
                self._retired.append(known[1])  # a picture may still be coming over it
            painter = await in_thread(
                _connect, ways, connection, self._graphs, partial(self._clock.sleep, POLL_S)
            )
            self._open[provider.id] = connection, painter
            return painter

    def rotate(self, provider: Provider, error: ServiceError) -> bool:
        """Let the key rest with which a call failed; True where another one may be tried at once."""
        known = self._open.get(provider.id)
        return known is not None and self._connections.rest(provider, known[0].key, error)

    def slot(self, provider: Provider) -> AbstractAsyncContextManager[None]:
        """Wait until one call less than allowed is under way."""
        return self._slots.setdefault(provider.id, asyncio.Semaphore(provider.row.concurrency))

    async def close(self) -> None:
        """Close every connection."""
        for painter in (*self._retired, *(painter for _, painter in self._open.values())):
            await painter.close()
        self._retired.clear()
        self._open.clear()

    def _connection(self, provider: Provider, ways: ImageWays) -> Connection:
        connection = self._connections.connection(provider)
        setting = self._settings.get(provider.id)
        own = setting.image_url if setting is not None else None
        base_url = (own or ways.base_url or connection.base_url).rstrip("/")
        if ways.dialect != "gemini_image":
            return replace(connection, base_url=base_url, timeouts=self._timeouts)
        base_url = base_url.removesuffix("/openai")  # pictures come by the native API only
        return replace(connection, base_url=base_url, key_header="x-goog-api-key", timeouts=self._timeouts)


def _connect(
    ways: ImageWays,
    connection: Connection,
    graphs: Mapping[str, Graph],
    pause: Callable[[], Awaitable[None]],
) -> Painter:
    if ways.dialect == "comfyui":
        from quarterdeck.models.images.comfyui import ComfyUI

        return ComfyUI(connection, graphs, pause=pause)
    from quarterdeck.models.images.wire import Wire

    wire = Wire(connection)
    match ways.dialect:
        case "openai_images":
            from quarterdeck.models.images.openai_images import OpenAIImages

            return OpenAIImages(wire, ways)
        case "chat_images":
            from quarterdeck.models.images.chat_images import ChatImages

            return ChatImages(wire, ways)
        case "gemini_image":
            from quarterdeck.models.images.gemini_image import GeminiImage

            return GeminiImage(wire, ways)
        case "raw_image":
            from quarterdeck.models.images.raw_image import RawImage

            return RawImage(wire, ways)
        case _:
            assert_never(ways.dialect)
