"""Draw with the first model of the role `image` that does (the `Images` port)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from quarterdeck.core.errors import SetupError
from quarterdeck.core.image import Drawing
from quarterdeck.core.model import Connected, Enclosed


class ImageDesk:
    """Take orders for pictures."""

    async def connected(self) -> Connected | None:
        """Return the model that would draw now, None when none is connected."""
        return None

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
        """Return `count` pictures; see `Images.generate`.

        Raises:
            SetupError: no model that draws is connected.
        """
        raise SetupError("no model that draws is connected", hint=self.how_to_connect())

    def how_to_connect(self) -> str:
        """Say how to connect a model that draws."""
        return "name one in models.roles.image"
