"""Ask for what a command lacks, instead of refusing it: in a form, or question by question in the conversation.

Only the person who gave the command may answer. All of it is on disk before it is shown, so a restart loses nothing;
what is complete goes the way of every command, through the same authoriser and the same checks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import field, replace

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Command
from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.event import Event, Posted, Pressed, Submitted
from quarterdeck.core.form import Form, FormRows
from quarterdeck.core.message import Attachment
from quarterdeck.core.ports import Clock, Commands, Json
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass
from quarterdeck.router.addressing import Wish
from quarterdeck.router.command.syntax import Missing, split
from quarterdeck.router.command.values import Reading, read_value
from quarterdeck.router.forms import questions

EXPIRE_S = 900.0
ID_LETTERS = 20  # of a hash: short enough for 64 bytes of callback data
GONE = "This form is closed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Say what the platform of an event can show; `form_inputs` 0 stands for any number."""

    abilities: Collection[Ability] = field(default_factory=frozenset)
    form_inputs: int = 0

    @property
    def has_forms(self) -> bool:
        """Tell whether a form can be shown."""
        return Ability.FORMS in self.abilities


class Forms:
    """Open forms, take what people answer, and hand back the command once it is complete."""

    def __init__(
        self, rows: FormRows, commands: Commands, clock: Clock, *, expire_s: float = EXPIRE_S
    ) -> None:
        self._rows, self._commands, self._clock, self._expire_ms = (
            rows,
            commands,
            clock,
            round(expire_s * 1000),
        )
        self._asked: dict[tuple[str, str], Form] | None = None  # in words: by conversation and identity

    async def open(
        self, event: Event, wish: Wish, command: Command, missing: Missing, screen: Screen
    ) -> Reply:
        """Ask for what is missing; a question that this person left open here gives way to it."""
        now_ms = self._clock.now_ms()
        given = {name: _plain(value) for name, value in missing.given.items()}
        if screen.has_forms:
            asking = questions.inputs_for(command, tuple(given), missing.names, screen.form_inputs)
        else:
            asking = missing.names[:1]
        form = Form(
            id=wish.form.id if wish.form else hashlib.sha256(event.key.encode()).hexdigest()[:ID_LETTERS],
            command=command.name,
            identity=event.actor,
            conversation=event.conversation,
            asking=asking,
            is_native=screen.has_forms,
            given=given,
            attachments=wish.attachments,
            last_event=event.key,
            created_at_ms=wish.form.created_at_ms if wish.form else now_ms,
            expires_at_ms=now_ms + self._expire_ms,
        )
        await self._keep(form)
        return self._shown(form, command, screen)

    async def ask(self, form: Form, command: Command, screen: Screen) -> Reply:
        """Ask somebody for values of our own accord, and return what to show them; `form` names what is asked."""
        given = tuple(form.given)
        names = tuple(one.name for one in command.options if one.required and one.name not in given)
        names = names or tuple(one.name for one in command.options)
        asking = (
            questions.inputs_for(command, given, names, screen.form_inputs) if screen.has_forms else names[:1]
        )
        form = replace(form, asking=asking, is_native=screen.has_forms)
        await self._keep(form)
        return self._shown(form, command, screen)

    async def close(self, form_id: str) -> None:
        """Close a form: nobody waits for its values any more."""
        form = await self._rows.get(form_id)
        if form is not None and not form.is_ended:
            await self._keep(replace(form, is_ended=True))

    async def take(self, event: Event, screen: Screen) -> Wish | Reply | None:
        """Return what the event means to a form: the command, complete; what to say; None when it means nothing.

        Raises:
            UserError: the form is somebody else's, closed, or not there any more.
        """
        match event:
            case Posted() if not event.origin:
                return await self._take_words(event, screen)
            case Pressed() if form_id := questions.form_of(event.value):
                return await self._take_press(event, form_id, screen)
            case Submitted():
                return await self._take_form(event)
            case _:
                return None

    async def refuse(self, form: Form, command: Command, problem: UsageError, screen: Screen) -> Reply:
        """Show the form once more, with what was filled in and what is wrong with it."""
        said = f"{problem.message[:1].upper()}{problem.message[1:]}\n{problem.hint}".strip()
        if len(problem.wrong) > 1:
            said = "\n".join(f"{questions.label_of(name)}: {what}" for name, what in problem.wrong.items())
        if form.is_native and screen.has_forms:
            return self._shown(form, command, screen, problem=said, wrong=problem.wrong)
        raise problem

    async def end(self, form: Form, event: Event) -> None:
        """Close the form: its command is about to run."""
        await self._keep(replace(form, is_ended=True, last_event=event.key))

    async def _take_words(self, event: Posted, screen: Screen) -> Wish | Reply | None:
        asked = await self._words()
        form = asked.get((event.conversation.id, str(event.actor))) if asked else None
        if form is None:
            return None
        is_again = form.last_event == event.key
        if not is_again and not self._is_open(form):
            return None
        command = self._commands.get(form.command)
        text = event.message.text
        if command is None or (not is_again and self._is_command(text)):
            return None
        if text.strip().lower().removeprefix("/") == questions.CANCEL:
            return await self._cancel(form, event)
        if is_again:
            return self._next(form, command, screen)
        option = next(one for one in command.options if one.name == form.asking[0])
        value = questions.answer_of(option, text)
        attachments = (*form.attachments, *event.message.attachments)
        if option.kind == "file" and event.message.attachments:
            value = event.message.attachments[0].name
        return await self._answered(form, command, event, screen, value, attachments)

    async def _take_press(self, event: Pressed, form_id: str, screen: Screen) -> Wish | Reply | None:
        form = await self._of(form_id, event)
        command = self._command(form)
        if form.last_event == event.key:
            return self._next(form, command, screen)
        picked = questions.pressed_choice(form, command, event.value)
        if picked == questions.CANCEL:
            return await self._cancel(form, event)
        if picked is None or not self._is_open(form):
            raise self._gone(form)
        return await self._answered(form, command, event, screen, picked, form.attachments)

    async def _take_form(self, event: Submitted) -> Wish | None:
        if await self._rows.get(event.form_id) is None:
            return None
        form = await self._of(event.form_id, event)
        if form.last_event != event.key:
            if not self._is_open(form):
                raise self._gone(form)
            values = {name: event.values.get(name) for name in form.asking}
            filled = {name: _plain(value) for name, value in values.items() if value not in (None, "")}
            kept = {name: value for name, value in form.given.items() if name not in form.asking}
            form = replace(
                form,
                given=kept | filled,
                attachments=(*form.attachments, *event.attachments),
                last_event=event.key,
            )
            await self._keep(form)
        return _wish(form)

    async def _answered(
        self,
        form: Form,
        command: Command,
        event: Event,
        screen: Screen,
        value: str,
        attachments: tuple[Attachment, ...],
    ) -> Wish | Reply:
        """Take one value, or say what is wrong with it and ask again."""
        option = next(one for one in command.options if one.name == form.asking[0])
        reading = Reading(
            now=self._clock.now(),
            identity=event.actor,
            conversation=event.conversation,
            attachments=attachments,
        )
        try:
            read_value(command.name, option, value, reading)
        except UsageError as error:
            said = f"{error.message}. {error.hint[:1].upper()}{error.hint[1:]}."
            return self._shown(form, command, screen, problem=said[:1].upper() + said[1:])
        given = {**form.given, option.name: value}
        left = [one.name for one in command.options if one.required and one.name not in given]
        form = replace(
            form, given=given, attachments=attachments, asking=tuple(left[:1]), last_event=event.key
        )
        await self._keep(form)
        return self._next(form, command, screen)

    def _next(self, form: Form, command: Command, screen: Screen) -> Wish | Reply:
        """Ask for the next value, or hand the command over when there is none left."""
        return self._shown(form, command, screen) if form.asking else _wish(form)

    async def _cancel(self, form: Form, event: Event) -> Reply:
        await self._keep(replace(form, is_ended=True, last_event=event.key))
        command = self._commands.get(form.command)
        what = questions.title_of(command) if command is not None else f"/{form.command}"
        return Reply(text=f"Cancelled. Nothing was done for {what}.")

    def _shown(
        self,
        form: Form,
        command: Command,
        screen: Screen,
        *,
        problem: str = "",
        wrong: Mapping[str, str] | None = None,
    ) -> Reply:
        if form.is_native:
            is_private = Ability.PRIVATE in screen.abilities
            return questions.native(form, command, is_private=is_private, problem=problem, wrong=wrong)
        has_buttons = Ability.BUTTONS in screen.abilities
        return questions.in_words(form, command, has_buttons=has_buttons, problem=problem)

    async def _of(self, form_id: str, event: Event) -> Form:
        """Return the form, if it is this person's.

        Raises:
            UserError: it is not there any more, or somebody else's.
        """
        form = await self._rows.get(form_id)
        if form is None:
            raise NotFound(GONE, hint="give the command again")
        if form.identity != event.actor:
            raise Denied("This question is for somebody else.", hint=f"run `/{form.command}` yourself")
        return form

    def _command(self, form: Form) -> Command:
        command = self._commands.get(form.command)
        if command is None:
            raise NotFound(f"there is no command /{form.command} any more", hint="/help lists what there is")
        return command

    def _gone(self, form: Form) -> NotFound:
        command = self._commands.get(form.command)
        is_ours = command is None or command.is_quiet  # nobody gave it: a workflow asked
        return NotFound(
            GONE, hint="nobody waits for it any more" if is_ours else f"run `/{form.command}` again"
        )

    def _is_open(self, form: Form) -> bool:
        return not form.is_ended and self._clock.now_ms() < form.expires_at_ms

    def _is_command(self, text: str) -> bool:
        line = split(text.lstrip())
        return line is not None and self._commands.get(line.name) is not None

    async def _words(self) -> dict[tuple[str, str], Form]:
        """Return the questions asked in words, so that no message costs a look at the database."""
        if self._asked is None:
            forms = [form for form in await self._rows.all() if not form.is_native]
            self._asked = {(form.conversation.id, str(form.identity)): form for form in forms}
        return self._asked

    async def _keep(self, form: Form) -> None:
        asked = await self._words()
        await self._rows.keep(form)
        if not form.is_native:
            asked[form.conversation.id, str(form.identity)] = form
            self._forget_expired(asked)

    def _forget_expired(self, asked: dict[tuple[str, str], Form]) -> None:
        now_ms = self._clock.now_ms()
        for place in [place for place, form in asked.items() if form.expires_at_ms < now_ms]:
            del asked[place]


def _wish(form: Form) -> Wish:
    return Wish(
        way="form", name=form.command, options=dict(form.given), attachments=form.attachments, form=form
    )


def _plain(value: object) -> Json:
    """Return a value as JSON can hold it; what it cannot is text that people could have typed."""
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
