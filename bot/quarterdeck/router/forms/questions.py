"""Show what a command still needs, as a form or in words, and read what people answer. Nothing here is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quarterdeck.core.command import Command, Option
from quarterdeck.core.form import Form
from quarterdeck.core.help import limits_of
from quarterdeck.core.reply import Button, Card, Input, Reply

CANCEL = "cancel"
BUTTONS_AT_MOST = 10  # choices beyond that are read more easily as a numbered list
KINDS = {  # in place of the kind's own name
    "boolean": "",
    "integer": "a whole number",
    "datetime": "such as tomorrow 9:00",
    "duration": "such as 20m or 1h30m",
    "user": "such as slack:T1:U1",
    "channel": "its id, or `here`",
    "role": "such as slack:T1:S1",
}
MARK = "form:"  # what the values of our buttons begin with; no command line does


def native(
    form: Form,
    command: Command,
    *,
    is_private: bool,
    problem: str = "",
    wrong: Mapping[str, str] | None = None,
) -> Reply:
    """Return the form with what was filled in already; `problem` says what was wrong with it, `wrong` where."""
    inputs = tuple(_input(_option(command, name), form, (wrong or {}).get(name, "")) for name in form.asking)
    about = command.summary if not command.is_quiet else command.detail
    body = "" if about == title_of(command) else about
    return Reply(
        text=problem,
        card=Card(title=title_of(command), body=body, inputs=inputs, form_id=form.id),
        status="error" if problem else "pending",
        private_to=form.identity if is_private else None,
    )


def in_words(form: Form, command: Command, *, has_buttons: bool, problem: str = "") -> Reply:
    """Ask for the one option that is next; choices are buttons where there are some, a numbered list elsewhere."""
    option = _option(command, form.asking[0])
    choices = choices_of(option)
    lines = [problem] if problem else []
    lines.append(f"**{title_of(command)}**: {option.summary}? {_allowed(option)}".rstrip())
    is_pressed = has_buttons and 0 < len(choices) <= BUTTONS_AT_MOST
    if choices and not is_pressed:
        lines.append("\n".join(f"{number}. {choice}" for number, choice in enumerate(choices, start=1)))
    how = "Answer with a number or a word" if choices else "Answer here"
    lines.append(f"{how}, or write `{CANCEL}`.")
    return Reply(
        text="\n\n".join(lines),
        card=Card(buttons=_buttons(form, command, choices)) if is_pressed else None,
        status="error" if problem else "pending",
    )


def title_of(command: Command) -> str:
    """Return what a form is called: by its command, or by what is asked where people did not give one."""
    return command.summary if command.is_quiet else f"/{command.name}"


def label_of(name: str) -> str:
    """Return what an input is called."""
    return name.replace("-", " ").capitalize()


def answer_of(option: Option, text: str) -> str:
    """Return what a plain message says as the option's value: a number stands for the choice with that number."""
    choices = choices_of(option)
    word = text.strip()
    if choices and word.isascii() and word.isdecimal() and len(word) <= 4 and 0 < int(word) <= len(choices):
        return choices[int(word) - 1]
    return text if option.kind == "text" else word


def pressed_choice(form: Form, command: Command, value: str) -> str | None:
    """Return the choice behind a button's value, `cancel`, or None when the button asked for another option."""
    _, _, rest = value.removeprefix(MARK).partition(":")
    if rest == CANCEL:
        return CANCEL
    place, _, number = rest.partition(":")
    places = [option.name for option in command.options]
    if not (place.isdecimal() and number.isdecimal()) or int(place) >= len(places):
        return None
    name, choices = places[int(place)], choices_of(command.options[int(place)])
    return choices[int(number)] if (name,) == form.asking and int(number) < len(choices) else None


def form_of(value: str) -> str:
    """Return the id of the form that a button's value belongs to, empty when it belongs to none."""
    return value.removeprefix(MARK).partition(":")[0] if value.startswith(MARK) else ""


def choices_of(option: Option) -> tuple[str, ...]:
    """Return what may be picked; nothing where values are free."""
    return ("yes", "no") if option.kind == "boolean" else option.choices


def inputs_for(command: Command, given: Sequence[str], missing: Sequence[str], limit: int) -> tuple[str, ...]:
    """Choose what a native form shows: what is missing, then what else may be given, as far as there is room."""
    others = [one.name for one in command.options if one.name not in missing and one.name not in given]
    names = [*missing, *others]
    return tuple(names[:limit] if limit else names)


def _buttons(form: Form, command: Command, choices: Sequence[str]) -> tuple[Button, ...]:
    place = next(at for at, option in enumerate(command.options) if option.name == form.asking[0])
    picks = [
        Button(id=f"{form.id}-{place}-{number}", label=choice, value=f"{MARK}{form.id}:{place}:{number}")
        for number, choice in enumerate(choices)
    ]
    stop = Button(id=f"{form.id}-{CANCEL}", label="Cancel", value=f"{MARK}{form.id}:{CANCEL}")
    return (*picks, stop)


def _input(option: Option, form: Form, problem: str) -> Input:
    value = form.given.get(option.name)
    label = label_of(option.name)
    about = "" if option.summary.lower() == label.lower() else option.summary
    return Input(
        id=option.name,
        label=label,
        kind=option.kind,
        required=option.required,
        choices=choices_of(option),
        hint=f"{about} {_allowed(option)}".strip(),
        value="" if value is None else str(value),
        max_length=option.max_length,
        problem=problem,
    )


def _allowed(option: Option) -> str:
    facts = limits_of(option, has_choices=False)
    if facts and facts[0] == option.kind:
        facts[0] = KINDS.get(option.kind, option.kind)
    facts = [fact for fact in facts if fact and not (fact.startswith("at most") and _is_roomy(option))]
    return f"({', '.join(facts)})" if facts else ""


def _is_roomy(option: Option) -> bool:
    """Tell whether nobody comes near its length by hand."""
    return (option.max_length or 0) >= 200


def _option(command: Command, name: str) -> Option:
    return next(option for option in command.options if option.name == name)
