"""Hold what every verb has in common: `--config`, `--json`, `--testing`, settings read when first needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quarterdeck.cli.output import print_json, print_progress
from quarterdeck.core.ports import Json
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from quarterdeck.runtime.observability.redaction import Redactor
    from quarterdeck.runtime.settings import Loaded


@dataclass
class Invocation:
    """Stand for one call of the program; verbs get it through `@click.pass_obj`."""

    config: Path | None = None
    as_json: bool = False
    is_testing: bool = False

    @cached_property
    def redactor(self) -> Redactor:
        """Know the secrets of this process; shared with the app that this process may build."""
        from quarterdeck.runtime.observability.redaction import Redactor

        return Redactor()

    @cached_property
    def loaded(self) -> Loaded:
        """Read the settings, and arm the fault that a test asks for.

        Raises:
            SetupError: a file or a value is wrong.
        """
        from quarterdeck.runtime import faults
        from quarterdeck.runtime.settings import read_settings

        loaded = read_settings(self.config)
        faults.arm(loaded.environ.get("QUARTERDECK_FAULT", ""), testing=self.is_testing)
        return loaded

    def clean(self, text: str) -> str:
        """Return `text` without secrets; costs nothing when none was ever read."""
        return self.redactor.clean(text) if "redactor" in self.__dict__ else text

    def show(self, result: Json, text: str) -> None:
        """Print the result of a verb: one JSON document with `--json`, `text` otherwise."""
        if self.as_json:
            print_json(result, clean=self.clean)
        else:
            click.echo(self.clean(text))

    async def progress(self, sentence: str) -> None:
        """Tell a person at the terminal how far it is; quiet in a pipe."""
        print_progress(self.clean(sentence))


def current() -> Invocation:
    """Return the invocation of the verb that runs."""
    return click.get_current_context().ensure_object(Invocation)


def _note(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    invocation = context.ensure_object(Invocation)
    if value and parameter.name is not None:
        setattr(invocation, parameter.name, value)


def _common_options() -> list[click.Parameter]:
    """Make the options that stand before or after any verb."""
    return [
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            expose_value=False,
            callback=_note,
            help="Read this settings file instead of ./quarterdeck.yaml.",
        ),
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            expose_value=False,
            callback=_note,
            help="Print one JSON document; on failure one on standard error.",
        ),
        click.Option(
            ["--testing", "is_testing"],
            is_flag=True,
            expose_value=False,
            callback=_note,
            hidden=True,
            help="Allow fault points.",
        ),
    ]


class Verb(click.Command):
    """Add the common options to a command. Its docstring ends with an example after `\\b`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("context_settings", {}).setdefault("help_option_names", ["-h", "--help"])
        super().__init__(*arguments, **options)
        self.params.extend(_common_options())


class VerbGroup(click.Group):
    """Add the common options to a group, and name the nearest subcommand on a typo."""

    command_class = Verb

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("context_settings", {}).setdefault("help_option_names", ["-h", "--help"])
        super().__init__(*arguments, **options)
        self.params.extend(_common_options())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand, or say which one may have been meant."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            guess = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"No such command {args[0]!r}{f': {guess}' if guess else '.'}", ctx)
        return super().resolve_command(ctx, args)


VerbGroup.group_class = VerbGroup
