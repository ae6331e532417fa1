"""Have every platform offer its commands: once it is there, and again when the set of commands changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import cast

from quarterdeck.core.adapter import Ability, Adapter, NativeCommands
from quarterdeck.core.command import Command
from quarterdeck.core.errors import ServiceError
from quarterdeck.core.ports import Clock, Commands
from quarterdeck.router.native.plan import Plan, plan
from quarterdeck.runtime.platform_facts import PlatformFacts

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0

log = logging.getLogger(__name__)


class Offering:
    """Declare commands natively. A platform that fails is asked again, later each time; what it offers stays."""

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        facts: Callable[[str], PlatformFacts],
        commands: Commands,
        clock: Clock,
    ) -> None:
        self._adapters, self._facts, self._commands, self._clock = adapters, facts, commands, clock
        self._changes: dict[str, asyncio.Event] = {}

    def refresh(self) -> None:
        """Offer the set of commands that there is now; nothing is sent where it is the one that is offered."""
        for change in self._changes.values():
            change.set()

    async def serve(self) -> None:
        """Keep every platform's offer in step, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, adapter in self._adapters.items():
                is_told = hasattr(adapter, "declare")  # Slack's commands stand in the manifest of its app
                if is_told and Ability.COMMANDS in adapter.abilities:
                    self._changes[name] = asyncio.Event()
                    group.create_task(self._keep_in_step(adapter), name=f"commands of {name}")

    async def _keep_in_step(self, adapter: Adapter) -> None:
        change, offered = self._changes[adapter.platform], None
        while True:
            change.clear()
            wanted = plan(self._facts(adapter.platform), self._commands.all())
            if wanted.commands != offered:
                offered = await self._declare(adapter, wanted)
            await change.wait()

    async def _declare(self, adapter: Adapter, wanted: Plan) -> tuple[Command, ...] | None:
        """Declare until it is taken, or until there is another set to declare; returns what is offered then."""
        change, pause_s, failures = self._changes[adapter.platform], FIRST_PAUSE_S, 0
        while not change.is_set():
            try:
                await cast("NativeCommands", adapter).declare(wanted.commands)
            except ServiceError as error:
                failures += 1
                if failures == 1:
                    fields = {"platform": adapter.platform, "error": error.message}
                    log.warning("Commands not offered; trying again", extra=fields)
                asked_s = getattr(error, "retry_after_s", None)
                longest_s = pause_s if error.retryable else LONGEST_PAUSE_S
                await self._clock.sleep(longest_s if asked_s is None else asked_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            else:
                fields = {"platform": adapter.platform, "native": str(len(wanted.native))}
                log.info("Commands offered", extra={**fields, "surplus": str(len(wanted.surplus))})
                return wanted.commands
        return None
