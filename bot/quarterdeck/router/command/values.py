"""Turn what people type into typed values, and say what is allowed when it does not fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from quarterdeck.core.command import Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.help import spell_bound
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.router.command.moments import read_duration, read_moment
from quarterdeck.router.command.pattern import fits

YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
LONGEST = 64 * 1024  # characters of one value; more is a file
LONGEST_ID = 400  # characters of an identity, a conversation id, a group
DIGITS = 30
ME, HERE = "me", "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Hold what a value may be meant by: the moment, the clock that applies, who writes where, with which files."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    identity: Identity | None = None
    conversation: Conversation | None = None
    attachments: tuple[Attachment, ...] = ()


def read_value(command: str, option: Option, given: object, reading: Reading) -> object:
    """Return `given` in the option's type, as `core.command.Option` says.

    Raises:
        UsageError: names the option, the value and what is allowed.
    """
    try:
        value = READERS[option.kind](option, given, reading)
        _check_bounds(option, value)
    except _Unfit as unfit:
        raise UsageError(
            f"/{command}: {option.name} cannot be {str(given)[:60]!r}",
            hint=f"write {unfit.allowed}",
            wrong={option.name: f"Write {unfit.allowed}."},
        ) from None
    return value


class _Unfit(Exception):
    def __init__(self, allowed: str) -> None:
        super().__init__(allowed)
        self.allowed = allowed


def _check_bounds(option: Option, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    too_small = option.minimum is not None and value < option.minimum
    too_large = option.maximum is not None and value > option.maximum
    if too_small or too_large:
        what = "a duration" if option.kind == "duration" else "a number"
        low = "" if option.minimum is None else f" from {spell_bound(option, option.minimum)}"
        high = "" if option.maximum is None else f" up to {spell_bound(option, option.maximum)}"
        raise _Unfit(f"{what}{low}{high}")


def _string(option: Option, given: object, reading: Reading) -> str:
    if not isinstance(given, str):
        raise _Unfit("text")
    longest = option.max_length or LONGEST
    if len(given) > longest:
        raise _Unfit(f"at most {longest} characters; this has {len(given)}")
    if option.pattern and not fits(option.pattern, given):
        raise _Unfit(f"something of the form {option.pattern}")
    return given


def _integer(option: Option, given: object, reading: Reading) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    text = given.strip() if isinstance(given, str) else ""
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > DIGITS:
        raise _Unfit("a whole number, such as 3")
    return int(text)


def _number(option: Option, given: object, reading: Reading) -> float:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise _Unfit("a number, such as 2.5")
    try:
        value = float(given)
    except (ValueError, OverflowError):
        raise _Unfit("a number, such as 2.5") from None
    if not math.isfinite(value):
        raise _Unfit("a number, such as 2.5")
    return value


def _boolean(option: Option, given: object, reading: Reading) -> bool:
    if isinstance(given, bool):
        return given
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in YES or word in NO:
        return word in YES
    raise _Unfit("yes or no")


def _choice(option: Option, given: object, reading: Reading) -> str:
    word = given.strip() if isinstance(given, str) else ""
    by_lower = {choice.lower(): choice for choice in option.choices}
    if word.lower() in by_lower:
        return by_lower[word.lower()]
    near = did_you_mean(word, option.choices)
    raise _Unfit(f"one of {', '.join(option.choices)}" + (f" ({near})" if near else ""))


def _datetime(option: Option, given: object, reading: Reading) -> datetime:
    text = given if isinstance(given, str) else ""
    moment = read_moment(text, now=reading.now, zone=reading.zone)
    if moment is None:
        raise _Unfit(
            'day and time, such as "2027-01-31 14:00", "tomorrow 9:00", "in 20 minutes" or '
            f"2027-01-31T09:00:00+01:00; without a zone it is {reading.zone.key} time"
        )
    return moment


def _duration(option: Option, given: object, reading: Reading) -> float:
    seconds = read_duration(given) if isinstance(given, str) else None
    if seconds is None:
        raise _Unfit("a duration such as 90s, 20m, 1h30m or 2d")
    return seconds


def _user(option: Option, given: object, reading: Reading) -> str:
    text = _bare(given)
    if text.lower() == ME and reading.identity is not None:
        return str(reading.identity)
    parts = text.split(":", 2)
    if len(parts) != 3 or not parts[0] or not parts[2] or parts[2].startswith("@"):
        raise _Unfit(
            "an @mention, `me`, or the account's own id, such as slack:T1:U1; a name could be anybody's, and "
            "/whoami shows everyone their id"
        )
    return text


def _channel(option: Option, given: object, reading: Reading) -> str:
    text = _bare(given)
    if text.lower() == HERE and reading.conversation is not None:
        return reading.conversation.id
    platform, has_platform, rest = text.partition(":")
    if not platform or not has_platform or not rest or rest.startswith("#"):
        raise _Unfit(
            "the channel as your platform links it, `here`, or its own id, such as slack:T1:C1; names change"
        )
    return text


def _role(option: Option, given: object, reading: Reading) -> str:
    text = _bare(given)
    parts = text.split(":", 2)
    if len(parts) != 3 or not all(parts) or parts[2].startswith("@"):
        raise _Unfit("an @mention of the group, or its own id, such as discord:SERVER:ROLE; names change")
    return text


def _bare(given: object) -> str:
    """Take away what stands around an id when it is copied, and refuse what can be no id of a platform's."""
    text = given.strip().strip("`<>").removeprefix("@") if isinstance(given, str) else ""
    is_sound = text.isascii() and text.isprintable() and " " not in text and len(text) <= LONGEST_ID
    return text if is_sound else ""


def _file(option: Option, given: object, reading: Reading) -> str:
    names = [one.name for one in reading.attachments]
    if isinstance(given, str) and given in names:
        return given
    raise _Unfit(
        f"the name of a file that you send along: {', '.join(names)}"
        if names
        else "nothing here, and send the file in the same message"
    )


READERS: dict[str, Callable[[Option, object, Reading], object]] = {
    "string": _string,
    "text": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "choice": _choice,
    "user": _user,
    "channel": _channel,
    "role": _role,
    "datetime": _datetime,
    "duration": _duration,
    "file": _file,
}
