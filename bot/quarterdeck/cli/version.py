"""`quarterdeck version`: say which version this is."""

from __future__ import annotations

import platform

import click

from quarterdeck import __version__
from quarterdeck.cli.invocation import Invocation, Verb


@click.command("version", cls=Verb)
@click.pass_obj
def verb(invocation: Invocation) -> None:
    """Print the version.

    \b
    Example:
      quarterdeck version
    """
    invocation.show({"version": __version__, "python": platform.python_version()}, __version__)
