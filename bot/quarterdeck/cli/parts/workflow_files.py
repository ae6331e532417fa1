"""Know what workflow files are checked against: the actions, commands, roles and schedules of this installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from quarterdeck.core.errors import SetupError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quarterdeck.runtime.findings import Finding
    from quarterdeck.runtime.settings import Settings
    from quarterdeck_workflows.language.shelf import Shelf
    from quarterdeck_workflows.language.spec import OnSchedule
    from quarterdeck_workflows.language.validate import Surroundings

AREA = "workflows"


def shelf_of(settings: Settings) -> Shelf:
    """Read all workflow files, ours and the owner's."""
    from quarterdeck_workflows.language.shelf import read_shelf

    return read_shelf(settings.paths().user_dir, settings.workflows.library)


def surroundings(settings: Settings, shelf: Shelf) -> Surroundings:
    """Return what the files of `shelf` are checked against."""
    from quarterdeck.core.roles import Roles
    from quarterdeck_workflows.actions.kit.registry import discover as discover_actions
    from quarterdeck_workflows.language.validate import Surroundings

    return Surroundings(
        actions={action.spec.id: action.spec for action in discover_actions().all()},
        workflows=shelf.workflows,
        roles=Roles(settings.access.roles).names(),
        commands=_commands(settings),
        schedule_fault=_schedule_fault(settings.schedule.default_timezone),
    )


def _commands(settings: Settings) -> frozenset[str]:
    """Return the names of commands; none where a command's file is wrong, which `check` says by itself."""
    from quarterdeck.router.command.catalogue import discover

    try:
        found = discover("quarterdeck.commands", settings.paths().user_dir / "commands")
    except SetupError:
        return frozenset()
    return frozenset(command.name for command in found.all())


def findings(settings: Settings) -> Iterator[Finding]:
    """Say for `check` how the workflow files stand; `workflow validate` shows every problem of each."""
    from quarterdeck.runtime.findings import Finding
    from quarterdeck_workflows.language.validate import Problem, validate

    shelf = shelf_of(settings)
    around = surroundings(settings, shelf)
    found = [problem for file in shelf.files.values() for problem in validate(file, around)]
    files = {str(file) for file in shelf.files.values()}
    found += [Problem(error=error) for error in shelf.problems if error.file not in files]
    for problem in found:
        yield Finding.of(problem.error, area=AREA, level=problem.level)
    if not any(problem.level == "error" for problem in found):
        yield Finding(level="ok", area=AREA, message=_summary(shelf))


def _summary(shelf: Shelf) -> str:
    on = len(shelf.files) - len(shelf.off)
    return f"{on} workflows; {len(shelf.off)} more in the library: `quarterdeck workflow enable NAME`"


def _schedule_fault(timezone: str) -> Callable[[OnSchedule], tuple[str, str]]:
    from datetime import UTC, datetime

    from quarterdeck.schedule.firing.misfire import checked, checked_overlap
    from quarterdeck.schedule.understanding import understand

    def fault(trigger: OnSchedule) -> tuple[str, str]:
        try:
            understand(trigger.moment, trigger.timezone or timezone, datetime.now(UTC))
            if trigger.misfire:
                checked(trigger.misfire)
            if trigger.overlap:
                checked_overlap(trigger.overlap)
        except UsageError as error:
            return error.message, error.hint
        return "", ""

    return fault
