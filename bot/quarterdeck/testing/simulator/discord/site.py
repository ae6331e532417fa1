"""Hold together what the routes work on."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.discord.commands import Commands
from quarterdeck.testing.simulator.discord.events import Events
from quarterdeck.testing.simulator.discord.gateway import Gateway
from quarterdeck.testing.simulator.discord.interactions import Interactions
from quarterdeck.testing.simulator.discord.world import CONTENT_BIT, World


@dataclass(frozen=True, slots=True)
class Site:
    """Be everything behind the API. `privileged` are the privileged intents that the application was given."""

    world: World
    gateway: Gateway
    events: Events
    commands: Commands
    interactions: Interactions
    cdn: Callable[[], str]
    changed: Callable[[], None]
    privileged: int
    public_key: str

    @property
    def may_read(self) -> bool:
        """Say whether the application was given the content of messages."""
        return bool(self.privileged & CONTENT_BIT)
