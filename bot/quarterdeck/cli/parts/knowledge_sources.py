"""Add, list, read, share, remove and export sources: parts of the verb `knowledge`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, Verb
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

COLUMNS = ("collection", "documents", "chunks", "failed", "size", "changed_at")
SOURCE_COLUMNS = ("collection", "id", "kind", "location", "audience", "every", "state", "documents")
KINDS = ("path", "git", "web", "sitemap", "feed", "channel")


@click.command("add", cls=Verb)
@click.argument("paths", nargs=-1, required=True, metavar="PATH|URL…")
@click.option("--collection", default="documents", show_default=True, help="Which collection they join.")
@click.option("--audience", default="", help="Who may read them: public (default), role:…, group:…, person:…")
@click.option(
    "--every", default="", help="How often they are read again: 15m, 6h, 1d; default: when you sync."
)
@click.option("--kind", type=click.Choice(KINDS), help="What it is, where the address does not say.")
@click.option("--branch", default="", help="Of a repository.")
@click.option(
    "--below", default="", help="Only what lies below this folder of a repository, or path of a site."
)
@click.option("--limit", type=click.IntRange(1, 10_000), help="The most pages of a sitemap.")
@click.option("--credential", default="", help="One of egress.credentials, for a private repository or site.")
@click.pass_obj
def add(
    invocation: Invocation,
    paths: tuple[str, ...],
    collection: str,
    audience: str,
    every: str,
    kind: str | None,
    branch: str,
    below: str,
    limit: int | None,
    credential: str,
) -> None:
    """Read files, folders, repositories, pages, sitemaps and feeds; unchanged documents are skipped.

    \b
    Examples:
      quarterdeck knowledge add docs/ runbooks/ --collection handbook
      quarterdeck knowledge add https://example.com/team/handbook.git --every 1h --audience group:engineering
    """
    places: list[Json] = [_place(one, kind) for one in paths]
    options = {"branch": branch, "below": below, "limit": limit, "credential": credential}
    asked: dict[str, Json] = {
        "paths": places,
        "collection": collection,
        "audience": audience,
        "every": every,
        "kind": kind or "",
        "options": {name: value for name, value in options.items() if value},
    }
    _done(invocation, call("knowledge.add", asked))


@click.command("sync", cls=Verb)
@click.argument("what", default="", metavar="[SOURCE|COLLECTION]")
@click.option("--collection", default="", help="Only this one.")
@click.pass_obj
def sync(invocation: Invocation, what: str, collection: str) -> None:
    """Look at everything that was added before: new, changed and deleted documents.

    \b
    Example:
      quarterdeck knowledge sync
    """
    _done(invocation, call("knowledge.sync", {"what": _known(what), "collection": collection}))


@click.command("remove", cls=Verb)
@click.argument("what", default="", metavar="[DOCUMENT|PATH|SOURCE|COLLECTION]")
@click.option("--collection", default="", help="Only in this one; alone: all of it.")
@click.pass_obj
def remove(invocation: Invocation, what: str, collection: str) -> None:
    """Forget documents; the files themselves stay.

    \b
    Example:
      quarterdeck knowledge remove certificates.md
    """
    _done(invocation, call("knowledge.remove", {"what": _known(what), "collection": collection}))


@click.command("list", cls=Verb)
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List collections, their sources, and the documents that could not be read.

    \b
    Example:
      quarterdeck knowledge list --json
    """
    found = cast("list[Mapping[str, Json]]", call("knowledge.list"))
    rows = [{**one, "failed": len(_failed(one)), "size": _size(one["size_bytes"])} for one in found]
    lines = [table(rows, COLUMNS, empty="No documents.")]
    sources = [
        {**source, "collection": one["collection"], "every": _every(source["every_s"])}
        for one in found
        for source in cast("Sequence[Mapping[str, Json]]", one["sources"])
    ]
    if sources:
        lines += ["", table(sources, SOURCE_COLUMNS, empty="")]
    lines += [f"{source['location']}: {source['reason']}" for source in sources if source["reason"]]
    lines += [f"{one['collection']}/{_reason(failed)}" for one in found for failed in _failed(one)]
    invocation.show(cast("Json", found), "\n".join(lines))


