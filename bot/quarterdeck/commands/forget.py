"""`/forget`: delete for good what was said or noted."""

from __future__ import annotations

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import Denied, UsageError
from quarterdeck.core.memory import Forgotten
from quarterdeck.core.ports import AccessRequest
from quarterdeck.core.reply import Button, Card, Reply

WORDS = {
    "me": "everything that you wrote to me or that I read of you, on every platform, and your notes",
    "here": "everything that was said in this conversation, by anybody, and its notes",
    "everything": "everything that was said anywhere, by anybody, and all notes",
}
LEAST_ROLE = {"me": "viewer", "here": "admin", "everything": "owner"}


async def forget(call: Call) -> Reply:
    """Delete one note at once, all else after a second word."""
    what = call.text("what")
    if what == "note":
        return await _note(call)
    await _may(call, what)
    if call.options.get("yes") is not True:
        return Reply(
            card=Card(
                title="Delete for good?",
                body=f"I will delete {WORDS[what]}. This cannot be undone.",
                buttons=(Button(id="yes", label="Delete", value=f"/forget {what} --yes", danger=True),),
            )
        )
    memories = call.services.memories
    if what == "me":
        gone = await memories.forget_person(call.person.id)
    elif what == "here":
        gone = await memories.forget_conversation(call.conversation.id)
    else:
        gone = await memories.forget_everything()
    return Reply(text=_said(gone))


async def _note(call: Call) -> Reply:
    number = call.options.get("number")
    if not isinstance(number, int):
        raise UsageError("say which note", hint="`/remember` lists them with their numbers")
    note = await call.services.memories.forget_note(
        number, person_id=call.person.id, conversation_id=call.conversation.id
    )
    return Reply(text=f"Forgotten: {note.text}")


async def _may(call: Call, what: str) -> None:
    least = LEAST_ROLE[what]
    if what == "here" and call.conversation.kind == "direct":
        least = "viewer"
    decision = await call.services.authoriser.authorise(
        AccessRequest(
            person=call.person,
            identity=call.identity,
            action=f"action:forget.{what}",
            way="message",
            conversation=call.conversation,
            least_role=least,
            effect="destructive",
        )
    )
    if not decision.allowed:
        raise Denied(decision.reason)


def _said(gone: Forgotten) -> str:
    return (
        f"Deleted: {gone.messages:,} messages, {gone.notes:,} notes. The record that something was asked and allowed "
        "stays, without words; backups lose theirs as they are replaced."
    )


COMMAND = Command(
    name="forget",
    summary="Delete for good: a note, what you said, what was said here",
    handler=forget,
    options=(
        Option(
            name="what",
            summary="A note, all of yours, this conversation, or everything",
            kind="choice",
            choices=("note", "me", "here", "everything"),
            required=True,
            positional=True,
        ),
        Option(name="number", summary="The note's number", kind="integer", minimum=1, positional=True),
        Option(name="yes", summary="Yes, delete it", kind="boolean", default=False),
    ),
    allow="operator",
    effect="destructive",
    examples=("/forget note 3", "/forget me", "/forget here"),
    detail="Here is for admins in groups, everything for owners. What stays, and where, is in docs/privacy.md.",
)
