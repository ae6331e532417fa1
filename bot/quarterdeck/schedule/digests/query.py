"""Pick values out of JSON by JMESPath: bounded expressions over plain data."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from quarterdeck.core.errors import UsageError

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

LONGEST = 300  # characters of an expression


def checked_path(path: str) -> str:
    """Return the expression when it is one.

    Raises:
        UsageError: it is too long, or cannot be read.
    """
    _compiled(path)
    return path


def picked(path: str, data: Any) -> Any:
    """Return what the expression finds in plain JSON, None where it finds nothing.

    Raises:
        UsageError: it does not fit the data.
    """
    from jmespath.exceptions import JMESPathError

    try:
        return _compiled(path).search(data)
    except (JMESPathError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path!r} does not fit what came: {error}", hint="try it on jmespath.org"
        ) from error


@lru_cache(maxsize=200)
def _compiled(path: str) -> ParsedResult:
    import jmespath
    from jmespath.exceptions import JMESPathError

    if len(path) > LONGEST:
        raise UsageError(f"a path has at most {LONGEST} characters", hint="pick less")
    try:
        return jmespath.compile(path)
    except (JMESPathError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{path!r} is no JMESPath expression: {reason}", hint="such as data.items[?open]"
        ) from error
