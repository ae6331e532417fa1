"""Describe pictures that a model draws: what is asked for, what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.model import Connected, Enclosed
from quarterdeck.core.reply import File
from quarterdeck.core.value import dataclass

MOST_PICTURES = 10
LONGEST_PROMPT = 4000  # characters; the least that a vendor of the catalogue takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Hold the pictures of one order, as files of ours. `microusd` is what they cost, None where nobody knows.

    `prompt` is what was asked for, `revised` what the vendor made of it. `notes` say in a sentence each what was done
    otherwise than asked: another size, no seed.
    """

    files: tuple[File, ...]
    prompt: str
    model: Connected
    microusd: int | None = None
    revised: str = ""
    notes: tuple[str, ...] = ()


class Images(Protocol):
    """Draw with whichever model the settings name for the role `image`."""

    async def connected(self) -> Connected | None:
        """Return the model that would draw now, None when none is connected."""

    async def generate(
        self,
        prompt: str,
        *,
        size: str = "",
        count: int = 1,
        seed: int | None = None,
        edit: Enclosed | None = None,
        person_id: str = "",
        conversation_id: str = "",
        workflow: str = "",
        progress: Callable[[str], Awaitable[None]] | None = None,
    ) -> Drawing:
        """Return `count` pictures, checked and kept for a week; `size` is `WxH` in pixels or `W:H`, empty for any.

        With `edit` that picture is changed as `prompt` says. A failure after the order went out is not tried again
        with the same model: it may cost money.

        Raises:
            UsageError: size, count or the picture to edit is wrong.
            SetupError: no model that draws is connected; the hint says how to connect one.
            OverBudget: a budget does not allow it.
            ServiceError: every model of the role failed; `Rejected` where the content was refused.
        """

    def how_to_connect(self) -> str:
        """Say in CommonMark how to connect a model that draws."""


class Attached(Protocol):
    """Bring what people attached to a message."""

    async def fetch(
        self, attachment: Attachment, conversation: Conversation, *, limit_bytes: int
    ) -> Enclosed:
        """Return the file's bytes.

        Raises:
            UsageError: it is larger than `limit_bytes`, or the platform gives no files.
            ServiceError: the platform did not give it.
        """
