"""`/remember`: keep something in mind, for oneself or for the conversation."""

from __future__ import annotations

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.memory import Note, Scope
from quarterdeck.core.reply import Reply


async def remember(call: Call) -> Reply:
    """Write a note down, or list what there is."""
    text = call.text("text").strip()
    if not text:
        return await _listed(call)
    scope: Scope = "person" if call.text("for") == "me" else "conversation"
    note = await call.services.memories.remember(
        text, scope=scope, person_id=call.person.id, conversation_id=call.conversation.id, by=call.identity
    )
    whose = "for you, wherever you write to me" if scope == "person" else "for this conversation"
    return Reply(text=f"I will remember that {whose}. `/forget note {note.number}` takes it back.")


async def _listed(call: Call) -> Reply:
    notes = await call.services.memories.notes(person_id=call.person.id, conversation_id=call.conversation.id)
    shown = [note for note in notes if note.scope == "conversation" or call.conversation.kind == "direct"]
    hidden = len(notes) - len(shown)
    lines = [_line(note) for note in shown]
    if hidden:
        lines.append(f"_{hidden} more of your own: ask me in a direct message._")
    return Reply(
        text="\n".join(lines) or "I have been asked to remember nothing here. `/remember TEXT` does."
    )


def _line(note: Note) -> str:
    return f"- {note.number}. {note.text}" + ("" if note.scope == "conversation" else " _(for you)_")


COMMAND = Command(
    name="remember",
    summary="Keep something in mind for this conversation or for you",
    handler=remember,
    options=(
        Option(
            name="for",
            summary="For everybody here, or for you wherever you write",
            kind="choice",
            choices=("here", "me"),
            default="here",
        ),
        Option(
            name="text",
            summary="What to remember; nothing lists the notes",
            kind="text",
            positional=True,
            rest=True,
        ),
    ),
    allow="operator",
    effect="write",
    examples=(
        "/remember Deploys wait for Anna on Fridays",
        "/remember --for me I am in Lisbon time",
        "/remember",
    ),
    detail="Notes are given to the model with each question, as information.",
)
