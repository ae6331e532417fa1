"""Bind files to what is approved: by the hash of their bytes, shown to approvers and taken again before it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from quarterdeck.core.errors import UsageError
from quarterdeck.core.image import Attached
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.ports import Services

FILES: Final = "attached files"  # beside the options; no option's name has a blank
MOST_FILES: Final = 10
LARGEST_BYTES: Final = 20 * 1024 * 1024


async def with_files(
    options: Mapping[str, object],
    attachments: Sequence[Attachment],
    conversation: Conversation,
    services: Services,
) -> Mapping[str, object]:
    """Return the options and, beside them, each file with the hash of the bytes that the platform gives now.

    Raises:
        UsageError: there are too many, or one is too large.
        ServiceError: the platform did not give one.
    """
    if not attachments:
        return options
    if len(attachments) > MOST_FILES:
        raise UsageError(
            f"this needs an approval, and {len(attachments)} files cannot be shown to approvers",
            hint=f"send at most {MOST_FILES} files",
        )
    return {**options, FILES: [await _bound(one, conversation, services.attached) for one in attachments]}


async def _bound(one: Attachment, conversation: Conversation, attached: Attached) -> Mapping[str, object]:
    found = await attached.fetch(one, conversation, limit_bytes=LARGEST_BYTES)
    content = found.content if isinstance(found.content, bytes) else found.content.read_bytes()
    return {
        "name": one.name,
        "media_type": one.media_type,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "handle": one.url,
        "told_bytes": one.size_bytes,
    }


def split(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Attachment, ...]]:
    """Return what was approved as options and attachments."""
    options = dict(arguments)
    files = cast("list[Mapping[str, Any]]", options.pop(FILES, []))
    return options, tuple(
        Attachment(
            name=one["name"], media_type=one["media_type"], size_bytes=one["told_bytes"], url=one["handle"]
        )
        for one in files
    )


def shown(value: Any) -> list[str]:
    """Return a line for each file: name, size and hash; where it lies is nobody's business."""
    return [f"{one['name']} ({one['size_bytes']:,} bytes, SHA-256 {one['sha256']})" for one in value]
