"""Serve files.*: the external upload in three steps, and the private download."""

from __future__ import annotations

import mimetypes
from typing import Final

from aiohttp import web

from quarterdeck.testing.simulator.slack.api.posting import Content, post_by_bot, read_blocks_of, read_thread
from quarterdeck.testing.simulator.slack.api.registry import Arguments, Refused, Site, channel_of, method
from quarterdeck.testing.simulator.slack.delivery.events import file_of, with_addresses
from quarterdeck.testing.simulator.slack.workspace import Payload, StoredFile

UPLOAD_BYTES: Final = 1024 * 1024 * 1024
SNIPPET_BYTES: Final = 1024 * 1024


@method(
    "files.getUploadURLExternal",
    scope="files:write",
    required=("filename", "length"),
    per_minute=100,
    is_form_only=True,
)
def get_upload_url(site: Site, arguments: Arguments) -> Payload:
    """Give out the address for one file of exactly this length."""
    length = arguments.number("length", 0)
    if length <= 0:
        raise Refused("missing_argument", "length must be more than 0")
    if length > UPLOAD_BYTES:
        raise Refused("file_upload_size_restricted")
    if arguments.text("snippet_type") and length > SNIPPET_BYTES:
        raise Refused("snippet_too_large")
    workspace = site.workspace
    stored = StoredFile(
        id=workspace.next_id("F"), name=arguments.text("filename"), length=length, user=workspace.bot.id
    )
    workspace.files[stored.id] = stored
    return {"upload_url": f"{site.url()}/upload/v1/{stored.id}", "file_id": stored.id}


@method("files.completeUploadExternal", scope="files:write", required=("files",), per_minute=100)
def complete_upload(site: Site, arguments: Arguments) -> Payload:
    """Share what was uploaded, as one message."""
    workspace = site.workspace
    named = arguments.document("files", list, "invalid_arguments")
    files = []
    for one in named or ():
        stored = workspace.files.get(str(one.get("id"))) if isinstance(one, dict) else None
        if stored is None or not stored.is_uploaded or stored.is_complete:
            raise Refused("file_not_found")
        stored.title = str(one.get("title") or stored.name)
        files.append(stored)
    if not files:
        raise Refused("invalid_arguments", "missing required field: files")
    channels = [one for one in arguments.text("channels").split(",") if one]
    for name in channels or filter(None, [arguments.text("channel_id")]):
        place = Arguments({"channel": name})
        if name not in workspace.channels:
            raise Refused("channel_not_found" if not channels else "invalid_channel")
        channel = channel_of(site, place, writes=True)
        thread_ts = read_thread(site, channel, arguments)
        content = Content(
            text=arguments.text("initial_comment"),
            blocks=read_blocks_of(arguments),
            files=[one.id for one in files],
        )
        post = post_by_bot(site, channel, content, thread_ts)
        for stored in files:
            stored.shares.append((channel.id, post.ts))
    for stored in files:
        stored.is_complete = True
    shown = [file_of(workspace, one) for one in files]
    answer: Payload = with_addresses({"files": shown}, site.url())
    return answer


@method("files.info", scope="files:read", required=("file",), per_minute=100)
def file_info(site: Site, arguments: Arguments) -> Payload:
    """Describe a file."""
    stored = site.workspace.files.get(arguments.text("file"))
    if stored is None:
        raise Refused("file_not_found")
    answer: Payload = with_addresses({"file": file_of(site.workspace, stored)}, site.url())
    return answer


@method("files.delete", scope="files:write", required=("file",))
def delete_file(site: Site, arguments: Arguments) -> Payload:
    """Take a file of the bot away."""
    stored = site.workspace.files.get(arguments.text("file"))
    if stored is None:
        raise Refused("file_not_found")
    if stored.user != site.workspace.bot.id:
        raise Refused("cant_delete_file")
    stored.content, stored.is_complete = b"", False
    for channel in site.workspace.channels.values():
        for post in channel.posts.values():
            if stored.id in post.files:
                post.files.remove(stored.id)
    del site.workspace.files[stored.id]
    return {}


async def receive_upload(site: Site, request: web.Request) -> web.Response:
    """Take the bytes of a file, as the body or as a form's only file."""
    stored = site.workspace.files.get(request.match_info["file"])
    if stored is None or stored.is_uploaded:
        return web.Response(status=404, text="no such upload")
    content = await _content_of(request)
    if len(content) != stored.length:
        return web.Response(status=400, text=f"{len(content)} bytes, where {stored.length} were announced")
    stored.content, stored.is_uploaded = content, True
    return web.Response(text=f"OK - {len(content)}")


async def _content_of(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    async for part in await request.multipart():
        read = getattr(part, "read", None)
        if read is not None:
            return bytes(await read(decode=True))
    return b""


async def send_file(site: Site, request: web.Request) -> web.Response:
    """Give out a file to who has the token; others get Slack's page to sign in, with status 200."""
    if request.headers.get("Authorization") != f"Bearer {site.bot_token}":
        return web.Response(text="<!DOCTYPE html><title>Sign in | Slack</title>", content_type="text/html")
    stored = site.workspace.files.get(request.match_info["file"].partition("-")[2])
    if stored is None:
        return web.Response(
            status=404, text="<!DOCTYPE html><title>Not found</title>", content_type="text/html"
        )
    kind = mimetypes.guess_type(stored.name)[0] or "application/octet-stream"
    return web.Response(body=stored.content, content_type=kind)
