"""Match patterns that people wrote, on an engine that takes time in proportion to the text and never more.

Python's own `re` goes back and tries again, so one pattern and one text can hold it for hours; RE2 cannot.
"""

from __future__ import annotations

from functools import lru_cache

import re2  # type: ignore[import-untyped]  # google-re2 ships no types

from quarterdeck.core.errors import SetupError
from quarterdeck.core.text import well_formed

LONGEST = 1000  # characters of a pattern
MEMORY_BYTES = 1024 * 1024  # for one compiled pattern; what needs more is refused


def fits(pattern: str, text: str) -> bool:
    """Tell whether `pattern` describes the whole of `text`.

    Raises:
        SetupError: the pattern is none; see `check_pattern`.
    """
    return _compiled(pattern).fullmatch(well_formed(text)) is not None


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that cannot be used.

    Raises:
        SetupError: it is too long, or no regular expression in RE2's syntax (no look-around, no back-references).
    """
    _compiled(pattern)


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> re2._Regexp:
    if len(pattern) > LONGEST:
        raise SetupError(f"the pattern has more than {LONGEST} characters", hint="write a shorter one")
    options = re2.Options()
    options.log_errors, options.max_mem = False, MEMORY_BYTES
    options.never_capture = True  # whether, not where: a tenth of the time
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise SetupError(
            f"{pattern!r} is no pattern: {error}",
            hint="write it in RE2's syntax: no look-around, no back-references",
        ) from error
