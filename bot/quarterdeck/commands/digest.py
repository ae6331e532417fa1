"""`/digest`: sum up what was said here, or what changed in many places."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.reply import Reply

ADD_EXAMPLE = "/digest add morning feed https://example.com/releases.atom"
SET_EXAMPLE = "/digest set morning at every weekday at 9"
PLANNED = ":cron:"  # in the key of an event that a schedule raised


async def digest(call: Call) -> Reply:
    """Do what the first word says; without one, sum up this conversation; otherwise it names a digest."""
    word, rest = call.text("action"), call.text("rest").strip()
    if not word:
        return await call.services.digests.compose(call.conversation, key=call.event_id)
    action = ACTIONS.get(word)
    if action is not None:
        return await action(call, rest)
    if rest:
        raise UsageError(
            f"/digest cannot {word!r}", hint=f"one of {', '.join(ACTIONS)}, or the name of a digest alone"
        )
    return await call.services.digest_desk.issue(word, call.conversation, key=call.event_id, by=call.identity)


async def _preview(call: Call, text: str) -> Reply:
    if not text:
        return await call.services.digests.preview(call.conversation)
    return await call.services.digest_desk.preview(
        _name(text, "preview"), call.conversation, by=call.identity
    )


async def _send(call: Call, text: str) -> Reply:
    name, _, only = text.partition(" ")
    sending = await call.services.digest_desk.send(_name(name, "send"), key=call.event_id, only=only.strip())
    if PLANNED in call.event_id:
        return Reply()  # the issues say it all
    said = [f"Sent to {sending.sent}."] if sending.sent else []
    said += [f"Waits for the end of quiet hours: {', '.join(sending.waiting)}."] if sending.waiting else []
    said += [f"No news for {sending.without_news}."] if sending.without_news else []
    return Reply(text=" ".join(said))


async def _add(call: Call, text: str) -> Reply:
    words = text.split()
    if len(words) < 2 or (len(words) == 2 and words[1] != "conversation"):
        hint = f"{ADD_EXAMPLE}; kinds: conversation, workflow, knowledge, feed, json"
        raise UsageError("which source for which digest?", hint=hint)
    return await call.services.digest_desk.add_source(
        words[0], words[1], words[2:], conversation=call.conversation, by=call.identity
    )


async def _set(call: Call, text: str) -> Reply:
    words = text.split(maxsplit=2)
    if len(words) != 3:
        raise UsageError("set what of which digest?", hint=f"such as {SET_EXAMPLE}")
    return await call.services.digest_desk.set(
        words[0], words[1], words[2].strip('"'), conversation=call.conversation, by=call.identity
    )


async def _drop(call: Call, text: str) -> Reply:
    name, _, number = text.partition(" ")
    if not number.strip().isdecimal():
        raise UsageError(
            "which source of which digest?", hint="/digest drop NAME 2; /digest show NAME has the numbers"
        )
    return await call.services.digest_desk.drop_source(name, int(number), by=call.identity)


async def _remove(call: Call, text: str) -> Reply:
    return await call.services.digest_desk.remove(_name(text, "remove"), by=call.identity)


async def _show(call: Call, text: str) -> Reply:
    return await call.services.digest_desk.describe(_name(text, "show"))


async def _list(call: Call, text: str) -> Reply:
    return await call.services.digest_desk.describe()


async def _me(call: Call, text: str) -> Reply:
    return await call.services.digest_desk.set_reader(call.identity, text.split())


def _marking(kind: str) -> Callable[[Call, str], Awaitable[Reply]]:
    async def mark(call: Call, text: str) -> Reply:
        code, _, number = text.partition(" ")
        if not number.strip().isdecimal():
            hint = f"/digest {kind} CODE N; the buttons of a digest fill it in"
            raise UsageError(f"{kind} which item?", hint=hint)
        return await call.services.digest_desk.mark(
            code, int(number), kind, conversation=call.conversation, by=call.identity
        )

    return mark


def _name(text: str, action: str) -> str:
    name = text.strip("` ").lower()
    if not name or " " in name:
        raise UsageError(f"{action} which digest?", hint=f"/digest {action} NAME; /digest list shows them")
    return name


ACTIONS: dict[str, Callable[[Call, str], Awaitable[Reply]]] = {
    "add": _add,
    "set": _set,
    "drop": _drop,
    "list": _list,
    "show": _show,
    "preview": _preview,
    "send": _send,
    "remove": _remove,
    "ack": _marking("ack"),
    "mute": _marking("mute"),
    "unmute": _marking("unmute"),
    "me": _me,
}

COMMAND = Command(
    name="digest",
    summary="Sum up what was said here, or what changed in many places, since the last digest",
    handler=digest,
    options=(
        Option(
            name="action",
            summary="A digest's name, or add, set, drop, list, show, preview, send, remove, ack, mute, unmute, me",
            positional=True,
            max_length=60,
        ),
        Option(name="rest", summary="What belongs to it", kind="text", positional=True, rest=True),
    ),
    allow="operator",
    effect="write",
    examples=(
        "/digest",
        ADD_EXAMPLE,
        SET_EXAMPLE,
        "/digest preview morning",
        '/schedule add "every weekday at 9" Europe/Berlin /digest',
    ),
    detail=(
        "Alone it sums up this conversation: the first time the last 24 hours, then what came since the last "
        "delivered digest. A digest with a name gathers conversations, workflow runs, documents, feeds and JSON into "
        "one post, of which only what is new or changed is shown. With a capable model it is a summary with every "
        "link kept, otherwise it is made of the sources' own words. /digest me Europe/Berlin 22:00-07:00 sets your "
        "clock and quiet hours for digests that come to you directly."
    ),
)
