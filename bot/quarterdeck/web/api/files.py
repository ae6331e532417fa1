"""Take files and give them out: written to disk piece by piece, shown only to whom they belong."""

from __future__ import annotations

import mimetypes
import os
import secrets
import time
from pathlib import Path

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.multipart import MultipartReader

from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.ports import Clock
from quarterdeck.core.screen import Rooms, StoredFile
from quarterdeck.runtime.paths import FILE_MODE
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.web.access.gate import Gate
from quarterdeck.web.api import shapes
from quarterdeck.web.api.endpoint import Asked, Endpoint, Parameter

FOLDER = "web"
CHUNK_BYTES = 64 * 1024
PART_BYTES = 16 * 1024  # what multipart adds around a file
UPLOAD_S = 120.0
KEPT_S = 30 * 86_400.0  # files that nobody has opened for so long make room
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
LONGEST_NAME = 200


class FileEndpoints:
    """Be behind `/uploads` and `/files`."""

    def __init__(self, rooms: Rooms, folder: Path, clock: Clock) -> None:
        self._rooms, self._folder, self._clock = rooms, folder / FOLDER, clock

    def all(self, gate: Gate) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(
                method="POST",
                path="/uploads",
                summary="Upload a file, to be sent with a message",
                handle=self._take,
                principal=gate.api,
                answer=shapes.File,
                status=201,
                body_bytes=shapes.FILE_BYTES + PART_BYTES,
                takes_file=True,
            ),
            Endpoint(
                method="GET",
                path="/files/{id}",
                summary="Download a file of yours",
                handle=self._give,
                principal=gate.api,
                parameters=(Parameter(name="inline", summary="1: show a picture in place", max_length=1),),
                media_type="application/octet-stream",
            ),
        ]

    async def _take(self, asked: Asked) -> shapes.File:
        if asked.request.content_type != "multipart/form-data":
            raise UsageError("send multipart/form-data with one field `file`")
        try:
            reader = await asked.request.multipart()
            part = await _file_part(reader)
            name = _name(part.filename or "file")
            file_id = secrets.token_hex(16)
            path = self._folder / file_id
            size_bytes = await self._written(part, path)
            if await reader.next() is not None:
                await in_thread(path.unlink, missing_ok=True)
                raise UsageError("send one field called `file`, and nothing beside it")
        except (ValueError, AssertionError, RuntimeError, HttpProcessingError) as error:
            raise UsageError("the body is no multipart/form-data with one field `file`") from error
        guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
        file = StoredFile(
            id=file_id,
            owner=asked.caller.owner,
            name=name,
            media_type=guessed,
            size_bytes=size_bytes,
            path=str(path),
            created_at_ms=self._clock.now_ms(),
        )
        await self._rooms.add_file(file)
        return shapes.File(id=file.id, name=name, media_type=guessed, size_bytes=size_bytes)

    async def _give(self, asked: Asked) -> web.StreamResponse:
        file = await self._rooms.file(asked.caller.owner, asked.path("id"))
        if file is None or not await in_thread(Path(file.path).is_file):
            raise NotFound("there is no such file", hint="it may have been deleted")
        is_shown = asked.query["inline"] == "1" and file.media_type in PICTURES
        response = web.FileResponse(file.path)
        response.content_type = file.media_type if is_shown else "application/octet-stream"
        disposition = "inline" if is_shown else "attachment"
        response.headers["Content-Disposition"] = f"{disposition}; filename*=UTF-8''{_encoded(file.name)}"
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
        response.headers["Cache-Control"] = "private, max-age=3600"
        return response

    async def _written(self, part: BodyPartReader, path: Path) -> int:
        await in_thread(_prepare, self._folder)
        size_bytes, output = 0, await in_thread(_created, path)
        try:
            while chunk := await part.read_chunk(CHUNK_BYTES):
                size_bytes += len(chunk)
                if size_bytes > shapes.FILE_BYTES:
                    raise web.HTTPRequestEntityTooLarge(shapes.FILE_BYTES, size_bytes)
                await in_thread(output.write, chunk)
        except BaseException:
            output.close()
            await in_thread(path.unlink, missing_ok=True)
            raise
        await in_thread(output.close)
        return size_bytes


async def _file_part(reader: MultipartReader) -> BodyPartReader:
    part = await reader.next()
    if not isinstance(part, BodyPartReader) or part.name != "file":
        raise UsageError("send one field called `file`")
    return part


def _created(path: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202  a binary file
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb")


def _prepare(folder: Path) -> None:
    """Make the folder, and room in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in folder.iterdir():
        if max(old.stat().st_mtime, old.stat().st_atime) < time.time() - KEPT_S:
            old.unlink(missing_ok=True)


def _name(written: str) -> str:
    """Return a file's name without a path, and without what could hide its ending."""
    name = "".join(sign for sign in Path(written.replace("\\", "/")).name if sign.isprintable())
    return name[-LONGEST_NAME:].strip() or "file"


def _encoded(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="", errors="replace")
