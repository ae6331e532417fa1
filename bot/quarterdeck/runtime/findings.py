"""Say what a check found: what is on, what is off and why, what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from quarterdeck.core.errors import SetupError
from quarterdeck.core.value import dataclass

Level = Literal["ok", "off", "warning", "error", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """State one fact about this installation.

    `ok` and `off` inform; `error` makes `check` fail; `critical` also keeps `run` from starting.
    `area` is the part of Quarterdeck in one word, `fix` what to type. Lines and columns count from 1.
    """

    level: Level
    area: str
    message: str
    fix: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None

    @classmethod
    def of(cls, error: SetupError, *, area: str, level: Level = "error") -> Finding:
        """Turn a set-up error into a finding that points at the same place."""
        return cls(
            level=level,
            area=area,
            message=error.message,
            fix=error.hint,
            file=error.file,
            line=error.line,
            column=error.column,
        )


def refuse_critical(findings: Iterable[Finding]) -> None:
    """Keep the program from starting when a finding is critical.

    Raises:
        SetupError: the first critical finding; its hint is the fix.
    """
    critical = [finding for finding in findings if finding.level == "critical"]
    if critical:
        first = critical[0]
        more = f" (and {len(critical) - 1} more; see `quarterdeck check`)" if len(critical) > 1 else ""
        raise SetupError(
            first.message + more, hint=first.fix, file=first.file, line=first.line, column=first.column
        )
