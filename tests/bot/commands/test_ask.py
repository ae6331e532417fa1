"""`/ask` hands the question to the knowledge and the answer to the person, untouched."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from quarterdeck.commands.ask import COMMAND
from quarterdeck.core.command import Call
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Services
from quarterdeck.core.reply import Reply


async def test_the_whole_line_is_the_question_and_the_answer_is_passed_on() -> None:
    """A viewer asks; who and where go along, since they decide what may be answered."""
    asked: list[object] = []
    answer = Reply(text="Found. [1]")

    class Knowledge:
        async def ask(self, question: str, *, person: Person, conversation: Conversation) -> Reply:
            asked.append((question, person.id, conversation.id))
            return answer

    call = Call(
        command="ask",
        options={"question": "how do I --rotate it?"},
        person=Person(id="p1", name="Ada", role="viewer"),
        identity=Identity(platform="console", user_id="1"),
        conversation=Conversation(id="console:1", platform="console"),
        event_id="e1",
        services=cast("Services", SimpleNamespace(knowledge=Knowledge())),
    )
    reply = await COMMAND.handler(call)

    assert (answer, [("how do I --rotate it?", "p1", "console:1")]) == (reply, asked)
    assert ("viewer", "read", True) == (COMMAND.allow, COMMAND.effect, COMMAND.options[0].rest)
