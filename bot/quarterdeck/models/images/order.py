"""Describe an order for pictures on its way to a vendor, and what the vendor made."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import field
from fractions import Fraction
from typing import Final, Protocol

from quarterdeck.core.errors import UsageError
from quarterdeck.core.model import Enclosed, Usage
from quarterdeck.core.value import dataclass

LONGEST_SIDE: Final = 8192
LEAST_SIDE: Final = 64
_SIZE: Final = re.compile(r"^\s*(\d{1,5})\s*(x|×|:)\s*(\d{1,5})\s*$", re.IGNORECASE)

Tell = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Hold what was asked for: pixels, or only a shape."""

    width: int
    height: int
    is_ratio: bool = False

    @property
    def ratio(self) -> Fraction:
        """Return width by height."""
        return Fraction(self.width, self.height)

    def __str__(self) -> str:
        return f"{self.width}{':' if self.is_ratio else 'x'}{self.height}"


def read_size(text: str) -> Size | None:
    """Read `1024x768` or `16:9`; None for an empty text.

    Raises:
        UsageError: it is neither.
    """
    if not text.strip():
        return None
    found = _SIZE.match(text)
    if found is None:
        raise UsageError(f"{text[:40]!r} is no size", hint="write 1024x1024, or a shape such as 16:9")
    width, sign, height = int(found[1]), found[2], int(found[3])
    if sign == ":":
        if not (0 < width <= 100 and 0 < height <= 100):
            raise UsageError(f"{text[:40]!r} is no shape", hint="write a shape such as 16:9 or 1:1")
        return Size(width=width, height=height, is_ratio=True)
    if not all(LEAST_SIDE <= side <= LONGEST_SIDE for side in (width, height)):
        raise UsageError(
            f"{text[:40]!r} is out of range", hint=f"each side has {LEAST_SIDE} to {LONGEST_SIDE} pixels"
        )
    return Size(width=width, height=height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Ask one model for `count` pictures in one call. `size` is as the vendor takes it, empty for its own choice."""

    model: str
    prompt: str
    size: str = ""
    count: int = 1
    seed: int | None = None
    edit: Enclosed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Hold one picture: its bytes, or where it lies for a while."""

    content: bytes = field(default=b"", repr=False)
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted:
    """Hold what one call made."""

    pictures: tuple[Made, ...]
    usage: Usage = field(default_factory=Usage)
    revised: str = ""


class Painter(Protocol):
    """Speak one wire format for pictures."""

    async def draw(self, order: Order, tell: Tell) -> Painted:
        """Return what was made; at least one picture.

        Raises:
            ServiceError: `Rejected` where the content was refused (`Refused`), `Unknown` where the answer was lost.
        """

    async def close(self) -> None:
        """Close connections."""
