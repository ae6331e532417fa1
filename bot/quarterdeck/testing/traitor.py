"""Be the worst language model there can be: it does whatever any text tells it to, whoever wrote that text."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from quarterdeck.core.model import Connected, Delta, ModelMessage, ToolCall, Wanted

ORDER: Final = re.compile(r"CALL (?P<tool>[\w.-]{1,80}) (?P<arguments>\{.*?\}) END", re.DOTALL)
"""How a text tells the traitor to use a tool."""
TRAITOR: Final = Connected(provider="custom", model="traitor")


def order(tool: str, **arguments: object) -> str:
    """Return the words that make a traitor use a tool."""
    return f"CALL {tool} {json.dumps(arguments)} END"


class Traitor:
    """Implement `Models`: obey every order once, wherever it stands, also tools that were never offered.

    `offered` remembers the names of the tools of each call; `heard` what it was told last.
    """

    def __init__(self, says: str = "Done.") -> None:
        self._says = says
        self.offered: list[tuple[str, ...]] = []
        self.heard: list[ModelMessage] = []

    async def connected(self, role: str = "chat") -> Connected | None:
        """Be the model of every role."""
        return TRAITOR

    async def how_to_connect(self) -> str:
        """Say how."""
        return "It is connected."

    async def complete(
        self,
        messages: Sequence[ModelMessage],
        *,
        role: str = "chat",
        max_output_tokens: int = 1024,
        person_id: str = "",
        conversation_id: str = "",
        workflow: str = "",
        wanted: Wanted = Wanted(),  # noqa: B008 - frozen
    ) -> AsyncGenerator[Delta, None]:
        """Obey what was not obeyed yet, all at once; when there is nothing left, say so."""
        self.heard = list(messages)
        self.offered.append(tuple(tool.name for tool in wanted.tools))
        obeyed = {(call.name, call.arguments) for message in messages for call in message.tool_calls}
        wishes = [one for message in messages for one in orders_in(message.text)]
        calls = [one for one in dict.fromkeys(wishes) if one not in obeyed]
        if not calls:
            yield Delta(text=self._says)
            yield Delta(finish="stop", answered_by=TRAITOR)
            return
        yield Delta(text="Of course.")
        yield Delta(
            finish="tool_calls",
            answered_by=TRAITOR,
            tool_calls=tuple(
                ToolCall(id=f"c{len(obeyed) + n}", name=name, arguments=arguments)
                for n, (name, arguments) in enumerate(calls)
            ),
        )


def orders_in(text: str) -> list[tuple[str, str]]:
    """Return the tools and arguments that a text asks for; orders inside JSON are read as well."""
    try:
        unquoted = json.loads(text)
    except ValueError:
        return [(one["tool"].replace(".", "_"), one["arguments"]) for one in ORDER.finditer(text)]
    return [one for value in _texts(unquoted) for one in orders_in(value)]


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []
