"""Show a request for approval, from its canonical arguments alone: nobody but us words what approvers see."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from quarterdeck.core.approval import ASKER, TOOL, Approval, Vote
from quarterdeck.core.reply import Button, Card, Field, Reply
from quarterdeck.core.text import printable
from quarterdeck.router.approvals.canonical import DIGEST_SHOWN
from quarterdeck.router.approvals.files import FILES, shown

WORDS = {
    "granted": "Approved; it runs now.",
    "denied": "Denied; nothing was done.",
    "expired": "Nobody approved it in time; nothing was done.",
    "done": "Approved, and done.",
    "failed": "Approved, and it failed.",
    "refused": "Approved, but no longer allowed; nothing was done.",
}


def card_of(approval: Approval) -> Reply:
    """Return the card: with buttons while it is open, with its outcome after."""
    fields = [
        Field(label="What", value=verbatim(_what(approval))),
        *_arguments(json.loads(approval.arguments)),
        Field(label="Asked by", value=_asker(approval)),
        Field(label="Who may approve", value=_who(approval)),
    ]
    if approval.version:
        fields.append(Field(label="Version", value=approval.version[:12]))
    fields += [
        Field(label="Agreed" if vote.agrees else "Denied", value=_vote(vote)) for vote in approval.votes
    ]
    if approval.state != "pending":
        fields.append(Field(label="Outcome", value=WORDS[approval.state]))
        return Reply(card=Card(title=f"Approval {approval.id}", fields=tuple(fields)), status="answered")
    until = datetime.fromtimestamp(approval.expires_at_ms / 1000, UTC)
    fields.append(Field(label="Until", value=f"{until:%Y-%m-%d %H:%M} UTC"))
    bound = approval.digest[:DIGEST_SHOWN]
    buttons = (
        Button(id="approve", label="Approve", value=f"/approve {approval.id} --digest {bound}"),
        Button(id="deny", label="Deny", value=f"/deny {approval.id} --digest {bound}", danger=True),
    )
    return Reply(
        card=Card(
            title=f"Approval {approval.id} is asked for",
            body=f"Or type `/approve {approval.id}` or `/deny {approval.id}`, with a comment, on any platform.",
            fields=tuple(fields),
            buttons=buttons,
        ),
        status="pending",
    )


def _arguments(arguments: Mapping[str, object]) -> list[Field]:
    files = [Field(label="File", value=verbatim(line)) for line in shown(arguments.get(FILES, ()))]
    named = [Field(label=name, value=_shown(value)) for name, value in arguments.items() if name != FILES]
    return [*named, *files]


def _what(approval: Approval) -> str:
    kind, _, name = approval.subject.partition(":")
    return f"/{name}" if kind == "command" else approval.subject


def _asker(approval: Approval) -> str:
    who = verbatim(f"{approval.asker_name} ({approval.asker})")
    return f"the language model, in the name of {who}" if approval.subject.startswith(TOOL) else who


def _who(approval: Approval) -> str:
    if ASKER in approval.by:
        return "the one in whose name it is asked for"
    names = [one.replace(":", " ", 1) for one in approval.by]
    return f"{approval.quorum} of {', '.join(names)}; not the one who asks"


def _shown(value: object) -> str:
    is_line = isinstance(value, str) and value.isprintable() and value.strip() == value and value != ""
    return verbatim(str(value) if is_line else json.dumps(value, ensure_ascii=False))


def verbatim(text: str) -> str:
    """Return CommonMark that shows `text` as it is, on one line, whatever markup it would be."""
    shown = printable(text).replace("\n", "\\n").replace("\t", "\\t")
    runs = [len(run) for run in re.findall("`+", shown)]
    fence = "`" * (max(runs, default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _vote(vote: Vote) -> str:
    said = f": {vote.comment}" if vote.comment else ""
    return verbatim(f"{vote.name or vote.person_id} ({vote.identity}){said}")
