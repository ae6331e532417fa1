"""`quarterdeck model`: see, try and install language models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

COLUMNS = ("id", "state", "model", "reason", "fix")

Shown = Mapping[str, Json]


@click.group("model", cls=VerbGroup)
def verb() -> None:
    """Show, try and install language models.

    \b
    Example:
      quarterdeck model test
    """


@verb.command("list")
@click.option("--all", "shows_all", is_flag=True, help="Also providers that are off.")
@click.pass_obj
def list_(invocation: Invocation, shows_all: bool) -> None:
    """List the models that answer, and the providers with what switches each on.

    \b
    Example:
      quarterdeck model list --all
    """
    found = cast("Shown", call("model.list"))
    providers = cast("list[Shown]", found["providers"])
    shown = [one for one in providers if shows_all or one["state"] == "on"]
    roles = cast("Mapping[str, str | None]", found["roles"])
    lines = [f"{role}: {model}" for role, model in roles.items() if model]
    head = "\n".join(lines) or "No language model is connected."
    rows = table(shown, COLUMNS, empty="No provider is on; --all lists them with what switches each on.")
    invocation.show(found, f"{head}\n\n{rows}")


@verb.command("test")
@click.argument("model", default="", metavar="[PROVIDER/MODEL]")
@click.pass_obj
def test(invocation: Invocation, model: str) -> None:
    """Ask a model for real and print what was measured; the one that answers now unless you name another.

    \b
    Example:
      quarterdeck model test ollama/llama3.2
    """
    tested = cast("Shown", call("model.test", {"model": model}))
    invocation.show(tested, _report(tested))


@verb.command("build")
@click.pass_obj
def build(invocation: Invocation) -> None:
    """Install the built-in small model: compile llama-cpp-python (some minutes), fetch the weights, try it.

    \b
    Example:
      quarterdeck model build
    """
    built = cast("Shown", call("model.build"))
    done = "Built" if built["built"] else "Was installed already"
    invocation.show(built, f"{done}: {built['model']}\n{_report(cast('Shown', built['test']))}")


def _report(tested: Shown) -> str:
    chat, listed, json = (cast("Shown", tested[key]) for key in ("chat", "models", "json"))
    label = f" ({tested['label']})" if tested["label"] else ""
    counts = ("not told" if chat[key] is None else chat[key] for key in ("input_tokens", "output_tokens"))
    tokens = "tokens in: {}; out: {}".format(*counts)
    models = f"{listed['count']} offered" if listed["ok"] else f"no list: {listed['reason']}"
    if listed["ok"] and not listed["has_this_one"]:
        models += ", this one not among them"
    as_json = _outcome(json)
    return "\n".join(
        (
            f"model: {tested['model']}{label}",
            f"answer: {chat['text']}",
            f"first text: {chat['first_ms']} ms; whole: {chat['took_ms']} ms; {chat['tokens_per_s']} tokens/s",
            tokens,
            f"models: {models}",
            f"tools: {_outcome(cast('Shown', tested['tools']))}",
            f"JSON as asked for: {as_json}",
        )
    )


def _outcome(one: Shown) -> str:
    return f"yes, {one['took_ms']} ms" if one["ok"] else f"no: {one['reason']}"
