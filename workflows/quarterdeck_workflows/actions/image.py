"""Have a model draw pictures, into the run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.errors import UsageError
from quarterdeck.core.image import LONGEST_PROMPT, MOST_PICTURES
from quarterdeck.core.model import Enclosed
from quarterdeck.core.ports import Json
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.actions.kit.declared import FILE, STRING, Declared, shape, text, whole
from quarterdeck_workflows.actions.kit.folder import RunFolder, folder_of
from quarterdeck_workflows.actions.kit.given import text_of, whole_of

NAME_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9 ._-]*$"
SOURCE_BYTES: Final = 20 * 1024 * 1024
PICTURES: Final = {"PNG": (b"\x89PNG\r\n\x1a\n", "image/png"), "JPEG": (b"\xff\xd8\xff", "image/jpeg")}


async def _generate(call: ActionCall) -> Json:
    folder = folder_of(call)
    source = text_of(call, "edit")
    seed = whole_of(call, "seed", -1)
    drawing = await call.services.images.generate(
        text_of(call, "prompt"),
        size=text_of(call, "size"),
        count=whole_of(call, "count", 1),
        seed=seed if seed >= 0 else None,
        edit=await in_thread(_picture, folder, source) if source else None,
        person_id=call.person.id,
        conversation_id=call.conversation.id,
        workflow=call.workflow,
        progress=call.progress,
    )
    stem = text_of(call, "name", "picture")
    files: list[Json] = []
    for n, file in enumerate(drawing.files, 1):
        suffix = Path(file.name).suffix or ".png"
        name = f"{stem}{suffix}" if len(drawing.files) == 1 else f"{stem}-{n}{suffix}"
        content = await in_thread(Path(file.path).read_bytes)
        await in_thread(folder.write, name, content)
        files.append(name)
    return {
        "files": files,
        "model": str(drawing.model),
        "microusd": drawing.microusd,
        "notes": list(drawing.notes),
    }


def _picture(folder: RunFolder, name: str) -> Enclosed:
    content = folder.read(name, SOURCE_BYTES)
    for mark, media_type in PICTURES.values():
        if content.startswith(mark):
            return Enclosed(media_type=media_type, content=content, name=name)
    raise UsageError(f"{name!r} is no picture that can be edited", hint="give a PNG or a JPEG")


ACTIONS = (
    Declared(
        ActionSpec(
            id="image.generate",
            summary="Have a model draw pictures, or change one",
            input=shape(
                {"prompt": text("What to draw", longest=LONGEST_PROMPT)},
                {
                    "size": text("1024x1024 or 16:9", longest=20, pattern="^[0-9]+[x:][0-9]+$"),
                    "count": whole("How many", 1, MOST_PICTURES, 1),
                    "seed": whole("The same seed draws the same again, where the model can", 0, 2**31 - 1),
                    "edit": FILE,
                    "name": text(
                        "What the files are called, without an ending", longest=80, pattern=NAME_PATTERN
                    ),
                },
            ),
            output=shape(
                {
                    "files": {"type": "array", "items": STRING},
                    "model": STRING,
                    "microusd": {"type": ["integer", "null"]},
                    "notes": {"type": "array", "items": STRING},
                }
            ),
            effect="money",
            idempotency="none",
            timeout_s=600.0,
        ),
        _generate,
    ),
)
