"""Name what can go wrong by who can fix it.

QuarterdeckError
├── UserError(hint)                   the person typing: shown as it is
│   ├── UsageError  ├── Denied  ├── NotFound  └── Busy
├── SetupError(file, key, hint)       the operator: names file, key and the fix
│   └── KeyMissing(env_name)
├── ServiceError(service, retryable)  the other side
│   ├── AuthFailed  ├── RateLimited(retry_after_s, is_global)  ├── Unavailable  ├── Unknown
│   └── Rejected(status, detail)  └── Gone
└── RunError(run_id, step)            a workflow: in the journal and on the dashboard
    ├── StepFailed  ├── NonDeterministic  └── Cancelled
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

Kind = Literal["user", "setup", "service", "run"]


class QuarterdeckError(Exception):
    """Stand for every failure that Quarterdeck explains itself; `kind` says who can fix it."""

    kind: ClassVar[Kind] = "user"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UserError(QuarterdeckError):
    """Ask the person typing for something else; message and hint are shown as they are."""


class UsageError(UserError):
    """Say that a command was typed wrongly: which option, which value, what is allowed.

    `wrong` says for each option that does not fit what may stand there, so that a form can say it below its inputs.
    """

    def __init__(self, message: str, *, hint: str = "", wrong: Mapping[str, str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.wrong = dict(wrong or {})


class Conflict(UsageError):
    """Say that something else stands there already."""


class Denied(UserError):
    """Say that the verified person may not do this."""


class NotFound(UserError):
    """Say that nothing has this name or id."""


class Busy(UserError):
    """Say that a bounded queue is full; the same request may succeed later."""


class SetupError(QuarterdeckError):
    """Ask the operator to mend settings or the machine; lines and columns count from 1."""

    kind: ClassVar[Kind] = "setup"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        file: str | None = None,
        key: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.file, self.key, self.line, self.column = file, key, line, column


class KeyMissing(SetupError):
    """Say which environment variable or secret would switch the wanted thing on."""

    def __init__(self, message: str, *, env_name: str, hint: str = "") -> None:
        super().__init__(message, hint=hint or f"set {env_name}", key=env_name)
        self.env_name = env_name


class ServiceError(QuarterdeckError):
    """Report the other side's failure; `retryable` says whether the same call may succeed later."""

    kind: ClassVar[Kind] = "service"

    def __init__(self, message: str, *, service: str, retryable: bool, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.service, self.retryable = service, retryable


class AuthFailed(ServiceError):
    """The service refused our credentials; a new key is needed, trying again does not help."""

    def __init__(self, message: str, *, service: str, hint: str = "") -> None:
        super().__init__(message, service=service, retryable=False, hint=hint)


class RateLimited(ServiceError):
    """The service asks us to slow down; `retry_after_s` is None where it did not say for how long.

    `is_global`: everything we send there must wait, not only what goes to the same place.
    """

    def __init__(
        self,
        message: str,
        *,
        service: str,
        retry_after_s: float | None = None,
        is_global: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(message, service=service, retryable=True, hint=hint)
        self.retry_after_s, self.is_global = retry_after_s, is_global


class Unavailable(ServiceError):
    """The service did not answer or failed on its side, and certainly did not carry the call out."""

    def __init__(
        self, message: str, *, service: str, retry_after_s: float | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, service=service, retryable=True, hint=hint)
        self.retry_after_s = retry_after_s


class Unknown(ServiceError):
    """The call was sent and its answer was lost: it may or may not have been carried out."""

    def __init__(self, message: str, *, service: str, hint: str = "") -> None:
        super().__init__(message, service=service, retryable=False, hint=hint)


class Rejected(ServiceError):
    """The service understood and refused; the same call will be refused again."""

    def __init__(self, message: str, *, service: str, status: int, detail: str = "", hint: str = "") -> None:
        super().__init__(message, service=service, retryable=False, hint=hint)
        self.status, self.detail = status, detail


class Gone(Rejected):
    """A whole place is closed to us: kicked, archived, a right taken away. Nothing else will get there either."""


class RunError(QuarterdeckError):
    """Report a workflow run's failure: which run, which step."""

    kind: ClassVar[Kind] = "run"

    def __init__(self, message: str, *, run_id: str, step: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.run_id, self.step = run_id, step


class StepFailed(RunError):
    """A step used up its attempts."""


class NonDeterministic(RunError):
    """A resumed run met another step than the one that its journal recorded."""


class Cancelled(RunError):
    """Somebody with the right to do so stopped the run."""
