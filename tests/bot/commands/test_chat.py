"""Prove what a person sees of `/chat`: pieces as they come, the whole, and what must be known about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quarterdeck.commands.chat import COMMAND, HISTORY_TOKENS, INSTRUCTIONS, SMALL_ANSWER_TOKENS
from quarterdeck.core.command import Call
from quarterdeck.core.errors import Unavailable
from quarterdeck.core.memory import Past
from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.model import Connected, Delta, ModelMessage
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Services
from quarterdeck.core.reply import Reply
from quarterdeck.memory.conversation import ConversationMemory
from quarterdeck.router.tools.desk import ToolDesk
from quarterdeck.testing.clock import FakeClock

CAPABLE = Connected(provider="openai", model="gpt-6-luna")
SMALL = Connected(provider="builtin", model="s", label="built-in small model: may be wrong", is_capable=False)
HERE = Conversation(id="console:c", platform="console")
ANNA = Identity(platform="console", user_id="1")
NOTHING = cast("Any", None)
NO_LINKS: frozenset[str] = frozenset()


@dataclass
class FakeModels:
    """Answer with `deltas`; remember what was asked."""

    deltas: Sequence[Delta | Exception] = ()
    answers: Connected | None = CAPABLE
    asked: list[ModelMessage] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    is_closed: bool = False

    async def connected(self, role: str = "chat") -> Connected | None:
        """Name the model."""
        return self.answers

    async def complete(self, messages: Sequence[ModelMessage], **settings: Any) -> AsyncIterator[Delta]:
        """Stream."""
        self.asked, self.settings = list(messages), settings
        try:
            for delta in self.deltas:
                if isinstance(delta, Exception):
                    raise delta
                yield delta
        finally:
            self.is_closed = True

    async def how_to_connect(self) -> str:
        """Say how."""
        return "Set `OPENAI_API_KEY`."


class NoChoices:
    """Leave it to the settings."""

    async def chosen(self, conversation_id: str) -> None:
        """Have none."""


class FakeHistory:
    """Remember what the test says and nothing beside it: texts of people, and of ours after a `<`."""

    def __init__(self, *texts: str) -> None:
        self._texts = texts

    async def past(self, *, most: int, **_: str) -> Past:
        """Return the last of it."""
        said = [
            Message(
                id=str(n),
                conversation=HERE,
                author=ANNA,
                text=text.removeprefix("<"),
                sent_at=datetime(2026, 11, 21, tzinfo=UTC),
                raw={"is_ours": text.startswith("<")},
            )
            for n, text in enumerate(self._texts[-most:])
        ]
        return Past(said=tuple(said))


def call(models: FakeModels, text: str, history: FakeHistory | None = None) -> Call:
    """Make a call of the command."""
    memories = ConversationMemory(history or FakeHistory(text), FakeClock())  # type: ignore[arg-type]
    desk = ToolDesk(
        sources=[], models=models, rights=NOTHING, using=NOTHING, approvals=NOTHING, paused=NOTHING
    )  # type: ignore[arg-type]
    services = SimpleNamespace(models=models, memories=memories, choices=NoChoices(), tools=desk)
    return Call(
        command="chat",
        options={"text": text},
        person=Person(id="p1", name="Anna", role="operator"),
        identity=ANNA,
        conversation=HERE,
        event_id="console::1",
        services=cast("Services", services),
    )


async def said(reply: Reply) -> list[str | Reply]:
    """Return everything that the reply streams."""
    assert reply.stream is not None
    return [item async for item in reply.stream]


WHOLE = (
    Delta(reasoning="hm"),
    Delta(text="Hel"),
    Delta(text="lo"),
    Delta(finish="stop", answered_by=CAPABLE),
)


async def test_an_answer_streams_and_ends_in_its_whole_form() -> None:
    """A terminal shows the pieces, everybody else the whole; thoughts are neither."""
    models = FakeModels(WHOLE)

    items = await said(await COMMAND.handler(call(models, "Hi")))

    assert ["Hel", "lo", Reply(text="Hello", link_hosts=NO_LINKS)] == items
    assert ("p1", "console:c") == (models.settings["person_id"], models.settings["conversation_id"])


async def test_without_a_model_one_card_says_how_to_connect_one() -> None:
    """It is an answer, no error: nothing is broken."""
    reply = await COMMAND.handler(call(FakeModels(answers=None), "Hi"))

    assert reply.card is not None
    assert ("answered", "Set `OPENAI_API_KEY`.") == (reply.status, reply.card.body)


async def test_the_conversation_so_far_goes_along() -> None:
    """Whoever says "and there?" means what was said before; the question itself comes once."""
    models = FakeModels(WHOLE)
    history = FakeHistory("Where is Rome?", "<In Italy.", "And Bonn?")

    await said(await COMMAND.handler(call(models, "And Bonn?", history)))

    assert [
        ("system", INSTRUCTIONS),
        ("user", "Where is Rome?"),
        ("assistant", "In Italy."),
        ("user", "And Bonn?"),
    ] == [(turn.speaker, turn.text) for turn in models.asked]


async def test_the_typed_command_is_not_said_twice() -> None:
    """In a group the message is `/chat …`."""
    models = FakeModels(WHOLE)

    await said(await COMMAND.handler(call(models, "And Bonn?", FakeHistory("/chat And Bonn?"))))

    assert ["And Bonn?"] == [turn.text for turn in models.asked if turn.speaker == "user"]


async def test_only_as_much_history_goes_along_as_fits() -> None:
    """Newest first; the question always."""
    models = FakeModels(WHOLE)
    history = FakeHistory("old", "x" * HISTORY_TOKENS * 4, "new", "Hi")

    await said(await COMMAND.handler(call(models, "Hi", history)))

    assert ["new", "Hi"] == [turn.text for turn in models.asked if turn.speaker == "user"]


async def test_the_small_model_gets_little_and_its_answer_is_marked() -> None:
    """It reads 2048 tokens, slowly, and is often wrong."""
    models = FakeModels([Delta(text="Bonn."), Delta(finish="stop", answered_by=SMALL)], SMALL)
    history = FakeHistory("x" * 3000, "<Yes.\n\n_built-in small model: may be wrong_", "Hi")

    items = await said(await COMMAND.handler(call(models, "Hi", history)))

    assert Reply(text="Bonn.\n\n_built-in small model: may be wrong_", link_hosts=NO_LINKS) == items[-1]
    assert ["Yes.", "Hi"] == [turn.text for turn in models.asked[1:]]
    assert SMALL_ANSWER_TOKENS == models.settings["max_output_tokens"]


async def test_the_mark_follows_the_model_that_answered() -> None:
    """The small one may have taken over from a capable one."""
    models = FakeModels([Delta(text="Bonn."), Delta(finish="stop", answered_by=SMALL)], CAPABLE)

    items = await said(await COMMAND.handler(call(models, "Hi")))

    assert Reply(text="Bonn.\n\n_built-in small model: may be wrong_", link_hosts=NO_LINKS) == items[-1]


@pytest.mark.parametrize(
    ("deltas", "note"),
    [
        ([Delta(text="Well"), Delta(finish="length")], "longer than allowed"),
        ([Delta(text="No"), Delta(finish="refusal")], "declined"),
        ([Delta(finish="refusal")], "declined"),
        ([Delta(reasoning="hm"), Delta(finish="stop")], "gave no text"),
    ],
)
async def test_an_unusual_end_is_said(deltas: list[Delta], note: str) -> None:
    """An answer that just stops looks like a fault of ours."""
    items = await said(await COMMAND.handler(call(FakeModels(deltas), "Hi")))

    last = items[-1]
    assert isinstance(last, Reply)
    assert note in last.text


async def test_a_failure_in_mid_answer_reaches_the_router() -> None:
    """It words the failure after what was written so far."""
    models = FakeModels([Delta(text="Hel"), Unavailable("cut off", service="v")])
    reply = await COMMAND.handler(call(models, "Hi"))
    assert reply.stream is not None

    first = await anext(reply.stream)

    assert "Hel" == first
    with pytest.raises(Unavailable):
        await anext(reply.stream)


async def test_leaving_early_closes_the_call() -> None:
    """A cancelled command must not go on paying."""
    models = FakeModels(WHOLE)
    stream = cast("Any", (await COMMAND.handler(call(models, "Hi"))).stream)
    await anext(stream)

    await stream.aclose()

    assert models.is_closed
