"""Say how a provider's endpoint for pictures is asked, as data."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, model_validator

from quarterdeck.models.providers.capabilities import Family, Row
from quarterdeck.runtime.settings.types import Url

PainterName = Literal["openai_images", "chat_images", "gemini_image", "raw_image", "comfyui"]
Sizes = Literal["pixels", "ratio", "width-height", "none"]
Edit = Literal["none", "multipart", "data-url", "object", "references", "base64-list"]
SizeText = Annotated[str, Field(pattern=r"^\d+(\.\d+)?(x|:)\d+(\.\d+)?$")]


class ImageWays(Row):
    """Describe how pictures are ordered from one provider."""

    dialect: PainterName = "openai_images"
    """The wire format."""
    base_url: Url | None = None
    """Where they are made, if elsewhere than everything else."""
    path: str = "images/generations"
    """Where orders go, below the address."""
    size: Sizes = "pixels"
    """How a size is said: WxH in one field, as a ratio, in two fields, or not at all."""
    size_field: str = "size"
    """The field of a size or ratio."""
    sizes: tuple[SizeText, ...] = ()
    """What is accepted; the nearest in shape is taken. Empty: any that `multiple_of` divides."""
    multiple_of: int = Field(default=16, ge=1, le=64)
    """Width and height must be a multiple of this."""
    longest: int = Field(default=2048, ge=256, le=8192)
    """The most pixels of a side."""
    count: int = Field(default=1, ge=1, le=10)
    """How many pictures one call makes; more are ordered in several calls."""
    seed: bool = False
    """Whether a seed is understood."""
    body: dict[str, object] = Field(default_factory=dict)
    """Fields that are always sent."""
    edit: Edit = "none"
    """How a picture that is to be changed is sent."""
    edit_path: str = ""
    """Where such orders go; where all go, if empty."""
    edit_field: str = "image"
    """The field that holds the picture."""
    edit_takes_size: bool = True
    """Whether a size may be said for a change."""
    usd: dict[str, Annotated[float, Field(ge=0.0)]] = Field(default_factory=dict)
    """List prices of one picture in US dollars, at the most, by model; `*` stands for any characters."""
    by_tokens: bool = False
    """Whether what was used is priced by tokens; `usd` is set aside until then."""
    families: tuple[Family, ...] = ()
    """Models that differ from all this; the first entry that fits is used."""

    @model_validator(mode="after")
    def _families_are_right(self) -> ImageWays:
        for family in self.families:
            self._with(family.ways)
        return self

    def of(self, model: str) -> ImageWays:
        """Return the ways of one model."""
        for family in self.families:
            if any(fnmatchcase(model, pattern) for pattern in family.models):
                return self._with(family.ways)
        return self

    def usd_of(self, model: str) -> float | None:
        """Return the list price of one picture, None where nobody knows."""
        return next((usd for pattern, usd in self.usd.items() if fnmatchcase(model, pattern)), None)

    def _with(self, ways: Mapping[str, object]) -> ImageWays:
        """Return these with some changed.

        Raises:
            ValueError: there is no such way or value.
        """
        before = self.model_dump(exclude={"families"})
        return ImageWays.model_validate({**before, **ways})


def ways_of(dialect: PainterName, known: ImageWays | None) -> ImageWays:
    """Return the ways of a wire format that the settings name in place of the vendor's usual one."""
    usd = known.usd if known is not None else {}
    if known is not None and known.dialect == dialect:
        return known
    if dialect == "chat_images":
        return ImageWays(
            dialect="chat_images",
            path="chat/completions",
            size="ratio",
            size_field="aspect_ratio",
            edit="data-url",
            seed=True,
            usd=usd,
        )
    return ImageWays(dialect=dialect, usd=usd)
