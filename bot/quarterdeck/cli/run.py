"""`quarterdeck run`: serve all that is configured until told to stop."""

from __future__ import annotations

import click

from quarterdeck.cli.invocation import Invocation, Verb


@click.command("run", cls=Verb)
@click.pass_obj
def verb(invocation: Invocation) -> None:
    """Serve everything that the settings switch on, until SIGTERM or Ctrl-C.

    \b
    Example:
      OPENAI_API_KEY=sk-… quarterdeck run
    """
    from quarterdeck.cli.host import run

    run(_serve(invocation))


async def _serve(invocation: Invocation) -> None:
    from quarterdeck.cli.host import holding

    async with holding(invocation, "run") as app:
        await app.run()
