"""Build what embeds with the models of providers out of the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quarterdeck.models.calling.meter import Meter
from quarterdeck.models.calling.prices import Prices
from quarterdeck.models.embeddings.role import RoleEmbeddings

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts


def build_embeddings(parts: Parts) -> RoleEmbeddings:
    """Return it; nothing is connected."""
    stated = {name: setting.prices for name, setting in parts.settings.providers.items()}
    ledger = parts.budgets if parts.settings.budgets else None
    meter = Meter(ledger, Prices(stated), parts.models.catalog.get)
    return RoleEmbeddings(parts.models, meter, parts.telemetry.record, parts.clock)
