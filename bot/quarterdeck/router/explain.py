"""Say to the person who asked why something failed."""

from __future__ import annotations

from quarterdeck.core.errors import Denied, NotFound, QuarterdeckError
from quarterdeck.core.reply import Reply, Status


def reply_to(error: QuarterdeckError) -> Reply:
    """Return the reply that explains a failure to the person who asked."""
    statuses: dict[type[QuarterdeckError], Status] = {Denied: "denied", NotFound: "not_found"}
    status: Status = next((word for kind, word in statuses.items() if isinstance(error, kind)), "error")
    text = error.message[:1].upper() + error.message[1:]
    return Reply(
        text=f"{text}\n{error.hint[:1].upper()}{error.hint[1:]}" if error.hint else text, status=status
    )
