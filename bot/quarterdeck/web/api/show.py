"""Show what stands in a conversation as the API has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from quarterdeck.core.screen import Found, Item, Room
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.web import html
from quarterdeck.web.api import shapes


def moment(at_ms: int) -> str:
    """Return a time as it is written outside."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def room(one: Room) -> shapes.Conversation:
    """Show a conversation."""
    return shapes.Conversation(
        id=one.name,
        title=one.title,
        created_at=moment(one.created_at_ms),
        updated_at=moment(one.updated_at_ms),
        last_seq=one.last_seq,
    )


async def messages(items: Sequence[Item]) -> list[shapes.Message]:
    """Show messages; writing their HTML takes a thread."""
    return await in_thread(lambda: [message(one) for one in items])


def message(item: Item) -> shapes.Message:
    """Show one message."""
    body = item.body
    is_bot = item.kind == "post" or (item.kind == "edit" and "status" in body)
    text = str(body.get("text") or "")
    citations = [shapes.Citation(**one) for one in _rows(body, "citations")]
    if not is_bot or body.get("is_literal"):
        written = html.literal(text) if is_bot else html.to_html(text)
    else:
        written = html.to_html(text, frozenset(one.n for one in citations))
    return shapes.Message(
        seq=item.seq if item.target is None else item.target,
        id=f"post-{item.seq if item.target is None else item.target}",
        role="bot" if is_bot else "you",
        kind=cast("Any", str(body.get("kind") or "text")),
        cause=item.cause,
        key=str(body.get("key") or ""),
        of=cast("int | None", body.get("of")),
        at=moment(item.at_ms),
        text=text,
        html=written,
        status=str(body.get("status") or "answered"),
        citations=citations,
        buttons=[
            shapes.Button(id=one["id"], label=one["label"], danger=bool(one.get("danger")))
            for one in _rows(body, "buttons")
        ],
        form=_form(body.get("form")),
        files=[shapes.File(**one) for one in _rows(body, "files")],
        run_id=cast("str | None", body.get("run_id")),
        edited=item.is_edited or item.kind == "edit",
    )


def hit(found: Found) -> shapes.Hit:
    """Show a message that was found, without the signs that stand for bold words and code."""
    parts = [(text.replace("**", "").replace("`", ""), fits) for text, fits in found.parts]
    return shapes.Hit(
        conversation=found.room.name,
        title=found.room.title,
        seq=found.item.seq,
        at=moment(found.item.at_ms),
        role="bot" if found.item.kind == "post" else "you",
        snippet="".join(text for text, _ in parts),
        parts=[shapes.Part(text=text, fits=fits) for text, fits in parts],
    )


def _form(form: object) -> shapes.Form | None:
    if not isinstance(form, Mapping):
        return None
    return shapes.Form(
        id=str(form["id"]),
        title=str(form["title"]),
        inputs=[shapes.Input(**one) for one in cast("list[dict[str, Any]]", form["inputs"])],
    )


def _rows(body: Mapping[str, object], name: str) -> list[dict[str, Any]]:
    found = body.get(name)
    return found if isinstance(found, list) else []
