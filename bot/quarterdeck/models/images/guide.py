"""Tell people how to connect a model that draws."""

from __future__ import annotations

from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.providers.connections import Connections


def how_to_connect(catalog: Catalog, connections: Connections) -> str:
    """Return CommonMark: what draws by a variable alone, what of the connected wants a model named, what is local."""
    painters = [one for one in catalog.all() if one.row.images is not None]
    by_key = [
        f"`{one.row.key.variables[0]}` ({one.row.name})"
        for one in painters
        if one.row.models.image and one.row.key.is_needed and one.row.key.variables
    ]
    named = [
        f"`{one.id}/MODEL` ({one.row.name})"
        for one in painters
        if not one.row.models.image and connections.switch(one).is_on
    ]
    steps = [f"**A key.** Set {', '.join(by_key)} in the environment or in `.env`, and start me again."]
    if named:
        steps.append(
            f"**A model of what is connected.** Name it: `models.roles.image: [{named[0].split('`')[1]}]`."
        )
    steps.append(
        "**ComfyUI on a machine of yours.** Set `providers.comfyui.base_url: http://127.0.0.1:8188`; "
        "`models.roles.image: [comfyui/text-to-image]` prefers it."
    )
    listed = "\n".join(f"{n}. {step}" for n, step in enumerate(steps, 1))
    return f"No model that draws is connected. One of these connects one:\n\n{listed}"
