"""Serve the REST API: who may, how fast, what; and every refusal in Discord's own form."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.discord import messages, places
from quarterdeck.testing.simulator.discord.bodies import message_body
from quarterdeck.testing.simulator.discord.content import Body, Upload
from quarterdeck.testing.simulator.discord.messages import Answer, Ask
from quarterdeck.testing.simulator.discord.pace import Pace
from quarterdeck.testing.simulator.discord.refusal import Refused, invalid, not_found, unauthorized
from quarterdeck.testing.simulator.discord.site import Site
from quarterdeck.testing.simulator.discord.world import APPLICATION_ID
from quarterdeck.testing.simulator.platform import Fault

BASE: Final = "/api/v10"
Handler = Callable[[Site, Ask], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Path:
    """Say what answers a path. `kind` names its bucket and, behind the verb, a place for faults."""

    verb: str
    path: str
    kind: str
    answer: Handler
    needs_token: bool = True


def paths() -> list[Path]:
    """Return all paths."""
    channel, guild = "/channels/{channel}", "/guilds/{guild}"
    message = f"{channel}/messages/{{message}}"
    mine = f"{message}/reactions/{{emoji}}/@me"
    hook = "/webhooks/{application}/{token}"
    found = [
        Path("GET", "/gateway/bot", "gateway", places.gateway),
        Path("GET", "/gateway", "gateway", places.plain_gateway, needs_token=False),
        Path("GET", "/users/@me", "user", places.me),
        Path("GET", "/users/@me/guilds", "guilds", places.guilds),
        Path("POST", "/users/@me/channels", "direct", places.open_direct),
        Path("GET", "/users/{user}", "user", places.user),
        Path("GET", "/applications/@me", "application", places.application),
        Path("GET", "/oauth2/applications/@me", "application", places.application),
        Path("GET", guild, "guild", places.guild),
        Path("GET", f"{guild}/channels", "channels", places.channels),
        Path("GET", f"{guild}/roles", "roles", places.roles),
        Path("GET", f"{guild}/threads/active", "threads", places.active_threads),
        Path("GET", f"{guild}/members", "members", places.members),
        Path("GET", f"{guild}/members/{{user}}", "member", places.member),
        Path("GET", channel, "channel", places.channel),
        Path("PATCH", channel, "channel", places.change_channel),
        Path("POST", f"{channel}/messages", "messages", messages.create),
        Path("GET", f"{channel}/messages", "messages", messages.read),
        Path("GET", message, "message", messages.read_one),
        Path("PATCH", message, "message", messages.change),
        Path("DELETE", message, "message", messages.remove),
        Path("PUT", mine, "reaction", messages.react),
        Path("DELETE", mine, "reaction", messages.unreact),
        Path("POST", f"{channel}/typing", "typing", messages.typing),
        Path("POST", f"{message}/threads", "threads", messages.start_thread),
        Path("POST", f"{channel}/threads", "threads", messages.start_thread),
        Path("PUT", f"{channel}/thread-members/@me", "threads", places.join_thread),
        Path("POST", "/interactions/{interaction}/{token}/callback", "callback", respond, needs_token=False),
        Path("POST", hook, "webhook", follow_up, needs_token=False),
        Path("GET", f"{hook}/messages/{{message}}", "webhook message", read_own, needs_token=False),
        Path("PATCH", f"{hook}/messages/{{message}}", "webhook message", change_own, needs_token=False),
        Path("DELETE", f"{hook}/messages/{{message}}", "webhook message", remove_own, needs_token=False),
    ]
    for scope in ("/applications/{application}", "/applications/{application}/guilds/{guild}"):
        found += [
            Path("GET", f"{scope}/commands", "commands", places.list_commands),
            Path("PUT", f"{scope}/commands", "commands", places.overwrite_commands),
            Path("POST", f"{scope}/commands", "commands", places.put_command),
            Path("PATCH", f"{scope}/commands/{{command}}", "command", places.change_command),
            Path("DELETE", f"{scope}/commands/{{command}}", "command", places.remove_command),
        ]
    return found


async def respond(site: Site, ask: Ask) -> Answer:
    """Take the first response to an interaction."""
    one = await site.interactions.respond(ask.number("interaction"), ask.ids["token"], ask.body)
    if ask.query.get("with_response", "").lower() not in ("true", "1"):
        return 204, None
    body: dict[str, Any] = {"interaction": {"id": str(one.id), "type": one.type}}
    if one.original is not None:
        body["interaction"]["response_message_id"] = str(one.original.id)
        message = message_body(site.world, one.original)
        body["resource"] = {"type": one.answer, "message": message}
    return 200, body


def check_application(ask: Ask) -> None:
    """Pass this application's own webhooks.

    Raises:
        Refused: it is another's.
    """
    if ask.ids["application"] != str(APPLICATION_ID):
        raise Refused(404, 10015, "Unknown Webhook")


async def follow_up(site: Site, ask: Ask) -> Answer:
    """Post a follow-up to an interaction."""
    check_application(ask)
    one = site.interactions.by_token(ask.ids["token"])
    return 200, message_body(site.world, await site.interactions.follow_up(one, ask.body))


async def read_own(site: Site, ask: Ask) -> Answer:
    """Return a message that an interaction led to."""
    check_application(ask)
    one = site.interactions.by_token(ask.ids["token"])
    return 200, message_body(site.world, site.interactions.message_of(one, ask.ids["message"]))


async def change_own(site: Site, ask: Ask) -> Answer:
    """Change a message that an interaction led to."""
    check_application(ask)
    one = site.interactions.by_token(ask.ids["token"])
    message = site.interactions.message_of(one, ask.ids["message"])
    return 200, message_body(site.world, await site.interactions.change(message, ask.body))


async def remove_own(site: Site, ask: Ask) -> Answer:
    """Take a message away that an interaction led to."""
    check_application(ask)
    one = site.interactions.by_token(ask.ids["token"])
    await site.interactions.remove(site.interactions.message_of(one, ask.ids["message"]))
    return 204, None


KINDS: Final = {(one.verb, BASE + one.path): f"{one.verb} {one.kind}" for one in paths()}


def name_of(request: web.Request) -> str:
    """Return what a fault calls a request: `POST messages`, `PATCH webhook message`; `download` for a file."""
    resource = request.match_info.route.resource
    path = resource.canonical if resource is not None else ""
    return "download" if path.startswith("/cdn/") else KINDS.get((request.method, path), "")


class Rest:
    """Take requests. `refused` keeps what had to be refused; the token is the gateway's."""

    def __init__(self, site: Callable[[], Site], pace: Pace) -> None:
        self._site, self._pace = site, pace
        self.refused: list[str] = []

    def routes(self) -> list[web.RouteDef]:
        """Return where requests come in."""
        routes = [web.route(one.verb, BASE + one.path, self._serve(one)) for one in paths()]
        routes.append(web.get("/cdn/attachments/{channel}/{number}/{name}", self._download))
        return [*routes, web.route("*", BASE + "/{rest:.*}", self._lost)]

    def _serve(self, path: Path) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            if self._pace.is_banned:
                return web.Response(status=429, text="error code: 1015", content_type="text/html")
            try:
                return await self._answer(path, request)
            except Refused as refused:
                self.note(f"{path.verb} {path.kind}", refused)
                return answer(refused.status, refused.body())

        return serve

    async def _answer(self, path: Path, request: web.Request) -> web.StreamResponse:
        site = self._site()
        token = site.gateway.token
        if path.needs_token and (not token or request.headers.get("Authorization") != f"Bot {token}"):
            raise unauthorized()
        major = next(
            (
                request.match_info[name]
                for name in ("channel", "token", "guild")
                if name in request.match_info
            ),
            "",
        )
        verdict = self._pace.check(path.verb, path.kind, major, counts_globally=path.needs_token)
        if verdict.wait_s > 0:
            refused = Refused(429, 0, "You are being rate limited.")
            self.note(f"{path.verb} {path.kind}", refused)
            return too_many(verdict.wait_s, verdict.headers, is_global=verdict.is_global)
        if path.needs_token and not request.headers.get("User-Agent", "").startswith("DiscordBot ("):
            self.refused.append(f"{path.verb} {path.kind}: the User-Agent is not DiscordBot (url, version)")
        ask = Ask(dict(request.match_info), dict(request.query), await read_body(request))
        status, body = await path.answer(site, ask)
        return answer(status, body, verdict.headers)

    def note(self, what: str, refused: Refused) -> None:
        """Keep a refusal, and count it."""
        self._pace.note(refused.status)
        self.refused.append(f"{what}: {refused}")

    async def _lost(self, request: web.Request) -> web.StreamResponse:
        refused = not_found()
        self.note(f"{request.method} {request.path}", refused)
        return answer(refused.status, refused.body())

    async def _download(self, request: web.Request) -> web.StreamResponse:
        number = request.match_info["number"]
        file = self._site().world.files.get(int(number)) if number.isdecimal() else None
        if file is None:
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=file[1], content_type="application/octet-stream")


