"""Bring a file that came with a message, from Discord's own servers only."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from quarterdeck.core.errors import Rejected, UsageError
from quarterdeck.core.message import Attachment
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_adapters.discord.api.rest import Rest

CDN: Final = "https://cdn.discordapp.com"
HOSTS: Final = ("https://cdn.discordapp.com/", "https://media.discordapp.net/")
EXPIRED: Final = frozenset({401, 403, 404})  # addresses are signed, for about a day


async def download(rest: Rest, cdn_url: str, attachment: Attachment, into: Path, *, limit_bytes: int) -> None:
    """Write the file to `into`.

    Raises:
        UsageError: it is larger than `limit_bytes`.
        ServiceError: Discord did not give it.
    """
    if attachment.size_bytes > limit_bytes:
        raise _too_large(attachment, limit_bytes)
    try:
        content = await rest.fetch(_address(attachment.url, cdn_url), limit_bytes)
    except Rejected as error:
        if error.status not in EXPIRED:
            raise
        said = await rest.call(
            "POST", "/attachments/refresh-urls", body={"attachment_urls": [attachment.url]}
        )
        fresh = str(said["refreshed_urls"][0]["refreshed"])
        content = await rest.fetch(_address(fresh, cdn_url), limit_bytes)
    if content is None:
        raise _too_large(attachment, limit_bytes)
    await in_thread(into.write_bytes, content)


def _address(url: str, cdn_url: str) -> str:
    """Return where to fetch a file; the settings may say another address for Discord's."""
    own = cdn_url.rstrip("/") + "/"
    if url.startswith(own):
        return url
    for host in HOSTS:
        if url.startswith(host):
            return own + url.removeprefix(host) if own != CDN + "/" else url
    host = urlsplit(url).hostname or ""
    raise Rejected(f"{host[:100]!r} is not where Discord keeps files", service="discord", status=0)


def _too_large(attachment: Attachment, limit_bytes: int) -> UsageError:
    return UsageError(
        f"{attachment.name!r} is larger than {limit_bytes:,} bytes",
        hint="send a smaller file, or a part of it",
    )
