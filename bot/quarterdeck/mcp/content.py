"""Turn what a tool returned into words and files: text as text, pictures and documents as files, all of it bounded."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final, Protocol, cast

from quarterdeck.core.reply import File
from quarterdeck.core.text import well_formed
from quarterdeck.core.tool import ToolResult
from quarterdeck.core.value import dataclass

LONGEST: Final = 200_000  # characters of the text of one result; a model is told far less
FILE_BYTES: Final = 8 * 1024 * 1024
MOST_FILES: Final = 4
ENDINGS: Final = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "application/pdf": ".pdf",
    "application/json": ".json",
    "text/csv": ".csv",
}
INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
"""What moves cursors, turns lines around or hides words: no part of a result."""

Block = Mapping[str, object]


class Files(Protocol):
    """Keep a file that is to be sent."""

    async def keep(self, name: str, content: bytes, media_type: str) -> File: ...


@dataclass(slots=True)
class _Gathered:
    texts: list[str] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    left_out: int = 0


async def result_of(said: Mapping[str, object], files: Files, *, stem: str) -> ToolResult:
    """Return a tool's answer (the wire's `CallToolResult`); whatever it says, strangers may have written it."""
    gathered = _Gathered()
    blocks = said.get("content")
    for block in cast("Sequence[object]", blocks) if isinstance(blocks, list) else ():
        if isinstance(block, Mapping):
            await _take(cast("Block", block), gathered, files, stem)
    structured = said.get("structuredContent")
    if structured is not None and not any(gathered.texts):
        gathered.texts.append(json.dumps(structured, ensure_ascii=False))
    if gathered.left_out:
        gathered.texts.append(f"({gathered.left_out} files were left out: too large, too many, or broken)")
    text = INVISIBLE.sub("", well_formed("\n\n".join(filter(None, gathered.texts))).replace("\r\n", "\n"))
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}\n… ({len(text) - LONGEST:,} more characters were left out)"
    return ToolResult(
        text=text or "Done.",
        is_error=said.get("isError") is True,
        is_untrusted=True,
        files=tuple(gathered.files),
    )


async def _take(block: Block, gathered: _Gathered, files: Files, stem: str) -> None:
    match block.get("type"):
        case "text":
            gathered.texts.append(str(block.get("text", ""))[: LONGEST + 1])
        case "image" | "audio":
            await _keep(str(block.get("data", "")), str(block.get("mimeType", "")), gathered, files, stem)
        case "resource_link":
            gathered.texts.append(f"(a link to {str(block.get('uri', ''))[:2000]}, which was not followed)")
        case "resource":
            resource = block.get("resource")
            held = cast("Block", resource) if isinstance(resource, Mapping) else {}
            if "text" in held:
                gathered.texts.append(str(held["text"])[: LONGEST + 1])
            else:
                await _keep(str(held.get("blob", "")), str(held.get("mimeType") or ""), gathered, files, stem)
        case _:
            gathered.left_out += 1


async def _keep(data: str, media_type: str, gathered: _Gathered, files: Files, stem: str) -> None:
    """Keep a file under a name of ours; its kind is known by a list, and everything else is plain bytes."""
    if len(gathered.files) >= MOST_FILES or len(data) > FILE_BYTES * 4 // 3 + 4:
        gathered.left_out += 1
        return
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        gathered.left_out += 1
        return
    kind = media_type.partition(";")[0].strip().lower()
    kind = kind if kind in ENDINGS else "application/octet-stream"
    name = f"{stem}-{len(gathered.files) + 1}{ENDINGS.get(kind, '.bin')}"
    gathered.files.append(await files.keep(name, content, kind))
    gathered.texts.append(f"(the file {name}, {len(content):,} bytes)")
