"""Describe typed inputs, of a workflow and of a form: the options of commands, written as rows."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field, JsonValue, model_validator

from quarterdeck.core.command import Option, OptionKind
from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import refuse
from quarterdeck_workflows.language.functions import Unfit, check_pattern
from quarterdeck_workflows.language.rows.values import Line, Texts

MEASURED = ("integer", "number", "duration")
TEXTS = ("string", "text")
NO_DEFAULT = ("datetime", "user", "channel", "role", "file")


class InputRow(Section):
    """Describe one input."""

    kind: OptionKind = "string"
    """What values it takes; choice, where choices are given."""
    summary: Line | None = None
    """What it is, in a few words; people read it in help and in forms."""
    required: bool = False
    """Whether nothing goes without it."""
    default: JsonValue = None
    """What it is when it is not given; of the input's kind."""
    choices: Texts = ()
    """The values that can be chosen."""
    minimum: float | None = None
    """The least number."""
    maximum: float | None = None
    """The greatest number."""
    max_length: int | None = Field(default=None, ge=1)
    """How many characters at most."""
    pattern: str = ""
    """A regular expression (RE2) for the whole text."""
    positional: bool = True
    """Whether it can be given by its place, without --name."""
    rest: bool = False
    """Whether it takes all that is left of the line."""

    @model_validator(mode="after")
    def _is_sound(self) -> InputRow:
        for problem, hint, key in self._problems():
            raise refuse(problem, hint, key=key)
        return self

    @property
    def real_kind(self) -> OptionKind:
        """Return the kind, `choice` where choices stand alone."""
        return "choice" if self.choices and "kind" not in self.model_fields_set else self.kind

    def option(self, name: str) -> Option:
        """Return it as commands and forms know it."""
        return Option(
            name=name,
            summary=self.summary or name.replace("_", " "),
            kind=self.real_kind,
            required=self.required,
            default=self._default(),
            choices=self.choices,
            minimum=self.minimum,
            maximum=self.maximum,
            max_length=self.max_length,
            pattern=self.pattern,
            positional=self.positional,
            rest=self.rest,
        )

    def _default(self) -> JsonValue:
        is_measured = self.real_kind in ("number", "duration")
        return float(self.default) if is_measured and type(self.default) is int else self.default

    def _problems(self) -> Iterator[tuple[str, str, str]]:
        kind = self.real_kind
        if (kind == "choice") != bool(self.choices):
            yield (
                "choices belong to the kind choice, and it needs some",
                "write choices: [one, other]",
                "choices",
            )
        if self.required and self.default is not None:
            yield "is required, so its default does nothing", "take one of the two out", "default"
        if (self.minimum is not None or self.maximum is not None) and kind not in MEASURED:
            yield "minimum and maximum belong to numbers", f"write kind: {' or '.join(MEASURED)}", ""
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            yield "the minimum is more than the maximum", "swap them", "minimum"
        if (self.max_length is not None or self.pattern) and kind not in TEXTS:
            yield "max_length and pattern belong to text", f"write kind: {' or '.join(TEXTS)}", ""
        if self.pattern:
            try:
                check_pattern(self.pattern)
            except Unfit as unfit:
                yield unfit.message, unfit.hint, "pattern"
        if self.default is not None:
            yield from self._default_problems(kind)

    def _default_problems(self, kind: str) -> Iterator[tuple[str, str, str]]:
        if kind in NO_DEFAULT:
            yield f"the kind {kind} has no default", "make it required, or leave the default out", "default"
        elif not _fits(self.default, kind, self.choices):
            allowed = (
                f"one of {', '.join(self.choices)}" if kind == "choice" else f"a value of the kind {kind}"
            )
            yield f"{str(self.default)[:40]!r} is not {allowed}", f"write {allowed}", "default"


def _fits(value: JsonValue, kind: str, choices: tuple[str, ...]) -> bool:
    match kind:
        case "integer":
            return type(value) is int
        case "number" | "duration":
            return type(value) in (int, float)
        case "boolean":
            return isinstance(value, bool)
        case "choice":
            return value in choices
        case _:
            return isinstance(value, str)
