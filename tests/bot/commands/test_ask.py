"""`/ask` hands the question to the knowledge and the answer to the person, untouched."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

from quarterdeck.commands.ask import COMMAND
from quarterdeck.core.command import Call
from quarterdeck.core.knowledge import Filters
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Services
from quarterdeck.core.reply import Reply


async def test_the_whole_line_is_the_question_and_the_answer_is_passed_on() -> None:
    """A viewer asks; who and where go along, since they decide what may be answered."""
    asked: list[object] = []
    answer = Reply(text="Found. [1]")

    class Knowledge:
        async def ask(
            self, question: str, *, person: Person, conversation: Conversation, filters: Filters, key: str
        ) -> Reply:
            asked.append((question, person.id, conversation.id, filters, key))
            return answer

    call = Call(
        command="ask",
        options={
            "question": "how do I --rotate it?",
            "collection": "handbook, runbooks",
            "since": datetime(2026, 1, 1, tzinfo=UTC),
        },
        person=Person(id="p1", name="Ada", role="viewer"),
        identity=Identity(platform="console", user_id="1"),
        conversation=Conversation(id="console:1", platform="console"),
        event_id="e1",
        services=cast("Services", SimpleNamespace(knowledge=Knowledge())),
    )
    reply = await COMMAND.handler(call)

    filters = Filters(collections=("handbook", "runbooks"), since_ms=1_767_225_600_000)
    assert (answer, [("how do I --rotate it?", "p1", "console:1", filters, "e1")]) == (reply, asked)
    assert ("viewer", "read", True) == (COMMAND.allow, COMMAND.effect, COMMAND.options[-1].rest)
