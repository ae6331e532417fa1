"""Say no as the Bot API does: a status, a description, sometimes parameters."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """Refuse a call; `description` is in the words of the Bot API, with its prefix (`Bad Request: …`)."""

    def __init__(self, status: int, description: str, parameters: Mapping[str, int] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = dict(parameters or {})

    def body(self) -> dict[str, object]:
        """Return the answer's body."""
        answer: dict[str, object] = {
            "ok": False,
            "error_code": self.status,
            "description": self.description,
        }
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


def bad(reason: str, **parameters: int) -> Refused:
    """Return the refusal of a request that cannot be carried out."""
    return Refused(400, f"Bad Request: {reason}", parameters)


def forbidden(reason: str) -> Refused:
    """Return the refusal of a place that the bot may not write to."""
    return Refused(403, f"Forbidden: {reason}")


def conflict(reason: str) -> Refused:
    """Return the refusal of a second consumer of updates."""
    return Refused(409, f"Conflict: {reason}")


def too_many(retry_after_s: int) -> Refused:
    """Return the refusal of a bot that is too fast."""
    return Refused(429, f"Too Many Requests: retry after {retry_after_s}", {"retry_after": retry_after_s})
