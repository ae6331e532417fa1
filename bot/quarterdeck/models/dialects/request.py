"""Put a request into the shape that most wire formats share."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import orjson

from quarterdeck.core.errors import Rejected
from quarterdeck.core.model import ANY_TOOL, FREE, NO_TOOL, Enclosed, ModelMessage, ModelRequest, Tool
from quarterdeck.models.providers.capabilities import Capabilities
from quarterdeck.runtime.process.tasks import in_thread

ENCLOSED_LIMIT_BYTES: Final = 20 * 1024 * 1024  # of one request; what vendors take lies between 5 and 50 MB
UNSUPPORTED: Final = 415
TEXT_TYPES: Final = ("text/", "application/json", "application/xml", "application/yaml")

Turn = dict[str, object]


async def loaded(request: ModelRequest, ways: Capabilities, service: str) -> ModelRequest:
    """Return the request with the bytes of all that is enclosed; files of plain text become text.

    Raises:
        Rejected: the model takes no such files, or they are too large.
    """
    if not any(message.enclosed for message in request.messages):
        return request
    messages = [await _loaded(message) for message in request.messages]
    size_bytes = 0
    for one in (one for message in messages for one in message.enclosed):
        size_bytes += len(content_of(one))
        if one.is_image and ways.vision == "none":
            raise _refused(service, f"{request.model} of {service} takes no pictures")
        if not one.is_image and not ways.files:
            raise _refused(service, f"{request.model} of {service} takes no files of type {one.media_type}")
    if size_bytes > ENCLOSED_LIMIT_BYTES:
        raise _refused(service, f"{size_bytes} bytes of files are too many for one question")
    return replace(request, messages=tuple(messages))


async def _loaded(message: ModelMessage) -> ModelMessage:
    kept, texts = [], [message.text] if message.text else []
    for one in message.enclosed:
        content = one.content
        read = await in_thread(content.read_bytes) if isinstance(content, Path) else content
        if one.media_type.startswith(TEXT_TYPES):
            texts.append(f"File {one.name or 'without a name'}:\n{read.decode(errors='replace')}")
        else:
            kept.append(replace(one, content=read))
    return replace(message, text="\n\n".join(texts), enclosed=tuple(kept))


def content_of(one: Enclosed) -> bytes:
    """Return the bytes of what `loaded` read."""
    return one.content if isinstance(one.content, bytes) else b""


def base64_of(one: Enclosed) -> str:
    """Return the content as base64."""
    return base64.b64encode(content_of(one)).decode()


def data_uri(one: Enclosed) -> str:
    """Return the content as an address that holds it."""
    return f"data:{one.media_type};base64,{base64_of(one)}"


def _refused(service: str, message: str) -> Rejected:
    hint = "ask without the file, or name a model for the role `vision`"
    return Rejected(message, service=service, status=UNSUPPORTED, hint=hint)


def system_of(request: ModelRequest) -> str:
    """Return all instructions as one text: some servers refuse several."""
    return "\n\n".join(message.text for message in request.messages if message.speaker == "system")


def turns_of(request: ModelRequest) -> list[ModelMessage]:
    """Return what people, the model and tools said; neighbours of one speaker are joined: turns must alternate."""
    turns: list[ModelMessage] = []
    for message in request.messages:
        if message.speaker == "system":
            continue
        before = turns[-1] if turns else None
        if before is None or not _is_plain(before, message):
            turns.append(message)
            continue
        text = "\n\n".join(filter(None, (before.text, message.text)))
        turns[-1] = replace(before, text=text, enclosed=(*before.enclosed, *message.enclosed))
    return turns


def _is_plain(*messages: ModelMessage) -> bool:
    """Tell whether turns can be joined into one."""
    speakers = {message.speaker for message in messages}
    return (
        len(speakers) == 1 and speakers <= {"user", "assistant"} and not any(m.tool_calls for m in messages)
    )


def plain_turns_of(request: ModelRequest) -> list[Turn]:
    """Return instructions and turns as bare text, for models that know nothing else."""
    system = system_of(request)
    first: list[Turn] = [{"role": "system", "content": system}] if system else []
    return first + [{"role": message.speaker, "content": message.text} for message in turns_of(request)]


def with_schema_told(request: ModelRequest) -> ModelRequest:
    """Ask for JSON in words, where the endpoint cannot be held to a schema."""
    words = f"Answer with JSON only (json), and follow this JSON Schema: {json.dumps(request.json_schema)}"
    return replace(request, messages=(*request.messages, ModelMessage(speaker="system", text=words)))


def tools_of(request: ModelRequest, ways: Capabilities, service: str) -> tuple[Tool, ...]:
    """Return the tools to offer; none where the model is not to use any.

    Raises:
        Rejected: the model knows no tools.
    """
    if not request.tools or request.tool_choice == NO_TOOL:
        return ()
    if not ways.tools:
        message = f"{request.model} of {service} cannot use tools"
        raise Rejected(message, service=service, status=UNSUPPORTED, hint="choose another model")
    return request.tools


def forced_of(request: ModelRequest, ways: Capabilities) -> str:
    """Return `required` or the tool that the model must use; empty where it is free or cannot be forced."""
    choice = request.tool_choice
    if choice in (FREE, NO_TOOL) or ways.tool_choice in ("none", "no-forced"):
        return ""
    if ways.tool_choice == "no-forced-when-thinking" and ways.is_thinking(request.effort):
        return ""
    return choice


def is_any(forced: str) -> bool:
    """Tell whether any tool will do."""
    return forced == ANY_TOOL


def closed(schema: Mapping[str, object]) -> dict[str, object]:
    """Return a schema in which every object allows nothing but its properties: what strict endpoints ask for."""
    made = {key: _closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" or "properties" in schema:
        made.setdefault("additionalProperties", False)
    return made


def _closed(value: object) -> object:
    if isinstance(value, Mapping):
        return closed(value)
    return [_closed(one) for one in value] if isinstance(value, list) else value


def merged(into: dict[str, object], *patches: Mapping[str, object]) -> dict[str, object]:
    """Lay patches over a request body; maps are merged, anything else is replaced."""
    for patch in patches:
        for key, value in patch.items():
            before = into.get(key)
            if isinstance(before, dict) and isinstance(value, Mapping):
                merged(before, value)
            else:
                into[key] = dict(value) if isinstance(value, Mapping) else value
    return into


def without(body: Mapping[str, object], dropped: Sequence[str]) -> dict[str, object]:
    """Leave out what the endpoint refuses."""
    return {name: value for name, value in body.items() if name not in dropped}


def encoded(body: Mapping[str, object]) -> bytes:
    """Return a body as JSON; what no encoding has, such as the half of a pair of surrogates, is escaped."""
    try:
        return orjson.dumps(body, default=_plain)
    except TypeError:
        return json.dumps(body, default=_plain).encode()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


def parts(value: object) -> Iterable[Mapping[str, object]]:
    """Yield the maps of a list, whatever a server wrote."""
    return (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else ()


def mapping(value: object) -> Mapping[str, object]:
    """Return a map, an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def text(value: object) -> str:
    """Return a text, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """Return a number of tokens, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
