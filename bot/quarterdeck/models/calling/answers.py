"""Say how earlier answers are kept, for budgets that fall back on them."""

from __future__ import annotations

from typing import Protocol

from quarterdeck.core.model import Connected, KeptAnswer, ModelRequest


class Answers(Protocol):
    """Keep answers by what was asked, word for word."""

    async def keep(
        self, request: ModelRequest, role: str, text: str, answered_by: Connected, now_ms: int
    ) -> None:
        """Remember the answer."""

    async def find(self, request: ModelRequest, role: str) -> KeptAnswer | None:
        """Return the answer to the same messages in the same role, None when there was none."""
