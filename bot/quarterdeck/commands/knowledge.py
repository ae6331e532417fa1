"""`/knowledge`: show and change what the team's documents are made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from quarterdeck.core.access import AccessRequest
from quarterdeck.core.audience import may_read
from quarterdeck.core.command import Call, Command, Effect, Option
from quarterdeck.core.errors import Denied, UsageError
from quarterdeck.core.knowledge import PUBLIC
from quarterdeck.core.reply import Button, Card, Reply
from quarterdeck.core.sourcing import (
    DEFAULT_COLLECTION,
    KnowledgeSource,
    SourceKind,
    SourceOrder,
    parse_every,
)

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

SHOWN_FAILURES = 5
PROGRESS_EVERY_S = 5.0
HERE = "here"


async def knowledge(call: Call) -> Reply:
    """Do one of the things that can be done with sources."""
    what = call.text("what").strip()
    match call.text("do"):
        case "add":
            return await _add(call, what)
        case "sync":
            await _may(call, "sync", least_role="operator", effect="write")
            return Reply(text=_said(await call.services.sourcing.sync(what, progress=_Progress(call).tell)))
        case "remove":
            return await _remove(call, what)
        case "share":
            return await _share(call, what)
        case "pause" | "resume" as verb:
            await _may(call, verb, least_role="admin", effect="write")
            count = await call.services.sourcing.pause(_needed(what), is_paused=verb == "pause")
            return Reply(text=f"{verb.capitalize()}d: {count} source{'s' if count != 1 else ''}.")
        case _:
            return await _list(call)


async def _add(call: Call, what: str) -> Reply:
    attached = call.file("file") or (call.attachments[0] if call.attachments else None)
    if not what and attached is None:
        raise UsageError(
            "say what to add",
            hint="`/knowledge add https://…`, `/knowledge add here`, or with a file attached",
        )
    sourcing = call.services.sourcing
    default = sourcing.audience_of(call.person, call.conversation)
    audience = call.text("audience") or default
    kind: SourceKind | str = call.text("kind")
    if what == HERE:
        await _may(call, "channel", least_role="admin", effect="write")
        what, kind = call.conversation.id, "channel"
    elif not what and attached is not None:
        await _may(call, "upload", least_role="operator", effect="write")
        what, kind = await sourcing.keep(attached, call.conversation), "upload"
    elif kind in ("channel", "upload"):
        raise UsageError(
            f"{what!r} cannot be added from here", hint="`/knowledge add here`, in the conversation"
        )
    options: dict[str, Json] = {
        name: call.text(name) for name in ("branch", "below", "credential") if call.text(name)
    }
    order = SourceOrder(
        location=what,
        kind=cast("SourceKind", kind) if kind else "",
        collection=call.text("collection") or DEFAULT_COLLECTION,
        audience=audience,
        every_s=parse_every(call.text("every")),
        options=options,
    )
    if kind not in ("channel", "upload"):
        is_local = sourcing.is_local(order)
        needed = "owner" if is_local or "credential" in options else "operator"
        await _may(call, "local" if is_local else "add", least_role=needed, effect="write")
    if audience != default:
        await _may(call, "share", least_role="admin", effect="write")
    done = await sourcing.add(order, owner=call.person.id, progress=_Progress(call).tell)
    who = "everybody" if done["audience"] == PUBLIC else f"`{done['audience']}`"
    return Reply(
        text=f"{_said(done)}\nWho may read it: {who}. `/knowledge share {done['source']}` changes that."
    )


async def _remove(call: Call, what: str) -> Reply:
    await _may(call, "remove", least_role="admin", effect="destructive")
    if call.options.get("yes") is not True:
        body = f"I will forget everything that I read from {_needed(what)}. The documents themselves stay."
        button = Button(id="yes", label="Remove", value=f"/knowledge remove {what} --yes", danger=True)
        return Reply(card=Card(title="Remove from the knowledge?", body=body, buttons=(button,)))
    return Reply(text=_said(await call.services.sourcing.remove(_needed(what))))


async def _share(call: Call, what: str) -> Reply:
    await _may(call, "share", least_role="admin", effect="write")
    audience = call.text("audience")
    if not audience:
        raise UsageError("say who may read it", hint="`/knowledge share NAME --audience role:operator`")
    count = await call.services.sourcing.share(_needed(what), audience)
    return Reply(text=f"{count:,} documents are now for {audience}; it holds from the next question on.")


async def _list(call: Call) -> Reply:
    sources = await call.services.sourcing.sources()
    here = {call.conversation.id}
    is_admin = call.person.has_role("admin")
    shown = [one for one in sources if is_admin or may_read(one.audience, call.person, here)]
    if not shown:
        return Reply(
            text="No sources. `/knowledge add https://…` adds one; so does a file with `/knowledge add`."
        )
    return Reply(text="\n".join(_line(one) for one in shown))


def _line(source: KnowledgeSource) -> str:
    state = "paused" if source.is_paused else source.state
    when = ""
    if source.synced_at_ms is not None:
        when = f", read {datetime.fromtimestamp(source.synced_at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    reason = f": {source.reason}" if source.reason else ""
    every = f", every {source.every_s // 60} min" if source.every_s else ""
    audience = "" if source.audience == PUBLIC else f", for {source.audience}"
    told = f"{state}{reason}{when}{every}{audience}"
    return f"- **{source.collection}** `{source.id}` {source.kind} {source.location}: {told}"


def _said(report: Mapping[str, Json]) -> str:
    names = ("added", "changed", "moved", "unchanged", "removed")
    counts = ", ".join(
        f"{report[name]} {name}" for name in names if report[name] or name in ("added", "unchanged")
    )
    lines = [f"Read: {counts}."]
    failed = cast("list[Mapping[str, str]]", report["failed"])
    lines += [f"- not read: {one['document']}: {one['reason']}" for one in failed[:SHOWN_FAILURES]]
    if len(failed) > SHOWN_FAILURES:
        lines.append(f"- and {len(failed) - SHOWN_FAILURES} more")
    missing = cast("list[str]", report["missing"])
    lines += [f"- out of reach, what was read before stays: {one}" for one in missing]
    return "\n".join(lines)


def _needed(what: str) -> str:
    if not what:
        raise UsageError("say which source", hint="`/knowledge list` shows them")
    return what


class _Progress:
    """Tell how far it is, in one message that is changed in place every few seconds."""

    def __init__(self, call: Call) -> None:
        self._call, self._told, self._last_s = call, 0, call.services.clock.monotonic()

    async def tell(self, sentence: str) -> None:
        """Show the newest sentence, unless one was shown just now."""
        now_s = self._call.services.clock.monotonic()
        if now_s - self._last_s < PROGRESS_EVERY_S:
            return
        self._last_s = now_s
        outbox, where = self._call.services.outbox, self._call.conversation
        first, reply = f"{self._call.event_id}:reading", Reply(text=f"Reading {sentence}")
        if self._told:
            await outbox.edit(where, reply, replaces=first, key=f"{first}:{self._told}")
        else:
            await outbox.send(where, reply, key=first)
        self._told += 1


async def _may(call: Call, what: str, *, least_role: str, effect: Effect) -> None:
    decision = await call.services.authoriser.authorise(
        AccessRequest(
            person=call.person,
            identity=call.identity,
            action=f"action:knowledge.{what}",
            way="message",
            conversation=call.conversation,
            least_role=least_role,
            effect=effect,
        )
    )
    if not decision.allowed:
        raise Denied(decision.reason)


COMMAND = Command(
    name="knowledge",
    summary="Show, add, read again, share and remove what answers are made of",
    handler=knowledge,
    options=(
        Option(
            name="do",
            summary="What to do",
            kind="choice",
            choices=("list", "add", "sync", "remove", "share", "pause", "resume"),
            default="list",
            positional=True,
        ),
        Option(
            name="what",
            summary="An address, `here`, or the name of a source or collection",
            max_length=2000,
            positional=True,
        ),
        Option(name="collection", summary="Which collection it joins", max_length=100),
        Option(
            name="audience", summary="Who may read it: public, role:…, group:…, person:…", max_length=2000
        ),
        Option(name="every", summary="How often it is read: 15m, 6h, 1d", max_length=20),
        Option(
            name="kind",
            summary="What it is, where the address does not say",
            kind="choice",
            choices=("git", "web", "sitemap", "feed", "path"),
        ),
        Option(name="branch", summary="Of a repository", max_length=200),
        Option(name="below", summary="Only what lies below this folder or path", max_length=500),
        Option(name="credential", summary="One of egress.credentials", max_length=64),
        Option(name="file", summary="A file to add", kind="file"),
        Option(name="yes", summary="Yes, remove it", kind="boolean", default=False),
    ),
    allow="operator",
    effect="write",
    examples=(
        "/knowledge",
        "/knowledge add https://docs.example.com/sitemap.xml --collection handbook --every 1d",
        "/knowledge add here",
        "/knowledge share handbook --audience group:engineering",
    ),
    detail="What is added in a conversation is for those who read it, unless --audience says otherwise (admins).",
)
