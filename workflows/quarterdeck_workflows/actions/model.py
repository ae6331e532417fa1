"""Ask language models: for text, for data of a schema, for one label of several."""

from __future__ import annotations

from typing import Final, cast

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.ports import Json
from quarterdeck_workflows.actions.kit.asking import ANSWERED, Question, ask, ask_json, checked_schema
from quarterdeck_workflows.actions.kit.declared import (
    BOOLEAN,
    STRING,
    Declared,
    listed,
    number,
    one_of,
    shape,
    text,
    whole,
)
from quarterdeck_workflows.actions.kit.given import map_of, number_of, text_of, texts_of, whole_of

ROLE: Final = one_of(
    "Which models answer, as `models.roles` names them", "chat", "fast", "vision", default="chat"
)
TOKENS: Final = whole("The most that the answer may hold, in tokens", 16, 32_000, 1024)
CONTENT: Final = text(
    "What to work on; it is fenced in, so that nothing in it can give instructions", least=0
)
EXTRACT_WORDS: Final = "Read the content and fill in the form that the JSON Schema describes. Invent nothing."
CLASSIFY_WORDS: Final = "Choose the one label that fits the content best."
TIMEOUT_S: Final = 180.0


async def _complete(call: ActionCall) -> Json:
    heat = number_of(call, "temperature", -1.0)
    question = Question(
        instructions=text_of(call, "prompt"),
        content=text_of(call, "content"),
        role=text_of(call, "role", "chat"),
        output_tokens=whole_of(call, "max_tokens", 1024),
        temperature=heat if heat >= 0 else None,
    )
    said = await ask(call, question)
    return {"text": said.text, "cut": said.is_cut, **said.about()}


async def _extract(call: ActionCall) -> Json:
    question = Question(
        instructions=text_of(call, "instructions", EXTRACT_WORDS),
        content=text_of(call, "content"),
        role=text_of(call, "role", "chat"),
        output_tokens=whole_of(call, "max_tokens", 2048),
        schema=checked_schema(map_of(call, "schema")),
    )
    value, said = await ask_json(call, question)
    return {"value": value, **said.about()}


async def _classify(call: ActionCall) -> Json:
    labels: list[Json] = list(texts_of(call, "labels"))
    question = Question(
        instructions=text_of(call, "instructions", CLASSIFY_WORDS),
        content=text_of(call, "content"),
        role=text_of(call, "role", "fast"),
        output_tokens=256,
        schema=shape({"label": {"type": "string", "enum": labels}}),
    )
    value, said = await ask_json(call, question)
    return {"label": cast("dict[str, Json]", value)["label"], **said.about()}


ACTIONS = (
    Declared(
        ActionSpec(
            id="model.complete",
            summary="Have a model write a text",
            input=shape(
                {"prompt": text("What to do", longest=50_000)},
                {
                    "content": CONTENT,
                    "role": ROLE,
                    "max_tokens": TOKENS,
                    "temperature": number(
                        "How freely it writes; the vendor's own where it is left out", 0.0, 2.0
                    ),
                },
            ),
            output=shape({"text": STRING, "cut": BOOLEAN, **ANSWERED}),
            is_untrusted=True,
            timeout_s=TIMEOUT_S,
        ),
        _complete,
    ),
    Declared(
        ActionSpec(
            id="model.extract",
            summary="Have a model turn text into data of a JSON Schema",
            input=shape(
                {
                    "content": CONTENT,
                    "schema": {
                        "type": "object",
                        "description": "The JSON Schema of the data, an object at its root",
                    },
                },
                {
                    "instructions": text("What to look for", longest=50_000),
                    "role": ROLE,
                    "max_tokens": whole("The most that the data may hold, in tokens", 16, 32_000, 2048),
                },
            ),
            output=shape({"value": {"type": "object"}, **ANSWERED}),
            is_untrusted=True,
            timeout_s=TIMEOUT_S,
        ),
        _extract,
    ),
    Declared(
        ActionSpec(
            id="model.classify",
            summary="Have a model choose one of several labels",
            input=shape(
                {
                    "content": CONTENT,
                    "labels": listed(
                        "The labels", text("A label", longest=100), least=2, most=50, uniqueItems=True
                    ),
                },
                {
                    "instructions": text("How to choose", longest=50_000),
                    "role": one_of(
                        "Which models answer, as `models.roles` names them",
                        "chat",
                        "fast",
                        "vision",
                        default="fast",
                    ),
                },
            ),
            output=shape({"label": STRING, **ANSWERED}),
            is_untrusted=True,
            timeout_s=TIMEOUT_S,
        ),
        _classify,
    ),
)