async def read_body(request: web.Request) -> Body:
    """Return what a request brings.

    Raises:
        Refused: it is not readable.
    """
    if request.content_type == "multipart/form-data":
        return await read_parts(request)
    raw = await request.read()
    if not raw:
        return Body({})
    if request.content_type != "application/json":
        raise invalid(
            "", "CONTENT_TYPE_INVALID", 'Expected "Content-Type" header to be one of {"application/json"}.'
        )
    return Body(read_json(raw))


def read_json(raw: bytes) -> Any:
    """Return what JSON says.

    Raises:
        Refused: it is none, or has half of a surrogate pair in it.
    """
    try:
        value = json.loads(raw)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Refused(400, 50109, "The request body contains invalid JSON.") from None
    return value


async def read_parts(request: web.Request) -> Body:
    """Return what a request with files brings."""
    form = await request.post()
    uploads: list[Upload] = []
    value: Any = {}
    for name, part in form.items():
        if isinstance(part, web.FileField):
            number = name.removeprefix("files[").removesuffix("]")
            if not number.isdecimal():
                raise invalid(name, "BASE_TYPE_CHOICES", "Files are named files[n].")
            uploads.append(Upload(int(number), part.filename, part.file.read(), part.content_type))
            part.file.close()
        elif name == "payload_json":
            value = read_json(part.encode() if isinstance(part, str) else bytes(part))
    return Body(value, tuple(uploads))


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    """Return an answer as Discord writes it: the type exactly application/json, and the mark of its proxy."""
    common = {"Via": "1.1 google"} | (headers or {})
    if status == 204:
        return web.Response(status=204, headers=common)
    return web.Response(
        status=status, body=json.dumps(body).encode(), headers=common | {"Content-Type": "application/json"}
    )


def too_many(wait_s: float, headers: dict[str, str], *, is_global: bool = False) -> web.Response:
    """Return the answer to a bot that is too fast."""
    body = {"message": "You are being rate limited.", "retry_after": round(wait_s, 3), "global": is_global}
    return answer(429, body, headers | {"Retry-After": str(math.ceil(wait_s))})


def refuse(request: web.Request, fault: Fault) -> web.StreamResponse:
    """Answer as Discord does when it cannot, or will not."""
    if fault.kind == "rate_limit":
        return too_many(fault.after_s, {"X-RateLimit-Scope": "shared"})
    if fault.status == 401:
        return answer(401, unauthorized().body())
    if fault.status == 403:
        return answer(403, Refused(403, 50013, "Missing Permissions").body())
    if fault.status >= 500:
        phrase = {status.value: status.phrase for status in HTTPStatus}.get(fault.status, "Error")
        return web.Response(status=fault.status, text=f"<html>{phrase}</html>", content_type="text/html")
    return answer(fault.status, {"message": f"{fault.status}: refused", "code": 0})
