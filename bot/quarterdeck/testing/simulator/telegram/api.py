"""Take calls to the Bot API: find the method, check the pace, refuse in Telegram's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from quarterdeck.testing.simulator.faults import Faults, break_off
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.telegram import asking, editing, sending
from quarterdeck.testing.simulator.telegram.commands import CommandMenu
from quarterdeck.testing.simulator.telegram.editing import Queries
from quarterdeck.testing.simulator.telegram.hook import Hooks
from quarterdeck.testing.simulator.telegram.pace import Pace
from quarterdeck.testing.simulator.telegram.parameters import SPELLING, Call, read_call, typed
from quarterdeck.testing.simulator.telegram.refusal import Refused, too_many
from quarterdeck.testing.simulator.telegram.updates import Updates
from quarterdeck.testing.simulator.telegram.world import World

TOKEN: Final = re.compile(r"\d+:[A-Za-z0-9_-]{30,}")
PACED: Final = frozenset(
    {
        "sendMessage",
        "sendDocument",
        "sendPhoto",
        "sendMediaGroup",
        "editMessageText",
        "editMessageReplyMarkup",
    }
    | {"editMessageCaption"}
)
Method = Callable[[World, Call], Any]
PLAIN: Final[Mapping[str, Method]] = {
    "getMe": asking.get_me,
    "logOut": lambda _, __: True,
    "close": lambda _, __: True,
    "sendMessage": sending.send_message,
    "sendDocument": lambda world, call: sending.send_file(world, call, "document"),
    "sendPhoto": lambda world, call: sending.send_file(world, call, "photo"),
    "sendMediaGroup": sending.send_media_group,
    "sendChatAction": sending.send_action,
    "sendMessageDraft": sending.send_draft,
    "editMessageText": editing.edit_text,
    "editMessageCaption": editing.edit_caption,
    "editMessageReplyMarkup": editing.edit_markup,
    "deleteMessage": editing.delete_message,
    "deleteMessages": editing.delete_messages,
    "setMessageReaction": editing.set_reaction,
    "getFile": asking.get_file,
    "getChat": asking.get_chat,
    "getChatAdministrators": asking.get_administrators,
    "getChatMember": asking.get_member,
    "getChatMemberCount": asking.get_member_count,
    "leaveChat": asking.leave_chat,
    "createForumTopic": asking.create_topic,
    "closeForumTopic": lambda world, call: asking.close_topic(world, call, is_closed=True),
    "reopenForumTopic": lambda world, call: asking.close_topic(world, call, is_closed=False),
}


class Api:
    """Answer calls. `hooks` is set once there are some; `refused` keeps what had to be refused."""

    def __init__(
        self,
        world: World,
        updates: Updates,
        pace: Pace,
        token: str,
        changed: Callable[[], None],
    ) -> None:
        self.world, self.updates, self.pace, self.token = world, updates, pace, token
        self.menu = CommandMenu(world)
        self.queries = Queries(world)
        self.hooks: Hooks | None = None
        self.refused: list[str] = []
        self.calls: list[Call] = []
        self._changed = changed

    def routes(self) -> list[web.RouteDef]:
        """Return where calls and downloads come in."""
        return [
            web.route("*", "/bot{token}/{method}", self._call),
            web.get("/file/bot{token}/{path:.+}", self._download),
        ]

    async def _call(self, request: web.Request) -> web.StreamResponse:
        name = SPELLING.get(request.match_info["method"].lower(), "")
        try:
            self._check_token(request.match_info["token"])
            if not name:
                raise Refused(404, "Not Found")
            call = await read_call(request, name)
            result = await self.carry_out(call, lambda: break_request(request))
        except Refused as refused:
            if request.transport is not None and not request.transport.is_closing():
                self.refused.append(f"{name or request.match_info['method']}: {refused.description}")
            return web.json_response(refused.body(), status=refused.status)
        return web.json_response({"ok": True, "result": result})

    async def carry_out(self, call: Call, break_poll: Callable[[], None]) -> Any:
        """Do what a call asks for, and return its result.

        Raises:
            Refused: Telegram would not.
        """
        self.calls.append(call)
        self.refused += [f"{call.method}: there is no parameter {name}" for name in call.unknown]
        if call.method in PACED:
            chat = self.world.chats.get(call.json("chat_id"))
            if chat is not None:
                self.pace.check(chat.id, is_group=chat.type != "private")
        try:
            if call.method in PLAIN:
                return PLAIN[call.method](self.world, call)
            if call.method == "getUpdates":
                return await self.updates.poll(call, break_poll)
            return self._stateful(call)
        finally:
            self._changed()

    def _stateful(self, call: Call) -> Any:
        hooks = self.hooks
        assert hooks is not None, "calls come in once the server stands"
        methods: dict[str, Callable[[Call], Any]] = {
            "setWebhook": hooks.set,
            "deleteWebhook": hooks.delete,
            "getWebhookInfo": lambda _: hooks.describe(),
            "answerCallbackQuery": self.queries.answer,
            "setMyCommands": self.menu.set,
            "getMyCommands": self.menu.get,
            "deleteMyCommands": self.menu.delete,
        }
        return methods[call.method](call)

    async def answer_of_hook(self, asked: dict[str, Any]) -> None:
        """Carry out the method that a bot put into its answer to a webhook; nobody is told what came of it."""
        name = SPELLING.get(str(asked.pop("method")).lower(), "")
        try:
            if not name:
                raise Refused(404, "Not Found")
            await self.carry_out(typed(name, asked, {}), lambda: None)
        except Refused as refused:
            self.refused.append(f"{name}: {refused.description}")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_token(request.match_info["token"])
        except Refused as refused:
            return web.json_response(refused.body(), status=refused.status)
        path = request.match_info["path"]
        file = next((one for one in self.world.files.values() if one.path == path), None)
        if file is None:
            return web.json_response(Refused(404, "Not Found").body(), status=404)
        return web.Response(body=file.content, content_type="application/octet-stream")

    def _check_token(self, token: str) -> None:
        if not TOKEN.fullmatch(token):
            raise Refused(404, "Not Found")
        if token != self.token:
            raise Refused(401, "Unauthorized")


def break_request(request: web.Request) -> None:
    """Break the connection of a request that waits."""
    break_off(request)


def name_of(request: web.Request) -> str:
    """Return the method that a request calls, `download` for a file."""
    method = request.match_info.get("method")
    return SPELLING.get(method.lower(), method) if method else "download"


def refuse(request: web.Request, fault: Fault) -> web.StreamResponse:
    """Answer as Telegram does when it cannot, or will not."""
    if fault.kind == "rate_limit":
        refused = too_many(max(1, round(fault.after_s)))
    else:
        words = {401: "Unauthorized", 403: "Forbidden: bot was blocked by the user"}
        known = {status.value: status.phrase for status in HTTPStatus}
        refused = Refused(fault.status, words.get(fault.status, known.get(fault.status, "Unknown")))
    return web.json_response(refused.body(), status=refused.status)


def middleware(faults: Faults) -> Any:
    """Let calls go wrong as ordered."""
    return faults.middleware(name_of, refuse)
