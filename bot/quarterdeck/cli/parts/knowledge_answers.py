"""Search with reasons, measure answers, show what people said to them: parts of the verb `knowledge`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, Verb
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

SIGNALS = ("relevance", "cosine", "words", "heading", "bm25", "recency", "twins", "reranked")
EXCERPT = 300  # characters of a found passage
FAILED = 1
NO_MEASURES = ("misses", "before", "changes", "losses", "is_accepted", "about", "prompt_adopted")


@click.command("search", cls=Verb)
@click.argument("query", nargs=-1, required=True, metavar="QUESTION")
@click.option("--collection", multiple=True, help="Only in this one; may be given several times.")
@click.option("--source", multiple=True, help="Only from this one, by id or location; several times.")
@click.option("--path", default="", help="Only documents whose name begins so; * is anything.")
@click.option("--since", default="", help="Only documents changed since this day, such as 2026-01-31.")
@click.option("--until", default="", help="Only documents changed until then.")
@click.option("--as", "identity", default="", help="Only what this account may read, such as slack:T1:U1.")
@click.option("--limit", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option("--explain", is_flag=True, help="Show why each passage was found: its score, signal by signal.")
@click.pass_obj
def search(
    invocation: Invocation,
    query: tuple[str, ...],
    collection: tuple[str, ...],
    source: tuple[str, ...],
    path: str,
    since: str,
    until: str,
    identity: str,
    limit: int,
    explain: bool,
) -> None:
    """Find passages.

    \b
    Example:
      quarterdeck knowledge search --explain rotate the staging certificate
    """
    asked: dict[str, Json] = {
        "query": " ".join(query),
        "limit": limit,
        "collections": list(collection),
        "sources": list(source),
        "path": path,
        "since": since,
        "until": until,
        "as": identity,
    }
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


@click.command("eval", cls=Verb)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--cases", is_flag=True, help="Ask what people called helpful or put right, too.")
@click.option("--collection", multiple=True, help="Only in this one; may be given several times.")
@click.option(
    "--answers",
    type=click.Choice(("none", "quoted", "written")),
    help="Measure search alone, quoted answers (default), or those that the model writes.",
)
@click.option(
    "--prompt", type=click.Path(exists=True, dir_okay=False), help="Try these instructions; see below."
)
@click.option("--gate", is_flag=True, help="Refuse what lost more than the margin: exit status 1.")
@click.option("--margin", type=click.FloatRange(0, 1), default=0.02, show_default=True)
@click.pass_obj
def eval_(
    invocation: Invocation,
    file: str | None,
    cases: bool,
    collection: tuple[str, ...],
    answers: str | None,
    prompt: str | None,
    gate: bool,
    margin: float,
) -> int:
    """Measure how well the questions of a file are answered, and compare with the last time.

    Each line is a JSON object: {"question": "…", "documents": ["certificates.md"], "facts": ["…"]}; an empty list of
    documents: not answered. With --prompt the instructions of a file take the place of the present ones, unless they
    lose more than the margin.

    \b
    Example:
      quarterdeck knowledge eval questions.jsonl --gate
    """
    asked: dict[str, Json] = {
        "file": str(Path(file).absolute()) if file else "",
        "cases": cases,
        "collections": list(collection),
        "answers": answers or "",
        "prompt": str(Path(prompt).absolute()) if prompt else "",
        "gate": gate,
        "margin": margin,
    }
    found = cast("Mapping[str, Json]", call("knowledge.eval", asked))
    changes = cast("Mapping[str, float]", found["changes"])
    lines = [_measure(name, value, changes) for name, value in found.items() if name not in NO_MEASURES]
    for miss in cast("Sequence[Mapping[str, Json]]", found["misses"]):
        lines.append(f"missed: {miss['question']} (found {_joined(miss['found']) or 'nothing'})")
    if found["losses"]:
        lines.append(f"worse than the last time by more than {margin}: {_joined(found['losses'])}")
    if prompt:
        lines.append(f"The new instructions are {'ours now' if found['prompt_adopted'] else 'refused'}.")
    invocation.show(cast("Json", found), "\n".join(lines))
    return 0 if found["is_accepted"] else FAILED


@click.command("cases", cls=Verb)
@click.pass_obj
def cases_(invocation: Invocation) -> None:
    """Show what people said to answers, as lines of a questions file.

    \b
    Example:
      quarterdeck knowledge cases > questions.jsonl
    """
    found = cast("Mapping[str, Json]", call("knowledge.cases"))
    lines = cast("Sequence[str]", found["lines"])
    invocation.show(cast("Json", found), "\n".join(lines))


def _measure(name: str, value: Json, changes: Mapping[str, float]) -> str:
    change = changes.get(name)
    return f"{name}: {value}" + (f" ({change:+})" if change else "")


def _passage(n: int, passage: Mapping[str, Json], explain: bool) -> str:
    text = " ".join(str(passage["text"]).split())
    excerpt = text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
    lines = [f"{n}. {passage['document']} › {passage['heading']}", f"   {excerpt}"]
    if explain:
        signals = cast("Mapping[str, Json]", passage["signals"])
        shown = " ".join(f"{name}={signals[name]}" for name in SIGNALS if name in signals)
        whose = f"collection={passage['collection']} audience={passage['audience']}"
        lines.append(f"   score={passage['score']} {shown} {whose} {passage['place']}".rstrip())
    return "\n".join(lines)


def _joined(names: Json) -> str:
    return ", ".join(cast("Sequence[str]", names))


ALL = (search, eval_, cases_)
