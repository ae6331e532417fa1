"""Build what draws pictures out of the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quarterdeck.models.calling.prices import Prices
from quarterdeck.models.images.desk import ImageDesk
from quarterdeck.models.images.graph import FOLDER, Graph
from quarterdeck.models.images.painters import Painters
from quarterdeck.models.images.till import Till
from quarterdeck.runtime.files import MadeFiles
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.settings.datafiles import read_data

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts


def build_images(parts: Parts) -> ImageDesk:
    """Return the desk that takes orders for pictures."""
    providers = parts.settings.providers
    stated = {name: setting.prices for name, setting in providers.items()}
    graphs, _ = read_data(config_dir() / FOLDER, parts.paths.user_dir / FOLDER, Graph)
    return ImageDesk(
        parts.models,
        Painters(parts.models.connections, providers, graphs, parts.clock),
        Till(
            parts.budgets if parts.settings.budgets else None,
            stated,
            Prices(stated),
            parts.telemetry.record,
            parts.clock,
        ),
        files=MadeFiles(parts.paths.files),
        web=parts.web,
        clock=parts.clock,
    )
