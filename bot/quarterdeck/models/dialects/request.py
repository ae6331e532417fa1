"""Put a request into the shape that most wire formats share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from quarterdeck.core.model import ModelRequest

Turn = dict[str, str]


def messages_of(request: ModelRequest) -> list[Turn]:
    """Return the turns, all instructions joined into one at the begin: some servers refuse several."""
    system = system_of(request)
    turns = turns_of(request)
    return [{"role": "system", "content": system}, *turns] if system else turns


def system_of(request: ModelRequest) -> str:
    """Return all instructions as one text."""
    return "\n\n".join(message.text for message in request.messages if message.speaker == "system")


def turns_of(request: ModelRequest) -> list[Turn]:
    """Return what people and the model said; neighbours of one speaker are joined: turns must alternate."""
    turns: list[Turn] = []
    for message in request.messages:
        if message.speaker == "system":
            continue
        if turns and turns[-1]["role"] == message.speaker:
            turns[-1]["content"] += "\n\n" + message.text
        else:
            turns.append({"role": message.speaker, "content": message.text})
    return turns


def with_schema_told(messages: Sequence[Turn], schema: Mapping[str, object]) -> list[Turn]:
    """Ask for JSON in words, where the endpoint cannot be held to a schema."""
    words = f"Answer with JSON only, and follow this JSON Schema: {json.dumps(schema)}"
    if messages and messages[0]["role"] == "system":
        first = {"role": "system", "content": f"{messages[0]['content']}\n\n{words}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]
