"""Look into videos and pictures: take frames out, and have a vision model read what stands in them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.actions.frames.extraction import WORDS, Extraction, Order
from quarterdeck_workflows.actions.frames.film import Film
from quarterdeck_workflows.actions.frames.ledger import Ledger, publish, rows_of
from quarterdeck_workflows.actions.frames.source import Source, find
from quarterdeck_workflows.actions.kit.asking import USED, checked_schema
from quarterdeck_workflows.actions.kit.declared import (
    COUNT,
    STRING,
    Declared,
    number,
    one_of,
    shape,
    text,
    whole,
)
from quarterdeck_workflows.actions.kit.folder import folder_of
from quarterdeck_workflows.actions.kit.given import map_of, number_of, text_of, whole_of

HOURS_S: Final = 3600.0
SAMPLE: Final = 5  # rows
SHOWN_FAILURES: Final = 20
SOURCE: Final = text(
    "A video, a picture or a folder of pictures: of the run, or a whole path inside media.folders",
    longest=1_000,
)
EVERY: Final = number("Seconds between frames of a video", 0.02, 3600, 1.0)
WIDTH: Final = whole("The most pixels that a frame is wide and high", 64, 4096, 1024)
NAME: Final = text(
    "What the files are called; the source's name", longest=80, pattern="^[A-Za-z0-9][A-Za-z0-9 ._-]*$"
)
MOST_FILES: Final = 2_000


async def _frames(call: ActionCall) -> Json:
    source = await in_thread(find, text_of(call, "source"), call.folder, call.services.media_folders)
    folder, stem = folder_of(call), _stem(call, source)
    made: list[Json] = []
    async with _film(call, source, MOST_FILES) as film:
        for n in itertools.count():
            shot = await film.shot(n)
            if shot is None:
                break
            name = f"{stem}/{n:05}.jpg"
            await in_thread(folder.write, name, shot.jpeg)
            made.append({"file": name, "time_s": shot.at_s, "source": shot.name})
            if n % 50 == 49:
                await call.progress(f"{len(made)} frames taken")
    return {"frames": made, "folder": stem if made else ""}


async def _extract(call: ActionCall) -> Json:
    schema, rows_at = checked_schema(map_of(call, "schema")), text_of(call, "rows_at")
    columns = _columns(schema, rows_at)
    source = await in_thread(find, text_of(call, "source"), call.folder, call.services.media_folders)
    stem = _stem(call, source)
    asked = text_of(call, "instructions")
    order = Order(
        instructions=f"{WORDS}\n\n{asked}" if asked else WORDS,
        schema=schema,
        role=text_of(call, "role", "vision"),
        output_tokens=whole_of(call, "max_tokens", 1024),
        concurrency=whole_of(call, "concurrency", 1),
    )
    every_s, width = number_of(call, "every_s", 1.0), whole_of(call, "width", 1024)
    folder = folder_of(call)
    place = await in_thread(folder.place, f"{stem}.jsonl")
    place = place.with_name(stem)
    ledger = Ledger(place, order.digest(source.mark, every_s, width), folder.claim)
    await in_thread(ledger.open)
    try:
        async with _film(call, source, whole_of(call, "max_frames", 10_000)) as film:
            work = Extraction(call, order, film, ledger)
            await work.run()
        await in_thread(folder.claim, 2 * ledger.size_bytes)  # the rows once more, as lines and as a table
        count = await in_thread(publish, ledger, place, columns, rows_at)
        sample = await in_thread(lambda: list(itertools.islice(rows_of(ledger.lines(), rows_at), SAMPLE)))
    finally:
        ledger.close()
    failed = sorted(work.failed)
    return {
        "frames": work.seen,
        "rows": count,
        "jsonl": f"{stem}.jsonl",
        "csv": f"{stem}.csv",
        "failed": len(failed),
        "failures": [{"frame": n, "error": error[:300]} for n, error in failed[:SHOWN_FAILURES]],
        "sample": [dict(row) for row in sample],
        "model": work.model,
        "usage": {"input_tokens": work.input_tokens, "output_tokens": work.output_tokens},
    }


def _film(call: ActionCall, source: Source, most: int) -> Film:
    wanted = min(whole_of(call, "max_frames", most), most)
    return Film(
        source, every_s=number_of(call, "every_s", 1.0), width=whole_of(call, "width", 1024), most=wanted
    )


def _stem(call: ActionCall, source: Source) -> str:
    """Return what the files are called: letters that every system takes."""
    given = text_of(call, "name") or Path(source.name).stem
    kept = "".join(sign if sign.isascii() and (sign.isalnum() or sign in " ._-") else "-" for sign in given)[
        :80
    ]
    return kept.strip(" .") or "frames"


def _columns(schema: Mapping[str, Json], rows_at: str) -> list[str]:
    """Return the columns of the rows, in the schema's order.

    Raises:
        UsageError: `rows_at` names no list of the schema.
    """
    fields = cast("Mapping[str, Mapping[str, Json]]", schema.get("properties", {}))
    if not rows_at:
        return list(fields)
    if rows_at not in fields or fields[rows_at].get("type") != "array":
        raise UsageError(
            f"rows_at: {rows_at!r} is no list of the schema", hint="name a property of type array"
        )
    items = cast("Mapping[str, Json]", fields[rows_at].get("items", {}))
    inner = cast("Mapping[str, Json]", items.get("properties", {}))
    return list(inner) or ["value"]


ACTIONS = (
    Declared(
        ActionSpec(
            id="media.frames",
            summary="Take frames out of a video, or pictures of a folder, as JPEG files of the run",
            input=shape(
                {"source": SOURCE},
                {
                    "every_s": EVERY,
                    "max_frames": whole("How many at the most", 1, MOST_FILES, 100),
                    "width": WIDTH,
                    "name": NAME,
                },
            ),
            output=shape(
                {
                    "frames": {
                        "type": "array",
                        "items": shape(
                            {"file": STRING, "time_s": {"type": ["number", "null"]}, "source": STRING}
                        ),
                    },
                    "folder": STRING,
                }
            ),
            is_untrusted=True,
            timeout_s=HOURS_S,
        ),
        _frames,
    ),
    Declared(
        ActionSpec(
            id="media.extract",
            summary="Have a vision model fill in a JSON Schema for every frame, as rows in JSON Lines and CSV",
            input=shape(
                {
                    "source": SOURCE,
                    "schema": {
                        "type": "object",
                        "description": "The JSON Schema of one frame's data, an object at its root",
                    },
                },
                {
                    "instructions": text("What to look for", longest=20_000),
                    "rows_at": text(
                        "A list in the schema whose items become rows, instead of one row a frame",
                        longest=100,
                    ),
                    "every_s": EVERY,
                    "max_frames": whole("How many at the most", 1, 100_000, 10_000),
                    "width": WIDTH,
                    "role": one_of("Which models look", "vision", "chat", "fast", default="vision"),
                    "max_tokens": whole(
                        "The most that one frame's data may hold, in tokens", 16, 32_000, 1024
                    ),
                    "concurrency": whole("How many frames are asked about at once", 1, 16, 1),
                    "name": NAME,
                },
            ),
            output=shape(
                {
                    "frames": COUNT,
                    "rows": COUNT,
                    "jsonl": STRING,
                    "csv": STRING,
                    "failed": COUNT,
                    "failures": {"type": "array", "items": shape({"frame": COUNT, "error": STRING})},
                    "sample": {"type": "array", "items": {"type": "object"}},
                    "model": STRING,
                    "usage": USED,
                }
            ),
            idempotency="key",
            is_untrusted=True,
            timeout_s=24 * HOURS_S,
        ),
        _extract,
    ),
)
