"""Let people write, press, react and fill in forms, as Slack's client lets them."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from quarterdeck.testing.simulator.platform import SeenForm
from quarterdeck.testing.simulator.slack.api.modals import view_of
from quarterdeck.testing.simulator.slack.api.posting import keep, seen_of
from quarterdeck.testing.simulator.slack.api.registry import Site
from quarterdeck.testing.simulator.slack.delivery import events
from quarterdeck.testing.simulator.slack.delivery.answers import Answers
from quarterdeck.testing.simulator.slack.delivery.deliveries import Deliveries, Delivery
from quarterdeck.testing.simulator.slack.filling import fill, shown
from quarterdeck.testing.simulator.slack.markup.blocks import view_faults
from quarterdeck.testing.simulator.slack.markup.emoji import name_of
from quarterdeck.testing.simulator.slack.markup.mrkdwn import escape
from quarterdeck.testing.simulator.slack.views import OpenView
from quarterdeck.testing.simulator.slack.workspace import Channel, Payload, Post, StoredFile

# A manifest that names one of them is refused whole: NousResearch/hermes-agent, commit a717199b, 2026-11-21.
BUILT_IN: Final = frozenset(
    {"active", "archive", "away", "call", "collapse", "dm", "dnd", "expand", "feed", "feedback", "invite"}
    | {"join", "kick", "leave", "me", "msg", "mute", "open", "prefs", "remind", "remove", "rename", "search"}
    | {"shortcuts", "shrug", "star", "status", "topic", "unarchive", "who"}
)
UMBRELLA: Final = "qd"
TROUBLE: Final = "We had some trouble connecting. Try again?"

_MENTION: Final = re.compile(r"(?<![\w@])@([A-Za-z0-9][\w.-]*)")
_CHANNEL: Final = re.compile(r"(?<![\w#&])#([a-z0-9][\w-]*)")
_URL: Final = re.compile(r"https?://[^\s<>]+")


class Actors:
    """Act for people; `commands` are the app's registered slash commands, None for any that Slack leaves free."""

    def __init__(
        self, site: Site, deliveries: Deliveries, answers: Answers, commands: Collection[str] | None
    ) -> None:
        self._site, self.deliveries, self._answers = site, deliveries, answers
        self._commands = None if commands is None else {one.removeprefix("/") for one in commands}
        self.workspace = site.workspace

    async def say(
        self,
        user: str,
        text: str,
        *,
        where: str = "general",
        thread: str = "",
        files: Sequence[tuple[str, bytes]] = (),
    ) -> str:
        """Let a person write, in a thread where `thread` names its first message."""
        channel = self.workspace.place(where, user)
        post = Post(
            ts=self.workspace.next_ts(),
            user=self.workspace.person(user).id,
            text=self._typed(text),
            thread_ts=thread,
            client_msg_id=str(uuid.uuid4()),
            files=[self._upload(user, name, content).id for name, content in files],
        )
        if post.text:
            section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
            post.blocks = [{"type": "rich_text", "block_id": "said", "elements": [section]}]
        keep(self._site, channel, post)
        return post.ts

    async def edit(self, user: str, message: str, text: str, *, where: str = "general") -> None:
        """Let a person change their message."""
        channel, post = self._post(user, message, where)
        if post.user != self.workspace.person(user).id:
            raise LookupError("people edit only what they wrote themselves")
        previous = events.message_of(self.workspace, channel, post)
        post.text, post.blocks, post.edits = self._typed(text), [], post.edits + 1
        post.edited_by, post.edited_ts = post.user, self.workspace.next_ts()
        self.workspace.tell()
        self._site.publish(events.changed_event(self.workspace, channel, post, previous))

    async def delete(self, user: str, message: str, *, where: str = "general") -> None:
        """Let a person take a message away; what only they see is dismissed."""
        channel, post = self._post(user, message, where)
        previous = events.message_of(self.workspace, channel, post)
        post.is_deleted = True
        self.workspace.tell()
        if not post.to:
            self._site.publish(events.deleted_event(self.workspace, channel, post, previous))

    async def command(
        self, user: str, name: str, options: Mapping[str, object] | str, *, where: str = "general"
    ) -> None:
        """Let a person type a slash command; one that is not registered goes through `/qd` where that is.

        Raises:
            LookupError: neither is registered.
        """
        name, text = self._called(name, options if isinstance(options, str) else _typed_options(options))
        channel = self.workspace.place(where, user)
        person = self.workspace.person(user).id
        url = self._answers.address(channel, person)
        payload = events.slash_command(
            self.workspace,
            channel,
            person,
            name,
            self._typed(text.strip(), is_command=True),
            trigger=self._site.forms.trigger(person),
            url=url,
        )
        self.deliveries.begin(
            Delivery(kind="slash_commands", name=name, payload=payload),
            answered=lambda answer: self._answers.acknowledged(channel, person, url, answer),
            failed=lambda reason: self._answers.complain(channel, person, _told(reason)),
        )

    async def complete(
        self, user: str, name: str, option: str, typed: str, *, where: str = "general"
    ) -> list[str]:
        """Return what a menu of the open form offers; Slack completes nothing for slash commands."""
        opened = self._site.forms.top(self.workspace.person(user).id)
        for block in opened.view["blocks"] if opened else ():
            element = block.get("element", {})
            if element.get("type") == "external_select" and block["label"]["text"] == option:
                return await self._suggest(user, block, typed)
        return []

    async def press(self, user: str, label: str, *, where: str = "general", message: str = "") -> None:
        """Let a person press a button, or an option of a menu, by what stands on it."""
        channel = self.workspace.place(where, user)
        person = self.workspace.person(user).id
        offered: list[str] = []
        for post in reversed(list(self.workspace.visible(channel, person))):
            if post.is_deleted or (message and post.ts != message):
                continue
            for button in seen_of(self._site, post).buttons:
                offered.append(button["text"]["text"])
                if offered[-1] == label:
                    self._press(channel, post, person, dict(button))
                    return
        raise LookupError(f"{user} sees no button {label!r}, only {', '.join(map(repr, offered)) or 'none'}")

    def _press(self, channel: Channel, post: Post, person: str, button: Payload) -> None:
        names = ("type", "action_id", "block_id", "text", "value", "style", "selected_option")
        action = {name: button[name] for name in names if name in button}
        action.setdefault("action_id", self.workspace.next_id("a"))
        if "selected_option" in action:
            action.pop("text")
        url = self._answers.address(channel, person, post)
        payload = events.block_actions(
            self.workspace,
            channel,
            post,
            person,
            action,
            trigger=self._site.forms.trigger(person),
            url=url,
        )
        self.deliveries.begin(
            Delivery(kind="interactive", name="block_actions", payload=payload),
            failed=lambda reason: self._answers.complain(channel, person, _told(reason)),
        )

    async def form(self, user: str) -> SeenForm | None:
        """Return the form that is open before a person."""
        opened = self._site.forms.top(self.workspace.person(user).id)
        return shown(opened) if opened else None

    async def submit(self, user: str, values: Mapping[str, str]) -> None:
        """Let a person fill the open form in and send it; it stays open where the bot finds fault or is silent."""
        person = self.workspace.person(user).id
        opened = self._site.forms.top(person)
        if opened is None:
            raise LookupError(f"no form is open before {user}")
        opened.errors = {}
        state = fill(self.workspace, opened, values)
        answer, reason = await self._ask("view_submission", self._submission(opened, state))
        if reason:
            opened.errors = {"": TROUBLE}
        else:
            self._respond(opened, answer)
        self.workspace.tell()

    def _submission(self, opened: OpenView, state: Payload) -> Payload:
        view = view_of(self.workspace, opened, state)
        return events.view_submission(
            self.workspace, opened.user, view, trigger=self._site.forms.trigger(opened.user)
        )

    def _respond(self, opened: OpenView, answer: Any) -> None:
        """Do what the bot answered to a form: nothing closes it."""
        action = answer.get("response_action") if isinstance(answer, dict) else None
        forms = self._site.forms
        if action is None:
            forms.close(opened.user)
        elif action == "clear":
            forms.close(opened.user, all_of_them=True)
        elif action == "errors":
            known = {block.get("block_id") for block in opened.view["blocks"]}
            errors = answer.get("errors") or {}
            opened.errors = {name: str(words) for name, words in errors.items() if name in known}
            self._refuse_unless(errors and len(opened.errors) == len(errors), "errors name unknown blocks")
        elif action in ("update", "push"):
            faults = view_faults(answer.get("view"))
            self._refuse_unless(not faults, "; ".join(faults))
            if not faults and action == "update":
                forms.change(opened, answer["view"])
            elif not faults:
                forms.open(opened.user, answer["view"], pushes=True)
        else:
            self._refuse_unless(False, f"unknown response_action {action!r}")

    def _refuse_unless(self, is_fine: object, why: str) -> None:
        if not is_fine:
            self.deliveries.refusals.append(f"view_submission: {why}")

    async def close_form(self, user: str) -> None:
        """Let a person close the open form unsent; the app is told where it asked for that."""
        opened = self._site.forms.top(self.workspace.person(user).id)
        if opened is None:
            raise LookupError(f"no form is open before {user}")
        self._site.forms.close(opened.user)
        if opened.view.get("notify_on_close"):
            payload = events.view_closed(self.workspace, opened.user, view_of(self.workspace, opened))
            self.deliveries.begin(Delivery(kind="interactive", name="view_closed", payload=payload))

    async def react(self, user: str, message: str, emoji: str, *, where: str = "general") -> None:
        """Let a person put an emoji under a message."""
        channel, post = self._post(user, message, where)
        person, name = self.workspace.person(user).id, name_of(emoji)
        post.reactions.setdefault(name, []).append(person)
        self.workspace.tell()
        self._site.publish(events.reaction_event(self.workspace, channel, post, person, name, added=True))

    async def join(self, user: str, where: str) -> None:
        """Let a person join a channel, and the bot see it."""
        channel = self.workspace.place(where, user)
        person = self.workspace.person(user).id
        self._site.publish(events.joined_event(self.workspace, channel, person))

    async def _suggest(self, user: str, block: Payload, typed: str) -> list[str]:
        person = self.workspace.person(user).id
        opened = self._site.forms.top(person)
        payload = {
            "type": "block_suggestion",
            "user": {"id": person, "team_id": self.workspace.team_id},
            "team": {"id": self.workspace.team_id, "domain": "simulate"},
            "api_app_id": self.workspace.app_id,
            "action_id": block["element"]["action_id"],
            "block_id": block["block_id"],
            "value": typed,
            "view": view_of(self.workspace, opened) if opened else None,
        }
        answer, _ = await self._ask("block_suggestion", payload)
        options = answer.get("options", []) if isinstance(answer, dict) else []
        block["element"]["options"] = options
        return [option["text"]["text"] for option in options]

    async def _ask(self, name: str, payload: Payload) -> tuple[Any, str]:
        """Deliver an interaction and wait for (the answer, empty), or (None, why there is none)."""
        waiting: asyncio.Future[tuple[Any, str]] = asyncio.get_running_loop().create_future()
        self.deliveries.begin(
            Delivery(kind="interactive", name=name, payload=payload),
            answered=lambda answer: waiting.set_result((answer, "")),
            failed=lambda reason: waiting.set_result((None, reason)),
        )
        return await waiting

    def _called(self, name: str, text: str) -> tuple[str, str]:
        name = name.removeprefix("/")
        is_free = name not in BUILT_IN
        if is_free and (self._commands is None or name in self._commands):
            return name, text
        if self._commands is None or UMBRELLA in self._commands:
            return UMBRELLA, f"{name} {text}"
        raise LookupError(f"/{name} is not a valid command: the app has {', '.join(sorted(self._commands))}")

    def _post(self, user: str, message: str, where: str) -> tuple[Channel, Post]:
        channel = self.workspace.place(where, user)
        for post in self.workspace.visible(channel, user):
            if post.ts == message and not post.is_deleted:
                return channel, post
        raise LookupError(f"{user} sees no message {message} there")

    def _typed(self, text: str, *, is_command: bool = False) -> str:
        """Return text as Slack stores it: escaped, mentions and addresses made of what the client knows.

        A command's text has people by id and name, as for an app that sets `should_escape` in its manifest.
        """
        names = {"bot": self.workspace.bot.id}
        names |= {one.name: one.id for one in self.workspace.people.values()}
        groups = {one.handle: one.id for one in self.workspace.groups.values()}
        channels = {one.name: one.id for one in self.workspace.channels.values() if one.name}

        def mention(found: re.Match[str]) -> str:
            name = found[1].rstrip(".-")
            tail = found[1][len(name) :]
            if name.lower() in names:
                label = f"|{name.lower()}" if is_command else ""
                return f"<@{names[name.lower()]}{label}>{tail}"
            if name in groups:
                return f"<!subteam^{groups[name]}>{tail}"
            return f"<!{name}>{tail}" if name in ("channel", "here", "everyone") else found[0]

        stored = _URL.sub(lambda found: f"<{found[0]}>", escape(text))
        stored = _MENTION.sub(mention, stored)
        return _CHANNEL.sub(
            lambda found: f"<#{channels[found[1]]}|{found[1]}>" if found[1] in channels else found[0], stored
        )

    def _upload(self, user: str, name: str, content: bytes) -> StoredFile:
        stored = StoredFile(
            id=self.workspace.next_id("F"),
            name=name,
            length=len(content),
            user=self.workspace.person(user).id,
            content=content,
            is_uploaded=True,
            is_complete=True,
        )
        self.workspace.files[stored.id] = stored
        return stored


def _typed_options(options: Mapping[str, object]) -> str:
    """Return options as a person types them: one alone by its value, several by name."""
    if len(options) == 1:
        return str(next(iter(options.values())))
    return " ".join(f'--{name} "{value}"' for name, value in options.items())


def _told(reason: str) -> str:
    """Return what the client says when the app did not answer for this reason."""
    return "operation_timeout" if "timeout" in reason else "dispatch_failed"
