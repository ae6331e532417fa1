"""Load what needs discord.py: its import takes a third of a second, so it happens in a thread, when it is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from quarterdeck_adapters.discord.api.declare import Declaring
    from quarterdeck_adapters.discord.api.people import People
    from quarterdeck_adapters.discord.api.rest import Rest
    from quarterdeck_adapters.discord.gateway.gateway import Gateway
    from quarterdeck_adapters.discord.writing.posting import Posting


@dataclass(frozen=True, slots=True)
class Sdk:
    """Hold the classes that are built when the adapter connects."""

    rest: type[Rest]
    posting: type[Posting]
    gateway: type[Gateway]
    people: type[People]
    declaring: type[Declaring]
    download: Callable[..., Awaitable[None]]


def load() -> Sdk:
    """Import them."""
    from quarterdeck_adapters.discord.api.declare import Declaring
    from quarterdeck_adapters.discord.api.files import download
    from quarterdeck_adapters.discord.api.people import People
    from quarterdeck_adapters.discord.api.rest import Rest
    from quarterdeck_adapters.discord.gateway.gateway import Gateway
    from quarterdeck_adapters.discord.writing.posting import Posting

    return Sdk(Rest, Posting, Gateway, People, Declaring, download)
