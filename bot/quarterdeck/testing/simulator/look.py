"""Compare what is seen with what was expected, and write both down so that a person sees the difference."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import yaml

from quarterdeck.core.ports import Json
from quarterdeck.testing.simulator.platform import SeenMessage
from quarterdeck.testing.simulator.transcript import Expected

ANY: Final = "{any}"
INVISIBLE: Final = str.maketrans("", "", "\u200b\u2060")  # adapters put them where signs must not be markup
UNLESS_SAID: Final = ("links", "edited", "thread")  # not looked at


class Names:
    """Know messages by the names of steps, and people by their short names."""

    def __init__(self, people: Mapping[str, str]) -> None:
        self._people = dict(people)
        self._messages: dict[str, str] = {}

    def call(self, name: str, message: str) -> None:
        """Give a message a name."""
        self._messages[name] = message

    def message(self, name: str) -> str:
        """Return the id of a message, empty for no name.

        Raises:
            LookupError: no step has this name so far.
        """
        if name and name not in self._messages:
            raise LookupError(f"no message is called {name!r} so far")
        return self._messages.get(name, "")

    def of_message(self, message: str) -> str:
        """Return the name of a message, its id where it has none."""
        return next((name for name, one in self._messages.items() if one == message), message)

    def of_person(self, account: str) -> str:
        """Return the short name of an account, the account where it is not known."""
        return self._people.get(account, account)


def matches(expected: Sequence[Expected], seen: Sequence[SeenMessage], names: Names) -> bool:
    """Tell whether exactly this is seen."""
    return len(expected) == len(seen) and all(
        _matches(*pair, names) for pair in zip(expected, seen, strict=True)
    )


def _matches(expected: Expected, seen: SeenMessage, names: Names) -> bool:
    shown, wanted = _looked_at(expected, described(seen, names)), _wanted(expected)
    return _fits(str(wanted.pop("text")), str(shown.pop("text"))) and wanted == shown


def _looked_at(expected: Expected, shown: dict[str, Json]) -> dict[str, Json]:
    """Leave out what the transcript does not say and platforms do differently."""
    left_out = [key for key in UNLESS_SAID if getattr(expected, key) is None]
    return {key: value for key, value in shown.items() if key not in left_out}


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split(ANY))), text, re.DOTALL) is not None


def described(seen: SeenMessage, names: Names) -> dict[str, Json]:
    """Return a message as a transcript would expect it; what is not there is left out."""
    whole: dict[str, Json] = {
        "text": seen.text.translate(INVISIBLE),
        "buttons": [button.label for button in seen.buttons],
        "files": list(seen.files),
        "reactions": list(seen.reactions),
        "pings": [names.of_person(ping) for ping in seen.pings],
        "links": list(dict.fromkeys(seen.links)),
        "private": bool(seen.to),
        "edited": seen.edits > 0,
        "deleted": seen.is_deleted,
        "thread": names.of_message(seen.thread) if seen.thread else "",
    }
    return {key: value for key, value in whole.items() if value or key == "text"}


def _wanted(expected: Expected) -> dict[str, Json]:
    whole = expected.model_dump(mode="json", exclude={"name"})
    return {key: value for key, value in whole.items() if value or key == "text"}


def difference(expected: Sequence[Expected], seen: Sequence[SeenMessage], names: Names, *, place: str) -> str:
    """Return a unified diff from what was expected to what is seen; what fits is written as expected."""
    wanted, found = [_wanted(one) for one in expected], []
    for number, message in enumerate(seen):
        shown = described(message, names)
        if number < len(expected):
            shown = _as_expected(expected[number], shown)
        found.append(shown)
    lines = difflib.unified_diff(
        _lines(wanted), _lines(found), "expected", f"seen on {place}", lineterm="", n=3
    )
    return "\n".join(lines)


def _as_expected(expected: Expected, shown: dict[str, Json]) -> dict[str, Json]:
    if _fits(expected.text, str(shown["text"])):
        shown["text"] = expected.text
    return _looked_at(expected, shown)


def _lines(messages: Iterable[Mapping[str, Json]]) -> list[str]:
    return written(list(messages)).splitlines() if messages else []


class _Dumper(yaml.SafeDumper):
    """Write texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_block = "\n" in text and not any(line.endswith(" ") for line in text.split("\n"))
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if is_block else None)


_Dumper.add_representer(str, _text)


def written(value: Json) -> str:
    """Return plain data as YAML for people."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text if value not in ([], {}) else ""
