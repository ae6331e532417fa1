"""Be the program `quarterdeck`: one file a verb, found by its name and imported when it is asked for.

A verb's file holds `verb`, a click command made with the classes of `invocation.py`. Files without one serve
the verbs. Nothing heavy is imported before a verb does its work: `quarterdeck version` answers at once.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import print_error
from quarterdeck.core.errors import QuarterdeckError, UsageError
from quarterdeck.runtime.process.descriptors import occupy_standard_descriptors

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class Program(VerbGroup):
    """Find verbs by the stems of the files beside this one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs, sorted."""
        names = (module.name for module in pkgutil.iter_modules(__path__))
        return sorted(name for name in names if self.get_command(ctx, name) is not None)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the file of this name and return its verb, or None."""
        if cmd_name not in {module.name for module in pkgutil.iter_modules(__path__)}:
            return None
        verb = getattr(importlib.import_module(f"{__name__}.{cmd_name}"), "verb", None)
        return verb if isinstance(verb, click.Command) else None


program = Program(
    "quarterdeck",
    help="""Run a chat-ops bot for teams that live in several chat platforms at once.

    \b
    Examples:
      quarterdeck run
      quarterdeck console
      quarterdeck knowledge add ./handbook
    """,
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and exit: 0 done, 1 failed, 2 wrong usage."""
    occupy_standard_descriptors()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    invocation = Invocation()
    try:
        code = program.main(arguments, prog_name="quarterdeck", standalone_mode=False, obj=invocation)
        status = code if isinstance(code, int) else DONE
    except click.ClickException as error:
        print_error(_as_ours(error), as_json=_wants_json(arguments), clean=invocation.clean)
        status = WRONG_USAGE
    except QuarterdeckError as error:
        print_error(error, as_json=_wants_json(arguments), clean=invocation.clean)
        status = WRONG_USAGE if isinstance(error, UsageError) else FAILED
    except (KeyboardInterrupt, click.Abort):
        status = INTERRUPTED
    except BrokenPipeError:  # whoever read our output has read enough
        sys.stderr.close()
        status = FAILED
    sys.exit(status)


def _wants_json(arguments: Sequence[str]) -> bool:
    return "--json" in arguments


def _as_ours(error: click.ClickException) -> UsageError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "quarterdeck"
    return UsageError(error.format_message(), hint=f"see `{path} --help`")
