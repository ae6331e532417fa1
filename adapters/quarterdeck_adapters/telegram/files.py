"""Bring files from Telegram, and take ours there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from quarterdeck.core.errors import Rejected, UsageError
from quarterdeck.core.message import Attachment
from quarterdeck.runtime.process.tasks import in_thread

if TYPE_CHECKING:
    from quarterdeck_adapters.telegram.api import Api

# Bot API, getFile, sendDocument and sendPhoto, 2026-11-21.
DOWNLOAD_BYTES: Final = 20_000_000
UPLOAD_BYTES: Final = 50_000_000
PHOTO_BYTES: Final = 10_000_000
PHOTOS: Final = frozenset({"image/jpeg", "image/png"})


async def download(api: Api, attachment: Attachment, into: Path, *, limit_bytes: int) -> None:
    """Write the file to `into`.

    Raises:
        UsageError: it is larger than `limit_bytes`, or than Telegram gives to bots.
        ServiceError: it did not come.
    """
    limit_bytes = min(limit_bytes, DOWNLOAD_BYTES)
    if attachment.size_bytes > limit_bytes:
        raise _too_large(limit_bytes)
    try:
        found = await api.call("getFile", {"file_id": attachment.url})
    except Rejected as error:
        if "too big" in error.detail.lower():
            raise _too_large(limit_bytes) from error
        raise
    count = 0
    with await in_thread(into.open, "wb") as file:
        async for piece in api.fetch(str(found["file_path"])):
            count += len(piece)
            if count > limit_bytes:
                raise _too_large(limit_bytes)
            file.write(piece)


async def upload(api: Api, file: Mapping[str, object], parameters: Mapping[str, object]) -> Any:
    """Send a file: a picture as one, unless Telegram does not take it for one; all else as a document.

    Raises:
        ServiceError: what happened.
        Moved: the chat has another id now; nothing was sent.
    """
    path, name = Path(str(file["path"])), str(file["name"])
    size_bytes = await in_thread(_size_of, path)
    if size_bytes is None or not 0 < size_bytes <= UPLOAD_BYTES:
        reason = "it is gone" if size_bytes is None else "it is over 50 MB" if size_bytes else "it is empty"
        raise Rejected(f"{name} cannot be sent on Telegram: {reason}", service="Telegram", status=413)
    if file["media_type"] in PHOTOS and size_bytes <= PHOTO_BYTES:
        try:
            return await _send(api, "sendPhoto", "photo", path, name, parameters)
        except Rejected as error:
            if error.status != 400 or "photo" not in error.detail.lower():
                raise
    return await _send(api, "sendDocument", "document", path, name, parameters)


async def _send(
    api: Api, method: str, field: str, path: Path, name: str, parameters: Mapping[str, object]
) -> Any:
    with await in_thread(path.open, "rb") as opened:
        return await api.upload(method, field, opened, name, parameters)


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _too_large(limit_bytes: int) -> UsageError:
    size = f"{limit_bytes / 1_000_000:.0f} MB" if limit_bytes >= 1_000_000 else f"{limit_bytes:,} bytes"
    return UsageError(f"the file is larger than {size}", hint="send a smaller one, or a link to it")
