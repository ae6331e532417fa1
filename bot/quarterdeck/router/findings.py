"""Say for `check` which commands there are, and how each platform that is on meets their needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quarterdeck.core.command import Command
from quarterdeck.router.command.catalogue import UMBRELLA, discover
from quarterdeck.router.native.parity import LABELS, report, unmet
from quarterdeck.router.native.plan import plan
from quarterdeck.router.policy.findings import findings as policy_findings
from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.platform_facts import PlatformFacts, read_all
from quarterdeck.runtime.settings import Settings

AREA = "commands"


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield what is found, how platforms meet it, what cannot be done, and how the policy stands.

    Raises:
        SetupError: a command of the owner's, or a platform's file, is wrong.
    """
    ours = discover("quarterdeck.commands")
    commands = discover("quarterdeck.commands", settings.paths().user_dir / "commands").all()
    own = [command.name for command in commands if ours.get(command.name) is not command]
    named = f"; yours: {', '.join(f'/{name}' for name in own)}" if own else ""
    yield Finding(level="ok", area=AREA, message=f"{len(commands)} commands{named}")
    yield from policy_findings(settings)
    missing = settings.platforms.missing()
    for name, facts in read_all().items():
        if missing.get(name, "") == "":
            yield from _of_platform(facts, commands)


def _of_platform(facts: PlatformFacts, commands: Sequence[Command]) -> Iterator[Finding]:
    planned = plan(facts, commands)
    if planned.commands:
        below = "; ".join(f"/{one.command} ({one.why})" for one in planned.surplus)
        more = f", below /{UMBRELLA}: {below}" if below else ""
        yield Finding(level="ok", area=AREA, message=f"{facts.id}: {len(planned.native)} native{more}")
    for one in report(commands, {facts.id: facts.abilities}):
        if one.how == "fallback":
            message = f"{facts.id}: {LABELS[one.need].lower()}: {one.instead}"
            yield Finding(level="ok", area=AREA, message=message)
    for command in commands:
        if problem := unmet(command, facts.abilities):
            yield Finding(
                level="error",
                area=AREA,
                message=f"{facts.id}: {problem}",
                fix=f"take the need out of /{command.name}, or switch {facts.id} off",
            )
