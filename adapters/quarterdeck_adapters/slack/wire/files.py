"""Send files by Slack's external upload, and bring those that people sent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import urlsplit

import aiohttp

from quarterdeck.core.adapter import Memory
from quarterdeck.core.errors import Rejected, UsageError
from quarterdeck.core.message import Attachment
from quarterdeck.runtime.network.http import failure_of, refusal_of
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_adapters.slack.errors import SERVICE
from quarterdeck_adapters.slack.ids import Place
from quarterdeck_adapters.slack.reading.messages import items, mapping, text_of

if TYPE_CHECKING:
    from quarterdeck_adapters.slack.wire.client import Client

UPLOAD_S: Final = aiohttp.ClientTimeout(total=300.0)
KEPT_S: Final = 86_400.0
PIECE_BYTES: Final = 256 * 1024
SLACK_HOSTS: Final = ("slack.com", "slack-files.com", "slack-gov.com")


class Files:
    """Move files in both directions over the shared session; only Slack's own hosts see our token."""

    def __init__(self, session: aiohttp.ClientSession, memory: Memory, api_url: str) -> None:
        self._session, self._memory = session, memory
        self._api_host = urlsplit(api_url).netloc

    async def send(self, client: Client, place: Place, body: Mapping[str, object], key: str) -> str:
        """Upload files and share them in one message; a key that was shared before is not shared again.

        Raises:
            ServiceError: a file cannot be read, or Slack refused it.
        """
        known = await self._memory.get(f"upload:{key}")
        uploaded = (
            [str(one) for one in known] if isinstance(known, Sequence) and not isinstance(known, str) else []
        )
        files = items(body, "files")
        if uploaded and await self._is_shared(client, uploaded[0]):
            return f"file:{uploaded[0]}"
        if not uploaded:
            uploaded = [await self._upload(client, file) for file in files]
            await self._memory.put(f"upload:{key}", uploaded, keep_s=KEPT_S)
        named = zip(uploaded, files, strict=True)
        user = str(body.get("to") or "")
        channel = await _direct(client, user) if user and not place.channel.startswith("D") else place.channel
        await client.files_completeUploadExternal(
            files=[{"id": one, "title": text_of(file, "name")} for one, file in named],
            channel_id=channel,
            thread_ts=place.thread if place.thread and channel == place.channel else None,
        )
        return f"file:{uploaded[0]}"

    async def _is_shared(self, client: Client, file: str) -> bool:
        try:
            answer: Any = (await client.files_info(file=file)).data
        except Rejected:
            return False
        return bool(mapping(mapping(answer, "file"), "shares"))

    async def _upload(self, client: Client, file: Mapping[str, object]) -> str:
        name = text_of(file, "name")
        try:
            content, size = await in_thread(_opened, text_of(file, "path"))
        except OSError as error:
            raise Rejected(f"{name} cannot be read: {error.strerror}", service=SERVICE, status=0) from error
        try:
            granted: Any = (await client.files_getUploadURLExternal(filename=name, length=size)).data
            async with self._session.post(
                text_of(granted, "upload_url"),
                data=content,
                headers={"Content-Type": "application/octet-stream"},
                timeout=UPLOAD_S,
            ) as answer:
                await answer.read()
                refused = refusal_of(answer.status, answer.headers, service=SERVICE, method="PUT")
        except (aiohttp.ClientError, TimeoutError) as failure:  # nothing is shown yet: it may be sent again
            raise failure_of(failure, service=SERVICE, method="PUT") from failure
        finally:
            await in_thread(content.close)
        if refused is not None:
            raise refused
        return text_of(granted, "file_id")

    async def download(
        self, client: Client, token: str, file: Attachment, into: Path, limit_bytes: int
    ) -> None:
        """Write a file that somebody sent to `into`.

        Raises:
            UsageError: it is larger than `limit_bytes`.
            ServiceError: Slack did not give it.
        """
        if file.size_bytes > limit_bytes:
            raise _too_large(file, limit_bytes)
        name, _, url = file.url.partition(" ")
        if not url and name:  # in a channel shared with others, Slack tells the address when asked
            answer: Any = (await client.files_info(file=name)).data
            found = mapping(answer, "file")
            url = text_of(found, "url_private_download") or text_of(found, "url_private")
        if not self._is_slack(url):
            raise Rejected(f"{file.name} is not kept in Slack", service=SERVICE, status=0)
        try:
            await self._fetch(token, file, url, into, limit_bytes)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise failure_of(error, service=SERVICE, method="GET") from error

    async def _fetch(self, token: str, file: Attachment, url: str, into: Path, limit_bytes: int) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.get(url, headers=headers, allow_redirects=False, timeout=UPLOAD_S) as answer:
            error = refusal_of(answer.status, answer.headers, service=SERVICE, method="GET")
            if error is not None:
                raise error
            is_page = answer.content_type == "text/html" and file.media_type != "text/html"
            if answer.status >= 300 or is_page:  # its sign-in page: the token may not read files
                raise Rejected(
                    f"Slack did not give {file.name}",
                    service=SERVICE,
                    status=answer.status,
                    hint="add the scope files:read to the app and install it again",
                )
            output = await in_thread(into.open, "wb")
            try:
                taken = 0
                async for piece in answer.content.iter_chunked(PIECE_BYTES):
                    taken += len(piece)
                    if taken > limit_bytes:
                        raise _too_large(file, limit_bytes)
                    await in_thread(output.write, piece)
            finally:
                await in_thread(output.close)

    def _is_slack(self, url: str) -> bool:
        """Tell whether an address is Slack's own, so that it may see our token."""
        parts = urlsplit(url)
        if parts.netloc == self._api_host:
            return True
        host = parts.hostname or ""
        return parts.scheme == "https" and any(
            host == known or host.endswith(f".{known}") for known in SLACK_HOSTS
        )


def _opened(path: str) -> tuple[BinaryIO, int]:
    content = Path(path).open("rb")  # noqa: SIM115  it is closed when it is sent
    return content, os.fstat(content.fileno()).st_size


async def _direct(client: Client, user: str) -> str:
    opened: Any = (await client.conversations_open(users=[user])).data
    return text_of(mapping(opened, "channel"), "id")


def _too_large(file: Attachment, limit_bytes: int) -> UsageError:
    return UsageError(
        f"{file.name} is too large", hint=f"send a file of at most {limit_bytes // (1024 * 1024)} MiB"
    )