@click.command("share", cls=Verb)
@click.argument("what", metavar="SOURCE|COLLECTION")
@click.option("--audience", required=True, help="public, or role:…, group:…, person:…, conversation:…")
@click.pass_obj
def share(invocation: Invocation, what: str, audience: str) -> None:
    """Change who may read what came from a source; it holds from the next question on.

    \b
    Example:
      quarterdeck knowledge share handbook --audience role:operator
    """
    done = cast("Mapping[str, Json]", call("knowledge.share", {"what": _known(what), "audience": audience}))
    invocation.show(cast("Json", done), f"{done['documents']} documents are for {audience} now")


@click.command("pause", cls=Verb)
@click.argument("what", metavar="SOURCE|COLLECTION")
@click.option("--resume", is_flag=True, help="Read it on schedule again.")
@click.pass_obj
def pause(invocation: Invocation, what: str, resume: bool) -> None:
    """Stop reading a source on schedule; its documents stay.

    \b
    Example:
      quarterdeck knowledge pause https://example.com/feed.xml
    """
    done = cast(
        "Mapping[str, Json]", call("knowledge.pause", {"what": _known(what), "is_paused": not resume})
    )
    invocation.show(cast("Json", done), f"{done['sources']} sources {'resumed' if resume else 'paused'}")


@click.command("export", cls=Verb)
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--collection", default="", help="Only this one.")
@click.pass_obj
def export(invocation: Invocation, file: str, collection: str) -> None:
    """Write documents with their passages to a file, a JSON object a line.

    \b
    Example:
      quarterdeck knowledge export knowledge.jsonl
    """
    asked: dict[str, Json] = {"file": str(Path(file).absolute()), "collection": collection}
    done = cast("Mapping[str, Json]", call("knowledge.export", asked))
    invocation.show(cast("Json", done), f"{done['documents']} documents are in {done['file']}")


@click.command("rebuild", cls=Verb)
@click.option("--accept-loss", is_flag=True, help="Let another embedder take over though it answers worse.")
@click.pass_obj
def rebuild(invocation: Invocation, accept_loss: bool) -> None:
    """Make the vector index anew from the database.

    An embedder that loses on the questions that people have judged does not take over, unless you say so.

    \b
    Examples:
      quarterdeck knowledge rebuild
      quarterdeck knowledge rebuild --accept-loss
    """
    done = cast("Mapping[str, Json]", call("knowledge.rebuild", {"accept_loss": accept_loss}))
    told = f"the vector index is {done['index']} with {done['chunks']} passages"
    invocation.show(cast("Json", done), f"{told}: {done['reason']}" if done["reason"] else told)


ALL = (add, sync, remove, list_, share, pause, export, rebuild)


def _place(given: str, kind: str | None) -> str:
    """Return an address as it is, a path as an absolute one."""
    is_path = "://" not in given and "@" not in given and kind != "channel"
    return str(Path(given).absolute()) if is_path else given


def _known(what: str) -> str:
    """Return a path that exists as an absolute one, all else as it is."""
    path = Path(what).absolute()
    return str(path) if what and path.exists() else what


def _done(invocation: Invocation, result: Json) -> None:
    report = cast("Mapping[str, Json]", result)
    names = ("added", "changed", "unchanged", "removed", *(("moved",) if report["moved"] else ()))
    counts = ", ".join(f"{report[name]} {name}" for name in names)
    lines = [f"{counts}; {report['documents']} documents, {report['total_chunks']} passages in all"]
    lines += [f"not read: {_reason(failed)}" for failed in _failed(report)]
    lines += [f"out of reach, kept: {path}" for path in cast("Sequence[str]", report["missing"])]
    if report["notice"]:
        lines.append(str(report["notice"]))
    invocation.show(cast("Json", report), "\n".join(lines))


def _failed(holder: Mapping[str, Json]) -> Sequence[Mapping[str, Json]]:
    return cast("Sequence[Mapping[str, Json]]", holder["failed"])


def _reason(failed: Mapping[str, Json]) -> str:
    return f"{failed['document']}: {failed['reason']}"


def _size(size_bytes: Json) -> str:
    size = float(cast("int", size_bytes))
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"


def _every(seconds: Json) -> str:
    every_s = cast("int", seconds)
    if not every_s:
        return "when asked"
    for unit, length_s in (("d", 86_400), ("h", 3600), ("m", 60)):
        if every_s % length_s == 0:
            return f"{every_s // length_s}{unit}"
    return f"{every_s}s"
