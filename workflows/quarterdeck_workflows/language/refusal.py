"""Turn what the rows refused into errors with a place: file, line, column, the nearest key and the fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from pydantic import ValidationError

from quarterdeck.core.errors import SetupError
from quarterdeck.core.text import did_you_mean, nearest
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.settings.layering import Keys
from quarterdeck.runtime.settings.validation import known_keys, problems_of
from quarterdeck_workflows.language.rows.file import WorkflowFile
from quarterdeck_workflows.language.rows.steps import STEP_KINDS, STEPS
from quarterdeck_workflows.language.rows.triggers import TRIGGER_KINDS, TRIGGERS

_ROWS = {f"step:{row.kind_key}": row for row in STEPS} | {f"trigger:{row.kind_key}": row for row in TRIGGERS}


def refusals_of(error: ValidationError, located: yaml.Located) -> Iterator[SetupError]:
    """Yield every mistake in the order of the file; what only follows from another is left out."""
    details = error.errors(include_url=False, include_input=False)
    above = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    found = [
        _refusal(dict(detail), located)
        for detail in details
        if detail["type"] != "too_short" or detail["loc"] not in above  # something inside it is wrong
    ]
    yield from sorted(found, key=lambda one: (one.line or 0, one.column or 0))


def as_written(path: Keys, located: yaml.Located) -> Keys:
    """Return a path without what the file does not have: kinds of rows, and the index of a list written as one item."""
    known: Keys = ()
    for key in path:
        if key in _ROWS:
            continue
        if (*known, key) in located.values or not isinstance(key, int):
            known = (*known, key)
    return known


def _refusal(detail: dict[str, Any], located: yaml.Located) -> SetupError:
    raw: Keys = tuple(detail["loc"])
    path = as_written(raw, located)
    if detail["type"] == "extra_forbidden":
        return _unknown_key(raw, path, located)
    if detail["type"] == "union_tag_invalid":
        return _no_kind(path, located)
    cleaned = {**detail, "loc": path}
    if detail["type"] in _OURS:
        message, hint = _OURS[detail["type"]], _allowed(detail)
        is_key = path[-1:] == ("[key]",)
        path = path[:-1] if is_key else path
        return located.error(f"{'.'.join(map(str, path))}: {message}", path, hint=hint, at_key=is_key)

    def locate(message: str, path: Keys, *, hint: str = "", at_key: bool = False) -> SetupError:
        return located.error(message, path, hint=hint or _allowed(cleaned), at_key=at_key)

    return next(problems_of(cast("ValidationError", _One(cleaned)), WorkflowFile, locate))


class _One:
    """Stand for a validation error with one detail."""

    def __init__(self, detail: dict[str, Any]) -> None:
        self._detail = detail

    def errors(self, **_: object) -> list[dict[str, Any]]:
        return [self._detail]


def _allowed(detail: dict[str, Any]) -> str:
    context = detail.get("ctx") or {}
    if detail["type"] == "literal_error":
        return f"write {context['expected']}"
    if detail["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(str(context["pattern"]), f"write something of the form {context['pattern']}")
    bounds = [f"at least {context['min_length']}" if "min_length" in context else ""]
    bounds += [f"at most {context['max_length']}" if "max_length" in context else ""]
    bounds += [f"{sign} {context[name]}" for name, sign in _SIGNS.items() if name in context]
    return f"write {' and '.join(filter(None, bounds))}" if any(bounds) else "check docs/workflows.md"


_SIGNS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_OURS = {
    "string_pattern_mismatch": "is not of the right form",
    "too_short": "has too few entries",
    "too_long": "has too many entries",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
}
_PATTERNS = {
    r"^[a-z][a-z0-9_]{0,31}$": "use small letters, digits and underscores, at most 32, a letter first: build_image",
    r"^[a-z][a-z0-9_-]{0,31}$": "use small letters, digits, hyphens and underscores, at most 32, a letter first",
    r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$": "write an action's id, such as chat.send",
    r"^(role|group):.+$": "write role:NAME or group:NAME, such as role:admin",
    r"^[a-z][a-z0-9_-]*$": "write a role, such as operator",
}


def _unknown_key(raw: Keys, path: Keys, located: yaml.Located) -> SetupError:
    key, known = str(raw[-1]), _known(raw[:-1])
    kinds = STEP_KINDS if any(part in _ROWS and str(part).startswith("step:") for part in raw[-2:-1]) else ()
    hint = did_you_mean(key, known) or f"known here: {', '.join(sorted(known))}"
    if key in kinds:
        hint = f"a step does one thing: begin another one with `- {key}:`"
    return located.error(f"{'.'.join(map(str, path))} is not a known key", path, hint=hint, at_key=True)


def _known(above: Keys) -> Sequence[str]:
    at = max((at for at, part in enumerate(above) if part in _ROWS), default=None)
    if at is None:
        return sorted(known_keys(WorkflowFile, above))
    return sorted(known_keys(_ROWS[str(above[at])], tuple(key for key in above[at + 1 :])))


def _no_kind(path: Keys, located: yaml.Located) -> SetupError:
    """Say that a step or trigger is none, and which kind may have been meant."""
    is_step = "triggers" not in path[:1]
    kinds, what = (STEP_KINDS, "step") if is_step else (TRIGGER_KINDS, "trigger")
    written = _keys_at(path, located)
    close = next(((key, kind) for key in written if (kind := nearest(key, kinds))), None)
    if close is not None:
        hint = f"did you mean {close[1]!r}?"
        return located.error(f"{close[0]!r} is no {what}", (*path, close[0]), hint=hint, at_key=True)
    word = _word_at(path, located)
    if close_word := nearest(word, kinds):  # `- comand`
        return located.error(f"{word[:80]!r} is no {what}", path, hint=f"did you mean {close_word!r}?")
    return located.error(f"this is no {what}", path, hint=f"write `- ` and one of {', '.join(kinds)}")


def _word_at(path: Keys, located: yaml.Located) -> str:
    """Return the word that stands at a place, empty where something else does."""
    found: object = located.data
    for key in path:
        try:
            found = found[key]  # type: ignore[index]  # asked by what it raises
        except (KeyError, IndexError, TypeError):
            return ""
    return found if isinstance(found, str) else ""


def _keys_at(path: Keys, located: yaml.Located) -> list[str]:
    return [str(keys[-1]) for keys in located.keys if keys[:-1] == path]
