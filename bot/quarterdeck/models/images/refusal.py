"""Know a vendor's refusal of content from its other errors."""

from __future__ import annotations

from typing import Final

from quarterdeck.core.errors import Rejected, ServiceError
from quarterdeck.models.dialects.errors import brief

HINT: Final = "say it in other words; no other model was asked"

# Names that stand in error objects: openai images (moderation_blocked), Azure (content_filter, contentFilter),
# Zhipu error 1301, Gemini block and finish reasons, xAI and Pollinations texts; vendor documentation, 2026-11-21.
_NAMES: Final = (
    "moderation_blocked",
    "content_policy",
    "content policy",
    "content_filter",
    "contentfilter",
    "content moderation",
    "safety system",
    "image_safety",
    "prohibited_content",
    "sensitive content",
    "nsfw",
)


class Refused(Rejected):
    """The vendor does not draw this; asking another one with the same words is not ours to decide."""


def refused(service: str, why: str = "") -> Refused:
    """Say that the content was refused, in the vendor's own words where there are any."""
    said = f": {brief(why)}" if why else ""
    return Refused(
        f"{service} does not draw this{said}", service=service, status=400, detail=brief(why), hint=HINT
    )


def no_picture(service: str, what: str) -> Rejected:
    """Say that the order was taken and no picture came; it may have cost money and is not made again by itself."""
    hint = f"check the model, and base_url of {service}: something else may answer there"
    return Rejected(f"{service} answered with {what}", service=service, status=200, detail=what, hint=hint)


def is_refusal(error: ServiceError, raw: str) -> bool:
    """Tell whether an error of the vendor's is about what was asked for; `raw` is its body."""
    if not isinstance(error, Rejected) or error.status not in (200, 400, 403, 422, 451):
        return False
    text = f"{error.detail} {raw}".lower()
    return any(name in text for name in _NAMES) or '"1301"' in text
