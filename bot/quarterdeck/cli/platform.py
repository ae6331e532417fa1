"""`quarterdeck platform`: show chat platforms, what each can do, and how to set it up over there."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.errors import NotFound
from quarterdeck.core.ports import Json
from quarterdeck.core.text import did_you_mean

COLUMNS = ("platform", "state", "commands", "reason")


@click.group("platform", cls=VerbGroup)
def verb() -> None:
    """Show chat platforms.

    \b
    Example:
      quarterdeck platform list
    """


@verb.command("list")
@click.option("--parity", is_flag=True, help="Show what each can do natively, and what is done instead.")
@click.pass_obj
def list_(invocation: Invocation, parity: bool) -> None:
    """List the platforms there are, with their state and how many commands each offers.

    \b
    Example:
      quarterdeck platform list --parity
    """
    if parity:
        _show_parity(invocation)
        return
    found = cast("list[Mapping[str, Json]]", call("platform.list"))
    rows = [{**one, "commands": _counted(one)} for one in found]
    invocation.show(found, table(rows, COLUMNS, empty="No platforms."))


@verb.command("manifest")
@click.argument("platform", required=False)
@click.pass_obj
def manifest(invocation: Invocation, platform: str | None) -> None:
    """Print what a platform must be told: Slack's app manifest, Discord's invite link, BotFather's command list.

    It fits the commands that there are now. Without a name, all three.

    \b
    Example:
      quarterdeck platform manifest slack
    """
    written = {name: _manifest(invocation, name) for name in _asked_for(platform)}
    text = "\n".join(f"# {name}\n\n{one}" for name, one in written.items())
    invocation.show(cast("Json", written), written[platform] if platform else text)


def _counted(one: Mapping[str, Json]) -> str:
    native, below = (cast("list[str]", one.get(key) or []) for key in ("native", "below_qd"))
    if not native and not below:
        return "typed"
    return f"{len(native)} native" + (f", {len(below)} below /qd" if below else "")


def _show_parity(invocation: Invocation) -> None:
    from quarterdeck.router.native.parity import LABELS, notes, parity, table
    from quarterdeck.runtime.platform_facts import read_all

    facts = read_all()
    abilities = {name: one.abilities for name, one in facts.items()}
    found: list[Json] = [
        {"platform": one.platform, "need": one.need, "how": one.how, "instead": one.instead}
        for name, has in abilities.items()
        for one in (parity(name, need, has) for need in LABELS)
    ]
    names = {name: one.name for name, one in facts.items()}
    particular = notes({name: one.fallbacks for name, one in facts.items()}, names)
    invocation.show(found, f"{table(abilities, names)}\n\n{particular}")


def _asked_for(platform: str | None) -> list[str]:
    """Return the platforms whose folder has a manifest, or the one that was named.

    Raises:
        NotFound: there is none of this name.
    """
    from quarterdeck.runtime.platforms import PACKAGE, names

    known = [name for name in names() if importlib.util.find_spec(f"{PACKAGE}.{name}.manifest")]
    if platform is None:
        return known
    if platform not in known:
        hint = did_you_mean(platform, known) or f"write one of {', '.join(known)}"
        raise NotFound(f"there is no manifest for {platform[:60]!r}", hint=hint)
    return [platform]


def _manifest(invocation: Invocation, platform: str) -> str:
    """Have the platform's own folder write it, from the commands as the platform takes them."""
    from quarterdeck.cli.parts.workflow_files import shelf_of
    from quarterdeck.router.command.catalogue import check, discover
    from quarterdeck.router.native.plan import plan
    from quarterdeck.runtime.platform_facts import read
    from quarterdeck.runtime.platforms import PACKAGE
    from quarterdeck_workflows.triggers.commands import commands_of, unstarted

    settings = invocation.loaded.settings
    found = discover("quarterdeck.commands", settings.paths().user_dir / "commands")
    ours = {command.name: command for command in found.all()}
    workflows = shelf_of(settings).offered()
    of_workflows = {command.name: command for command in commands_of(workflows, unstarted, check)}
    commands = [*(of_workflows | ours).values()]
    write = importlib.import_module(f"{PACKAGE}.{platform}.manifest").manifest
    text: str = write(
        plan(read(platform), commands).commands,
        settings.platforms.of(platform),
        asks_emails=bool(settings.access.emails.domains),
    )
    return text
