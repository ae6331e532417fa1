"""Bring what people attached, from whichever platform it came by (the `Attached` port)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from quarterdeck.core.adapter import Ability, Adapter, Downloads
from quarterdeck.core.errors import UsageError
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.model import Enclosed
from quarterdeck.runtime.process.tasks import in_thread


class AttachedFiles:
    """Ask the platform's adapter; what it writes is read and deleted at once."""

    def __init__(self, adapters: Mapping[str, Adapter]) -> None:
        self._adapters = adapters

    async def fetch(
        self, attachment: Attachment, conversation: Conversation, *, limit_bytes: int
    ) -> Enclosed:
        """Return the file's bytes.

        Raises:
            UsageError: it is larger than `limit_bytes`, or the platform gives no files.
            ServiceError: the platform did not give it.
        """
        adapter = self._adapters.get(conversation.platform)
        if adapter is None or Ability.FILES not in adapter.abilities or not hasattr(adapter, "download"):
            raise UsageError(
                f"files cannot be fetched from {conversation.platform}", hint="send it on another platform"
            )
        if attachment.size_bytes > limit_bytes:
            raise _too_large(attachment, limit_bytes)
        with tempfile.TemporaryDirectory(prefix="quarterdeck-") as folder:
            into = Path(folder) / "file"
            await cast("Downloads", adapter).download(attachment, into, limit_bytes=limit_bytes)
            content = await in_thread(into.read_bytes)
        if len(content) > limit_bytes:
            raise _too_large(attachment, limit_bytes)
        return Enclosed(media_type=attachment.media_type, content=content, name=attachment.name)


def _too_large(attachment: Attachment, limit_bytes: int) -> UsageError:
    return UsageError(
        f"{attachment.name} is larger than {limit_bytes // 1024 // 1024} MiB", hint="send a smaller file"
    )
