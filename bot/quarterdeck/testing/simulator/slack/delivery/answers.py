"""Show what the app answers to commands and presses: in the acknowledgement, or at a response address."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.slack.api.posting import (
    change,
    post_by_bot,
    read_content,
    read_thread,
    whisper,
)
from quarterdeck.testing.simulator.slack.api.registry import Arguments, Refused, Site
from quarterdeck.testing.simulator.slack.delivery.events import deleted_event, message_of
from quarterdeck.testing.simulator.slack.workspace import Channel, Post

USES: Final = 5  # docs.slack.dev/interactivity/handling-user-interaction, 2026-11-21
LIFE_S: Final = 30 * 60.0


@dataclass(slots=True, kw_only=True)
class ResponseAddress:
    """Allow some answers to one command or press; `original` is the message that was pressed, or answered first."""

    channel: Channel
    user: str
    until_s: float
    original: Post | None = None
    uses: int = 0


class Answers:
    """Hold the response addresses, and show what is answered there."""

    def __init__(self, site: Site, clock: Clock, refusals: list[str]) -> None:
        self._site, self._clock, self._refusals = site, clock, refusals
        self._addresses: dict[str, ResponseAddress] = {}

    def address(self, channel: Channel, user: str, original: Post | None = None) -> str:
        """Return a new response address."""
        name = secrets.token_urlsafe(18)
        self._addresses[name] = ResponseAddress(
            channel=channel, user=user, until_s=self._clock.monotonic() + LIFE_S, original=original
        )
        return f"{self._site.url()}/commands/{self._site.workspace.team_id}/{name}"

    async def receive(self, request: web.Request) -> web.Response:
        """Take an answer at a response address."""
        address = self._addresses.get(request.match_info["name"])
        error = "" if address else "no_active_hooks"
        if address is not None and address.uses >= USES:
            error = "used_url"
        elif address is not None and self._clock.monotonic() > address.until_s:
            error = "expired_url"
        if error or address is None:
            self._refusals.append(f"response_url: {error}")
            return web.json_response({"ok": False, "error": error}, status=404)
        try:
            body = json.loads(await request.read())
            if not isinstance(body, dict):
                raise ValueError
        except ValueError:
            self._refusals.append("response_url: invalid_payload")
            return web.Response(status=400, text="invalid_payload")
        address.uses += 1
        try:
            self._show(address, body)
        except Refused as refusal:
            self._refusals.append(f"response_url: {refusal.error} {' '.join(refusal.messages)}".rstrip())
            return web.json_response(refusal.body(), status=400)
        return web.Response(text="ok")

    def acknowledged(self, channel: Channel, user: str, url: str, answer: Any) -> None:
        """Show what an acknowledgement carries, if anything."""
        if answer is None or answer in ("", {}):
            return
        body: Mapping[str, Any] = answer if isinstance(answer, dict) else {"text": str(answer)}
        try:
            self._show(self._addresses[url.rpartition("/")[2]], body)
        except Refused as refusal:
            self._refusals.append(f"acknowledgement: {refusal.error} {' '.join(refusal.messages)}".rstrip())
            self.complain(channel, user, "dispatch_failed")

    def complain(self, channel: Channel, user: str, error: str) -> None:
        """Show somebody what Slack itself says when the app did not answer."""
        workspace = self._site.workspace
        channel.whispers.append(
            Post(ts=workspace.next_ts(), user="USLACKBOT", text=f"failed with the error “{error}”", to=user)
        )
        workspace.tell()

    def _show(self, address: ResponseAddress, body: Mapping[str, Any]) -> None:
        site, original = self._site, address.original
        arguments = Arguments(body)
        if arguments.flag("delete_original"):
            self._remove(address)
            return
        content = read_content(site, arguments)
        if content.is_empty():
            raise Refused("no_text")
        if arguments.flag("replace_original") and original is not None:
            change(site, address.channel, original, content)
            return
        thread_ts = read_thread(site, address.channel, arguments)
        if arguments.text("response_type") == "in_channel":
            shown = post_by_bot(site, address.channel, content, thread_ts)
        else:
            shown = whisper(site, address.channel, address.user, content, thread_ts)
        if original is None:
            address.original = shown

    def _remove(self, address: ResponseAddress) -> None:
        original, channel = address.original, address.channel
        if original is None:
            raise Refused("message_not_found")
        previous = message_of(self._site.workspace, channel, original)
        original.is_deleted = True
        self._site.workspace.tell()
        if not original.to:
            self._site.publish(deleted_event(self._site.workspace, channel, original, previous))
