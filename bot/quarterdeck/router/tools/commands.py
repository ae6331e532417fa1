"""Bring our commands as tools: the same declaration, the same checks, the same rights as when they are typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, cast
from zoneinfo import ZoneInfo

from quarterdeck.core.command import Call, Command, Effect, Option
from quarterdeck.core.errors import Denied
from quarterdeck.core.ports import Clock, Commands, Services
from quarterdeck.core.reply import Reply
from quarterdeck.core.tool import ToolResult, ToolUse, Usable
from quarterdeck.router.command.cooldown import Cooldowns
from quarterdeck.router.command.syntax import complete
from quarterdeck.router.command.values import Reading
from quarterdeck.router.delivery.degrade import degrade
from quarterdeck.router.delivery.relay import Show, written
from quarterdeck.router.explain import reply_to

PREFIX: Final = "command."
NOT_FOR_MODELS: Final = frozenset(
    ("approve", "ask", "cancel", "chat", "deny", "echo", "link", "ping", "tools")
)
"""What people do themselves, what is the model's own way (a model that asks a model), and what says nothing new."""
TYPES: Final = {"integer": "integer", "number": "number", "boolean": "boolean"}
WRITTEN: Final = {
    "datetime": "a moment: RFC 3339, or `tomorrow 9:00`",
    "duration": "a duration such as 1h30m",
    "user": "an account, platform:workspace:user, or `me`",
    "channel": "a conversation's id, or `here`",
    "role": "a group, platform:workspace:group",
}


class CommandTools:
    """Offer every command that needs no file."""

    def __init__(
        self,
        commands: Commands,
        services: Callable[[], Services],
        cooldowns: Cooldowns,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._commands, self._services, self._cooldowns = commands, services, cooldowns
        self._clock, self._zone = clock, zone
        self._made: dict[str, tuple[Command, Usable]] = {}

    async def tools(self) -> Sequence[Usable]:
        """Return them."""
        return [self._usable(one) for one in self._commands.all() if _is_usable(one)]

    def _usable(self, command: Command) -> Usable:
        """Return the command's tool; it is asked for with each question, and made anew when the command is another."""
        known = self._made.get(command.name)
        if known is None or known[0] is not command:
            known = self._made[command.name] = command, self._tool(command)
        return known[1]

    def _tool(self, command: Command) -> Usable:
        async def run(use: ToolUse) -> ToolResult:
            return await self._run(command, use)

        def accept(use: ToolUse) -> Mapping[str, object]:
            return self._accepted(command, use)

        return Usable(
            name=f"{PREFIX}{command.name}",
            summary=f"{command.summary}. {command.detail}".strip(),
            schema=schema_of(command),
            run=run,
            accept=accept,
            effect=cast("Effect", "read" if command.effect == "none" else command.effect),
            least_role=command.allow,
            requires=(f"command:{command.name}",),
        )

    def _accepted(self, command: Command, use: ToolUse) -> Mapping[str, object]:
        reading = Reading(
            now=self._clock.now(), zone=self._zone, identity=use.identity, conversation=use.conversation
        )
        given = {name: value for name, value in use.arguments.items() if value is not None}
        return complete(command, given, reading)

    async def _run(self, command: Command, use: ToolUse) -> ToolResult:
        """Run it as if it had been typed; what is for one person alone goes to nobody by way of a model.

        Raises:
            UserError: an option is wrong, it comes too soon, or its answer is for one person alone.
        """
        options = self._accepted(command, use)
        self._cooldowns.start(
            command,
            person_id=use.person.id,
            conversation_id=use.conversation.id,
            event_key=use.key,
        )
        call = Call(
            command=command.name,
            options=options,
            person=use.person,
            identity=use.identity,
            conversation=use.conversation,
            event_id=use.key,
            services=self._services(),
        )
        reply = await written(await command.handler(call), Show(), reply_to)
        if reply.private_to is not None and use.conversation.kind != "direct":
            hint = f"they can type /{command.name} themselves"
            raise Denied(
                f"what /{command.name} answers is for one person alone, and others read here", hint=hint
            )
        return _result(reply, use, is_untrusted=command.effect != "none")


def schema_of(command: Command) -> dict[str, object]:
    """Return the JSON Schema of a command's options. Patterns are checked when it runs, by an engine of linear time."""
    return {
        "type": "object",
        "properties": {option.name: _schema(option) for option in command.options if option.kind != "file"},
        "required": [option.name for option in command.options if option.required],
        "additionalProperties": False,
    }


def _schema(option: Option) -> dict[str, object]:
    words = [option.summary, WRITTEN.get(option.kind, "")]
    if option.pattern:
        words.append(f"of the form {option.pattern}")
    schema: dict[str, object] = {
        "type": TYPES.get(option.kind, "string"),
        "description": "; ".join(filter(None, words)),
    }
    if option.choices:
        schema["enum"] = list(option.choices)
    if option.max_length is not None:
        schema["maxLength"] = option.max_length
    if option.kind in ("integer", "number"):
        bounds = {"minimum": option.minimum, "maximum": option.maximum}
        schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    return schema


def _is_usable(command: Command) -> bool:
    needs_file = any(option.kind == "file" and option.required for option in command.options)
    return command.name not in NOT_FOR_MODELS and not needs_file and "file" not in command.needs


def _result(reply: Reply, use: ToolUse, *, is_untrusted: bool) -> ToolResult:
    bare = replace(reply, private_to=None, files=(), citations=())
    return ToolResult(
        text=degrade(bare, frozenset(), kind=use.conversation.kind).text or "Done.",
        is_error=reply.status in ("error", "denied"),
        is_untrusted=is_untrusted,
        files=reply.files,
        citations=reply.citations,
    )
