"""`quarterdeck knowledge`: show and change what the team's documents are."""

from __future__ import annotations

import click

from quarterdeck.cli.invocation import VerbGroup
from quarterdeck.cli.parts.knowledge_answers import ALL as ANSWER_COMMANDS
from quarterdeck.cli.parts.knowledge_sources import ALL as SOURCE_COMMANDS


@click.group("knowledge", cls=VerbGroup)
def verb() -> None:
    """Show and change the team's documents.

    \b
    Example:
      quarterdeck knowledge add docs/
    """


for _command in (*SOURCE_COMMANDS, *ANSWER_COMMANDS):
    verb.add_command(_command)
