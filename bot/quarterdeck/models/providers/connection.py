"""Say what a dialect needs to know to talk to one provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from quarterdeck.core.value import dataclass
from quarterdeck.models.providers.capabilities import Capabilities
from quarterdeck.models.providers.catalog import KeyHeader


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Bound a call: to connect, between two pieces of an answer, and as a whole; in seconds."""

    connect_s: float = 10.0
    idle_s: float = 60.0
    total_s: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Hold an address with credentials and ways; `service` names it in errors, `key` is empty for none."""

    service: str
    base_url: str
    key: str = field(default="", repr=False)
    key_header: KeyHeader = "bearer"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    capabilities: Capabilities = field(default_factory=Capabilities)
    chat_capabilities: Capabilities | None = None
    """Those of its chat completions, where it is spoken to in another format."""
    timeouts: Timeouts = field(default_factory=Timeouts)
