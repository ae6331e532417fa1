"""Say which role an effect asks for, which effects are put on record, and how moments are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from quarterdeck.core.errors import UserError

LEAST: Mapping[str, str] = {
    "none": "operator",
    "read": "operator",
    "write": "operator",
    "destructive": "admin",
    "money": "admin",
}
ON_RECORD = ("write", "destructive", "money")
FORM = "write it as 2027-01-31T09:00:00+01:00"


def read_moment(text: str) -> datetime:
    """Return a moment with its zone.

    Raises:
        UserError: it is none, or has no zone.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is no moment", hint=FORM) from None
    if found.tzinfo is None:
        raise UserError(f"{text!r} has no zone", hint=FORM)
    return found
