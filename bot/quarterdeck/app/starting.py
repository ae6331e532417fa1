"""Ask what starts workflows, where there are any: a bot without them never loads their language and engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from quarterdeck.app.later import is_open, opened
from quarterdeck.core.command import Command
from quarterdeck.core.event import Event
from quarterdeck.core.reply import Reply
from quarterdeck.core.tool import Usable
from quarterdeck.runtime.network.routes import Route
from quarterdeck_workflows.triggers.address import routes

if TYPE_CHECKING:
    from aiohttp import web

    from quarterdeck.app.parts import Parts

FOLDER: Final = (
    "workflows"  # of the owner's folder; tests hold it to `quarterdeck_workflows.language.shelf.FOLDER`
)
SWITCHED: Final = "library.yaml"  # likewise `quarterdeck_workflows.language.library.FILE`
LOOK_EVERY_S: Final = 2.0


class Starting:
    """Stand before the desk of triggers and the engine."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._looked_at_ms = -LOOK_EVERY_S * 1000

    def has_any(self) -> bool:
        """Tell whether there is a workflow that could start, or a run that began; looks every two seconds at most."""
        parts = self._parts
        if is_open(parts.triggers):
            return True
        now_ms = parts.clock.now_ms()
        if abs(now_ms - self._looked_at_ms) < LOOK_EVERY_S * 1000:
            return False
        self._looked_at_ms = now_ms
        return (
            bool(parts.settings.workflows.library)
            or parts.paths.durable_database.exists()
            or (parts.paths.user_dir / SWITCHED).is_file()
            or any((parts.paths.user_dir / FOLDER).glob("*.y*ml"))
        )

    def more(self) -> Mapping[str, Command]:
        """Return the commands of workflows, by name."""
        return self._parts.triggers.commands.all() if self.has_any() else {}

    def hidden(self, name: str) -> Command | None:
        """Return the command that takes the answer to a run's question, or fires a planned one."""
        if not self.has_any():
            return None
        return self._parts.workflows.question(name) or self._parts.triggers.commands.hidden(name)

    async def heard(self, event: Event) -> Reply | None:
        """Start what an event starts; returns the message of the first run."""
        return await self._parts.triggers.heard(event) if self.has_any() else None

    def routes(self) -> tuple[Route, ...]:
        """Declare where webhooks are called."""
        return routes(self)

    async def is_proven(self, request: web.Request) -> bool:
        """Tell whether the caller of a webhook proves itself as its file asks.

        Raises:
            HTTPNotFound, HTTPMethodNotAllowed, HTTPTooManyRequests: it does not come to that.
        """
        if not self.has_any():
            from aiohttp import web

            raise web.HTTPNotFound
        return await self._parts.triggers.hooks.is_proven(request)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Answer the call of a webhook."""
        return await self._parts.triggers.hooks.receive(request)

    async def tools(self) -> Sequence[Usable]:
        """Return the workflows that models may use."""
        return await self._parts.triggers.tools.tools() if self.has_any() else ()

    async def serve_runs(self) -> None:
        """Take up runs that a stop cut off; where there never was one, wait for the first."""
        if not self._parts.paths.durable_database.exists():
            await opened(self._parts.workflows)
        await self._parts.workflows.serve()

    async def serve(self) -> None:
        """Follow the files, from the first one on."""
        while not self.has_any():
            await self._parts.clock.sleep(LOOK_EVERY_S)
        await self._parts.triggers.serve()
