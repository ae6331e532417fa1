"""`quarterdeck knowledge`: show and change what the team's documents are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.knowledge_sources import ALL as SOURCE_COMMANDS
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

SIGNALS = ("relevance", "cosine", "words", "heading", "bm25", "twins")
EXCERPT = 300  # characters of a found passage


@click.group("knowledge", cls=VerbGroup)
def verb() -> None:
    """Show and change the team's documents.

    \b
    Example:
      quarterdeck knowledge add docs/
    """


for _command in SOURCE_COMMANDS:
    verb.add_command(_command)


@verb.command("search")
@click.argument("query", nargs=-1, required=True, metavar="QUESTION")
@click.option("--collection", multiple=True, help="Only in this one; may be given several times.")
@click.option("--limit", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option("--explain", is_flag=True, help="Show why each passage was found.")
@click.pass_obj
def search(
    invocation: Invocation, query: tuple[str, ...], collection: tuple[str, ...], limit: int, explain: bool
) -> None:
    """Find passages.

    \b
    Example:
      quarterdeck knowledge search --explain rotate the staging certificate
    """
    asked: dict[str, Json] = {"query": " ".join(query), "limit": limit, "collections": list(collection)}
    found = cast("Mapping[str, Json]", call("knowledge.search", asked))
    passages = cast("Sequence[Mapping[str, Json]]", found["passages"])
    parts = [_passage(n, one, explain) for n, one in enumerate(passages, 1)]
    if not parts:
        parts = [f"Nothing found in {_joined(found['collections']) or 'no collection'}."]
    if explain:
        parts.append(f"best relevance {found['relevance']}, embedded by {found['embedder'] or 'nothing'}")
    if found["notice"]:
        parts.append(str(found["notice"]))
    invocation.show(cast("Json", found), "\n\n".join(parts))


@verb.command("eval")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--collection", multiple=True, help="Only in this one; may be given several times.")
@click.pass_obj
def eval_(invocation: Invocation, file: str, collection: tuple[str, ...]) -> None:
    """Measure how well the questions of a file find their documents.

    Each line is a JSON object: {"question": "…", "documents": ["certificates.md"]}; no documents: not answered.

    \b
    Example:
      quarterdeck knowledge eval questions.jsonl
    """
    asked: dict[str, Json] = {"file": str(Path(file).absolute()), "collections": list(collection)}
    found = cast("Mapping[str, Json]", call("knowledge.eval", asked))
    lines = [f"{name}: {value}" for name, value in found.items() if name != "misses"]
    for miss in cast("Sequence[Mapping[str, Json]]", found["misses"]):
        lines.append(f"missed: {miss['question']} (found {_joined(miss['found']) or 'nothing'})")
    invocation.show(cast("Json", found), "\n".join(lines))


def _passage(n: int, passage: Mapping[str, Json], explain: bool) -> str:
    text = " ".join(str(passage["text"]).split())
    excerpt = text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
    lines = [f"{n}. {passage['document']} › {passage['heading']}", f"   {excerpt}"]
    if explain:
        signals = cast("Mapping[str, Json]", passage["signals"])
        shown = " ".join(f"{name}={signals.get(name, 0)}" for name in SIGNALS)
        lines.append(f"   score={passage['score']} {shown} collection={passage['collection']}")
    return "\n".join(lines)


def _joined(names: Json) -> str:
    return ", ".join(cast("Sequence[str]", names))
