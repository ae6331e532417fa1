"""Write what would be done in one form only, and take its hash: what was approved is that, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from quarterdeck.core.person import Identity

LONGEST = 2_400  # characters of all arguments together: an approver must see every one of them on one card
DIGEST_SHOWN = 16  # hexadecimal digits that a button carries


def canonical(options: Mapping[str, object]) -> str:
    """Return the options as JSON: sorted, without those that have no value, moments in UTC."""
    kept = {name: _plain(value) for name, value in options.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(*, subject: str, version: str, arguments: str, asker: Identity, conversation_id: str) -> str:
    """Return the hash of everything that an approval is about."""
    whole = json.dumps([subject, version, arguments, str(asker), conversation_id], ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [_plain(one) for one in value]
        case Mapping():
            return {str(name): _plain(one) for name, one in value.items()}
        case None:
            return None
        case _:
            return str(value)
