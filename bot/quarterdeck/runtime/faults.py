"""Break the process at a named durable write, so that tests can prove what a crash there costs.

Each durable write has a name, `noun.past`. It is passed twice: as `name.before` when the transaction is about
to be committed, and as `name` right after. Nothing happens unless a test armed the point.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Final, Literal, cast, get_args

from quarterdeck.core.errors import SetupError
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass

POINTS: Final[tuple[str, ...]] = (
    "account.claimed",
    "account.ended",
    "account.invited",
    "account.password_set",
    "address.joined",
    "address.lost",
    "address.proven",
    "answer.kept",
    "approval.asked",
    "approval.moved",
    "approval.voted",
    "audit.recorded",
    "budget.reserved",
    "budget.settled",
    "budget.topped_up",
    "digest.defined",
    "digest.marked",
    "digest.reader_set",
    "digest.recorded",
    "digest.removed",
    "facts.changed",
    "file.kept",
    "form.kept",
    "inbox.accepted",
    "inbox.failed",
    "inbox.put_down",
    "inbox.quarantined",
    "inbox.resumed",
    "knowledge.answered",
    "knowledge.embedded",
    "knowledge.judged",
    "knowledge.measured",
    "knowledge.removed",
    "knowledge.served",
    "knowledge.staged",
    "knowledge.stored",
    "knowledge.switched",
    "link.answered",
    "link.begun",
    "link.claimed",
    "memory.forgotten",
    "memory.kept",
    "memory.wiped",
    "note.forgotten",
    "note.kept",
    "outbox.answered",
    "outbox.buried",
    "outbox.ended",
    "outbox.postponed",
    "outbox.queued",
    "outbox.reopened",
    "outbox.sending",
    "outbox.sent",
    "passkey.added",
    "passkey.removed",
    "passkey.used",
    "paused.begun",
    "paused.ended",
    "paused.kept",
    "person.granted",
    "person.linked",
    "person.revoked",
    "person.synced",
    "person.unlinked",
    "room.added",
    "room.edited",
    "room.opened",
    "room.removed",
    "room.renamed",
    "room.rewound",
    "run.enqueued",
    "run.forked",
    "schedule.added",
    "schedule.caught_up",
    "schedule.discarded",
    "schedule.drafted",
    "schedule.edited",
    "schedule.ended",
    "schedule.fired",
    "schedule.paused",
    "schedule.removed",
    "secret.removed",
    "secret.stored",
    "session.kept",
    "session.removed",
    "source.adopted",
    "source.kept",
    "source.removed",
    "source.shared",
    "source.touched",
    "summary.folded",
    "token.created",
    "token.revoked",
    "transcript.appended",
    "usage.recorded",
    "vault.prepared",
    "vault.rotated",
    "workflow.added",
    "workflow.answered",
    "workflow.forgotten",
    "workflow.kept",
    "workflow.marked",
    "workflow.noted",
    "workflow.waited",
)
"""Every durable write, sorted. A house test compares this list with the names in the code."""

Effect = Literal["kill", "raise", "hang"]


class InjectedFault(Exception):
    """Stand for a failure that nobody foresaw; raised only at an armed point."""


@dataclass(slots=True)
class _Armed:
    name: str
    passages_left: int
    effect: Effect


_armed: _Armed | None = None
_counting = threading.Lock()


def arm(text: str, *, testing: bool) -> None:
    """Prepare one fault: `name:count:effect`, at the `count`-th passage of `name`, from 1. Empty text disarms.

    Raises:
        SetupError: the program was not started with `--testing`, or `text` has another form.
    """
    global _armed
    if not text:
        _armed = None
        return
    if not testing:
        raise SetupError(
            "QUARTERDECK_FAULT is set, and this is not a test",
            hint="unset QUARTERDECK_FAULT, or start with --testing",
            key="QUARTERDECK_FAULT",
        )
    _armed = _parse(text)


def _parse(text: str) -> _Armed:
    name, _, rest = text.partition(":")
    count, _, effect = rest.partition(":")
    if name.removesuffix(".before") not in POINTS:
        raise SetupError(
            f"QUARTERDECK_FAULT names no fault point: {name!r}",
            hint=did_you_mean(name, POINTS) or "`quarterdeck check --fault-points` lists them",
            key="QUARTERDECK_FAULT",
        )
    if not count.isdecimal() or int(count) < 1 or effect not in get_args(Effect):
        raise SetupError(
            f"QUARTERDECK_FAULT has another form than name:count:effect: {text!r}",
            hint=f"write {name}:1:kill; the count is from 1, the effect one of {', '.join(get_args(Effect))}",
            key="QUARTERDECK_FAULT",
        )
    return _Armed(name, int(count), cast("Effect", effect))


def reach(name: str) -> None:
    """Pass the point `name`: does nothing, unless the armed fault is due here.

    Raises:
        InjectedFault: the armed effect is `raise`.
    """
    if _armed is not None and _armed.name == name:
        _pass(_armed)


def _pass(armed: _Armed) -> None:
    with _counting:
        armed.passages_left -= 1
        is_due = armed.passages_left == 0
    if not is_due:
        return
    match armed.effect:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            threading.Event().wait()
        case "raise":
            raise InjectedFault(armed.name)
