"""Be a whole bot in a process that a test kills: `killed_bot.py FOLDER MESSAGES KIND FAULT`.

KIND is `idempotent` or `plain`, how the platform takes our key, with `instant` after it where the command is that.

The platform lies outside the process, in files of FOLDER: it delivers what was not acknowledged, again and again,
and writes down every post that reaches it. The process ends by itself when nothing is left to do.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from quarterdeck.core.adapter import Ability, Accept, Rendered
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Services
from quarterdeck.core.reply import Reply
from quarterdeck.router.addressing import is_command_line
from quarterdeck.router.command.catalogue import Catalogue
from quarterdeck.router.command.cooldown import Cooldowns
from quarterdeck.router.delivery.outbox import Outbox
from quarterdeck.router.forms.forms import Forms
from quarterdeck.router.inbox import Inbox
from quarterdeck.router.intake import Intake
from quarterdeck.router.people.identity import Directory
from quarterdeck.router.policy import Authority
from quarterdeck.router.router import Router
from quarterdeck.runtime import faults
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.store.conversations.forms import StoredForms
from quarterdeck.store.delivery.inbox import StoredInbox
from quarterdeck.store.delivery.outbox import StoredOutbox
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.testing.platform import FakePlatform


class FilePlatform(FakePlatform):
    """Keep posts and acknowledgements in files, so that they outlive the bot."""

    def __init__(self, folder: Path, messages: int, abilities: Sequence[Ability]) -> None:
        super().__init__(abilities=abilities, part_length=7)
        self._posts, self._acknowledged = folder / "posts", folder / "acknowledged"
        self._messages = messages

    async def run(self, accept: Accept) -> None:
        """Deliver, in each of three conversations in order, what was not acknowledged."""
        known = set(_lines(self._acknowledged))
        for number in range(self._messages):
            if str(number) in known:
                continue
            place = self.conversation(f"place{number % 3}")
            await accept(self.posted(f"/echo number {number:04}", event_id=f"Ev{number}", conversation=place))
            _append(self._acknowledged, str(number))

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Take a post."""
        if Ability.IDEMPOTENT not in self.abilities or key not in {
            line.split("|")[0] for line in _lines(self._posts)
        }:
            _append(self._posts, f"{key}|{to.id}|{part.text}")
        return f"post-{key}"


def _append(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def echo(call: Call) -> Reply:
    """Say it again."""
    return Reply(text=call.text("text"))


TEXT = Option(name="text", summary="Anything", kind="text", required=True, positional=True, rest=True)
ECHO = Command(name="echo", summary="Say it again", handler=echo, lane="light", options=(TEXT,))
INSTANT = replace(ECHO, is_instant=True)


class Limits:
    """Be the section `router` of the settings."""

    queue_limit = total_limit = 1_000
    heavy_concurrency = 8


async def main(folder: Path, messages: int, abilities: Sequence[Ability], command: Command) -> None:
    """Run until everything is answered."""
    clock = SystemClock()
    store = await Store.open(folder / "quarterdeck.db")
    platform = FilePlatform(folder, messages, abilities)
    inbox_rows, outbox_rows = StoredInbox(store), StoredOutbox(store, Audit(store, clock, lambda text: text))
    outbox = Outbox(outbox_rows, {"fake": platform}, clock)
    commands = Catalogue([command])
    router = Router(
        rows=inbox_rows,
        outbox=outbox,
        intake=Intake(
            commands=commands,
            forms=Forms(StoredForms(store), commands, clock),
            cooldowns=Cooldowns(clock),
            clock=clock,
            adapter=outbox.adapter,
        ),
        commands=commands,
        people=Directory(StoredPeople(store), owners={Identity(platform="fake", user_id="U1"): ""}),
        authoriser=Authority(),
        services=cast("Services", None),
        clock=clock,
        limits=Limits(),
    )
    inbox = Inbox(inbox_rows, router, clock, is_command=is_command_line)
    await outbox.resume()
    await inbox.resume()
    async with asyncio.TaskGroup() as group:
        outbox.lanes.start(group)
        router.lanes.start(group)
        await platform.run(inbox.accept)
        await router.lanes.drained()
        await outbox.lanes.drained()
    await store.close()


if __name__ == "__main__":
    faults.arm(sys.argv[4], testing=True)
    abilities = [Ability.IDEMPOTENT] if "idempotent" in sys.argv[3] else []
    command = INSTANT if "instant" in sys.argv[3] else ECHO
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), abilities, command))
    os._exit(0)
