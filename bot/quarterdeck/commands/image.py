"""`/image`: have a picture drawn, or one that is attached changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from quarterdeck.core.budget import dollars
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.image import LONGEST_PROMPT, MOST_PICTURES, Drawing
from quarterdeck.core.reply import Card, Reply

EDIT_LIMIT_BYTES = 20 * 1024 * 1024
LARGEST_SEED = 2**31 - 1  # what every vendor takes
LONGEST_SHOWN = 600  # characters of the prompt in the caption


async def image(call: Call) -> Reply:
    """Draw and say how far it is; without a model that draws, say how to connect one."""
    if await call.services.images.connected() is None:
        body = call.services.images.how_to_connect()
        return Reply(card=Card(title="Connect a model that draws", body=body))
    return Reply(stream=_drawn(call))


async def _drawn(call: Call) -> AsyncIterator[str | Reply]:
    """Yield how far it is, and last the pictures with what they show and cost."""
    told: asyncio.Queue[str] = asyncio.Queue()
    work = asyncio.create_task(_draw(call, told))
    try:
        async for piece in _pieces(told, work):
            yield piece
        drawing = await work
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await work
    yield Reply(text=_caption(drawing), files=drawing.files)


async def _pieces(told: asyncio.Queue[str], work: asyncio.Task[Drawing]) -> AsyncIterator[str]:
    """Yield what is told until the work is over."""
    begun = False
    while not work.done():
        hearing = asyncio.create_task(told.get())
        try:
            await asyncio.wait({work, hearing}, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done():
                yield f" · {hearing.result()} " if begun else f"{hearing.result()} "
                begun = True
        finally:
            hearing.cancel()


async def _draw(call: Call, told: asyncio.Queue[str]) -> Drawing:
    edit, attachment = None, call.file("edit")
    if attachment is not None:
        edit = await call.services.attached.fetch(attachment, call.conversation, limit_bytes=EDIT_LIMIT_BYTES)
    count, seed = call.options.get("count"), call.options.get("seed")
    return await call.services.images.generate(
        call.text("prompt"),
        size=call.text("size"),
        count=count if isinstance(count, int) else 1,
        seed=seed if isinstance(seed, int) else None,
        edit=edit,
        person_id=call.person.id,
        conversation_id=call.conversation.id,
        progress=told.put,
    )


def _caption(drawing: Drawing) -> str:
    prompt = drawing.prompt
    shown = prompt if len(prompt) <= LONGEST_SHOWN else f"{prompt[:LONGEST_SHOWN]}…"
    cost = "price unknown" if drawing.microusd is None else dollars(drawing.microusd)
    many = f"{len(drawing.files)} pictures, " if len(drawing.files) > 1 else ""
    lines = [shown, f"_{drawing.model}, {many}{cost}_", *drawing.notes]
    return "\n\n".join(lines)


COMMAND = Command(
    name="image",
    summary="Have a picture drawn, or change one that you send along",
    handler=image,
    options=(
        Option(name="size", summary="Pixels such as 1024x1024, or a shape such as 16:9", max_length=20),
        Option(
            name="count",
            summary=f"How many pictures, 1 to {MOST_PICTURES}",
            kind="integer",
            minimum=1,
            maximum=MOST_PICTURES,
            default=1,
        ),
        Option(
            name="seed",
            summary="A number that makes the same picture again, where the model takes one",
            kind="integer",
            minimum=0,
            maximum=LARGEST_SEED,
        ),
        Option(name="edit", summary="The picture that is to be changed", kind="file"),
        Option(
            name="prompt",
            summary="What is to be seen",
            kind="text",
            required=True,
            positional=True,
            rest=True,
            max_length=LONGEST_PROMPT,
        ),
    ),
    allow="operator",
    effect="money",
    needs=("file",),
    examples=("/image a lighthouse in the fog", "/image --size 16:9 --count 2 a lighthouse in the fog"),
    detail=(
        "Drawn by the first model of `models.roles.image` that does. Options stand before the words. A picture that "
        "comes with the message is changed as the words say. The caption names model and price."
    ),
)
