"""Tell the program's own verbs what there is: commands, platforms, how the bot does."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.core.command import Command
from quarterdeck.core.ports import Commands, Json, Operation, Progress
from quarterdeck.router.health import BotHealth
from quarterdeck.router.native.plan import plan
from quarterdeck.runtime.platform_facts import read
from quarterdeck.runtime.platforms import names


def operations(commands: Commands, health: BotHealth) -> list[Operation]:
    """Return `commands.list`, `platform.list` and `status`."""

    async def list_commands(parameters: Mapping[str, Json], progress: Progress) -> Json:
        return [_command(command) for command in commands.all()]

    async def list_platforms(parameters: Mapping[str, Json], progress: Progress) -> Json:
        states = health.platform_states()
        return [
            {"platform": name, "state": state, "reason": "", **_offered(name, commands)}
            for name, state in states.items()
        ]

    async def status(parameters: Mapping[str, Json], progress: Progress) -> Json:
        return dict(await health.facts())

    return [
        Operation(name="commands.list", handler=list_commands),
        Operation(name="platform.list", handler=list_platforms),
        Operation(name="status", handler=status),
    ]


def _offered(platform: str, commands: Commands) -> dict[str, Json]:
    """Say which commands a platform offers in its own way, and which are reached below the umbrella."""
    if platform not in names():
        return {"native": [], "below_qd": []}
    planned = plan(read(platform), commands.all())
    return {"native": list(planned.native), "below_qd": [one.command for one in planned.surplus]}


def _command(command: Command) -> Json:
    options: list[Json] = [
        {"name": one.name, "kind": one.kind, "summary": one.summary, "choices": list(one.choices)}
        for one in command.options
    ]
    return {"name": command.name, "summary": command.summary, "options": options}
