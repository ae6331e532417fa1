"""Write errors down as the answers of steps."""

from __future__ import annotations

from quarterdeck.core.errors import Denied, QuarterdeckError, RateLimited, ServiceError, UserError
from quarterdeck.core.ports import Json
from quarterdeck_workflows.engine.ending import Failure


def refused(error: QuarterdeckError, kind: str = "") -> Json:
    """Return the answer of a step that failed by this error."""
    after_s = error.retry_after_s if isinstance(error, RateLimited) else None
    failure = Failure(kind=kind or kind_of(error), message=error.message, hint=error.hint)
    return {"error": failure.json(), "after_s": after_s}


def kind_of(error: QuarterdeckError) -> str:
    """Return the word that expressions and retries know an error by."""
    if isinstance(error.__cause__, TimeoutError):
        return "timeout"
    match error:
        case RateLimited():
            return "rate_limited"
        case Denied():
            return "denied"
        case UserError():
            return "input"
        case ServiceError() if error.retryable:
            return "unavailable"
        case _:
            return "failed"
