"""Build what draws pictures out of the parts."""

from __future__ import annotations

from quarterdeck.models.images.desk import ImageDesk


def build_images() -> ImageDesk:
    """Return the desk that takes orders for pictures."""
    return ImageDesk()
