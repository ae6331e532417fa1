"""Wire the real desk of tools into the real router, with a model and tools that a test controls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from tests.bot.router.conftest import OWNER, Bot, MakeBot

from quarterdeck.commands.approve import COMMAND as APPROVE
from quarterdeck.commands.chat import COMMAND as CHAT
from quarterdeck.commands.deny import COMMAND as DENY
from quarterdeck.commands.remember import COMMAND as REMEMBER
from quarterdeck.commands.tools import COMMAND as TOOLS
from quarterdeck.commands.why import COMMAND as WHY
from quarterdeck.core.command import Effect
from quarterdeck.core.message import Conversation
from quarterdeck.core.model import Connected, Delta, ModelMessage, ToolCall
from quarterdeck.core.ports import Services
from quarterdeck.core.tool import Talk, ToolResult, ToolUse, Usable
from quarterdeck.memory.conversation import ConversationMemory
from quarterdeck.router.command.cooldown import Cooldowns
from quarterdeck.router.policy.reading import read_policy
from quarterdeck.router.tools.commands import CommandTools
from quarterdeck.router.tools.desk import ToolDesk
from quarterdeck.router.tools.paused import PausedAnswers
from quarterdeck.router.tools.rights import ToolRights
from quarterdeck.router.tools.using import ToolUsing
from quarterdeck.store.conversations.notes import StoredNotes
from quarterdeck.store.work.paused import StoredPaused
from quarterdeck.testing.traitor import TRAITOR, Traitor

FREELY = """
rules:
  - name: tools may do anything by themselves
    allow: tool:*
    role: operator
"""
OBJECT = {"type": "object", "properties": {}}
HERE = Conversation(id="fake:general", platform="fake")


class Shed:
    """Be a source of tools that count what they really did."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Mapping[str, object]]] = []
        self.usables: dict[str, Usable] = {}

    async def tools(self) -> Sequence[Usable]:
        """Return them."""
        return list(self.usables.values())

    def add(
        self,
        name: str,
        effect: Effect = "read",
        result: ToolResult | Callable[[ToolUse], Any] | None = None,
        **more: Any,
    ) -> None:
        """Add a tool that says `result`, or what it makes of its use."""
        said = result or ToolResult(text="It is done.")

        async def run(use: ToolUse) -> ToolResult:
            self.done.append((name, dict(use.arguments)))
            if isinstance(said, ToolResult):
                return said
            return cast("ToolResult", await said(use))

        more = {"least_role": "operator", "schema": OBJECT, "summary": f"Do {name}", **more}
        self.usables[name] = Usable(name=name, run=run, effect=effect, **more)

    def effects(self) -> list[str]:
        """Name what was done that changes something or reaches outside."""
        used = [self.usables[name] for name, _ in self.done]
        return [one.name for one in used if one.effect not in ("none", "read") or one.is_outward]


@dataclass
class Script:
    """Implement `Models`: one answer a round, the last again and again. An answer is a text, tool names, or deltas."""

    rounds: Sequence[Any] = ()
    told: list[list[ModelMessage]] = field(default_factory=list)
    wanted: list[Any] = field(default_factory=list)

    async def connected(self, role: str = "chat") -> Connected | None:
        """Be the model."""
        return TRAITOR

    async def complete(self, messages: Sequence[ModelMessage], **settings: Any) -> AsyncIterator[Delta]:
        """Answer."""
        self.told.append(list(messages))
        self.wanted.append(settings["wanted"])
        said = self.rounds[min(len(self.told), len(self.rounds)) - 1]
        if isinstance(said, Exception):
            raise said
        if isinstance(said, str):
            said = [Delta(text=said), Delta(finish="stop", answered_by=TRAITOR)]
        elif isinstance(said[0], str | tuple):
            said = [calls(*said)]
        for delta in said:
            if isinstance(delta, Exception):
                raise delta
            yield delta


def calls(*names: Any, finish: Any = "tool_calls") -> Delta:
    """Return the end of an answer that asks for tools: names, or (name, JSON)."""
    pairs = [one if isinstance(one, tuple) else (one, "{}") for one in names]
    return Delta(
        finish=finish,
        answered_by=TRAITOR,
        tool_calls=tuple(
            ToolCall(id=f"c{n}", name=name, arguments=text) for n, (name, text) in enumerate(pairs)
        ),
    )


class NoChoices:
    """Leave it to the settings."""

    async def chosen(self, conversation_id: str) -> None:
        """Have none."""


class Parlour:
    """Hold a bot that talks, and its tools."""

    def __init__(self, bot: Bot, models: Any) -> None:
        self.bot, self.models, self.shed = bot, models, Shed()
        services: Any = bot
        rights = ToolRights(bot.authoriser, bot.audit)
        commands = CommandTools(
            bot.commands, lambda: cast("Services", bot), Cooldowns(bot.clock), bot.clock, ZoneInfo("UTC")
        )
        self.desk = services.tools = ToolDesk(
            sources=[self.shed, commands],
            models=models,
            rights=rights,
            using=ToolUsing(rights, bot.approvals, bot.audit, bot.clock),
            approvals=bot.approvals,
            paused=PausedAnswers(StoredPaused(bot.store), bot.clock),
        )
        services.models, services.choices = models, NoChoices()
        services.memories = ConversationMemory(StoredNotes(bot.store), bot.clock)

    async def policy(self, text: str, folder: Path) -> None:
        """Let these rules hold."""
        file = folder / "policy.yaml"
        file.write_text(text)
        self.bot.authoriser.policy = read_policy(file)

    async def talk(self, event: str = "fake::e0") -> Talk:
        """Return who asks: the owner, here."""
        person = await self.bot.people.person_of(OWNER)
        return Talk(person=person, identity=OWNER, conversation=HERE, event=event)

    async def answer(self, *turns: ModelMessage, event: str = "fake::e0") -> list[Any]:
        """Return all that an answer streams."""
        talk = await self.talk(event)
        items = self.desk.answer(talk, turns, TRAITOR, max_output_tokens=100)
        return [item async for item in items]

    async def records(self, kind: str) -> list[dict[str, Any]]:
        """Return the details of the audit rows of a kind."""
        rows = cast("list[dict[str, Any]]", await self.bot.audit.rows())
        return [row["detail"] for row in rows if row["kind"] == kind]


MakeParlour = Callable[..., Parlour]


@pytest.fixture
def make_parlour(make_bot: MakeBot) -> MakeParlour:
    """Return the function that wires a bot that talks; without a model it is a traitor."""

    def make(models: Any = None, **options: Any) -> Parlour:
        commands = [CHAT, APPROVE, DENY, TOOLS, WHY, REMEMBER, *options.pop("commands", ())]
        return Parlour(make_bot(commands, **options), models or Traitor())

    return make
