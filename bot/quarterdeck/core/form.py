"""Remember a command that still lacks values, until the person who gave it has given them too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Protocol

from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Hold a command that waits for values; only `identity` may give them.

    `given` are the values so far, as they came. `asking` names the options that are asked for now: all inputs of a
    native form (`is_native`), or the one that is asked for in words. `last_event` is the key of the event that changed
    the form last: handled once more after a crash, it must not change it again.
    """

    id: str
    command: str
    identity: Identity
    conversation: Conversation
    asking: tuple[str, ...]
    is_native: bool = False
    given: Mapping[str, Json] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    last_event: str = ""
    created_at_ms: int
    expires_at_ms: int
    is_ended: bool = False


class FormRows(Protocol):
    """Keep forms over a restart."""

    async def keep(self, form: Form) -> None:
        """Write the form down, in place of what was known of it; drops those that expired a day ago."""

    async def get(self, form_id: str) -> Form | None:
        """Return a form, ended or not."""

    async def all(self) -> Sequence[Form]:
        """Return every form that is kept, oldest first."""
