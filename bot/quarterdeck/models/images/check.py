"""Look at a picture's bytes before anybody sees them: its kind is read from them, never from what was said.

Only the header and the checksums are read; the pixels are not unpacked in this process.
"""

from __future__ import annotations

from dataclasses import field
from io import BytesIO
from typing import Final

from quarterdeck.core.errors import UsageError
from quarterdeck.core.value import dataclass

PICTURE_LIMIT_BYTES: Final = 25 * 1024 * 1024
MOST_PIXELS: Final = 64_000_000
_KINDS: Final = {
    "PNG": ("image/png", "png"),
    "JPEG": ("image/jpeg", "jpg"),
    "WEBP": ("image/webp", "webp"),
    "GIF": ("image/gif", "gif"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Hold a picture that was looked at."""

    content: bytes = field(repr=False)
    media_type: str
    suffix: str
    width: int
    height: int


def checked(content: bytes) -> Picture:
    """Return the picture; blocks for as long as its checksums take, some ms.

    Raises:
        UsageError: this is no PNG, JPEG, WebP or GIF, it is broken, or too large.
    """
    if len(content) > PICTURE_LIMIT_BYTES:
        raise UsageError(f"it is larger than {PICTURE_LIMIT_BYTES // 1024 // 1024} MiB", hint=_HINT)
    from PIL import Image, UnidentifiedImageError  # pictures are rare, and their library is large

    try:
        with Image.open(BytesIO(content), formats=tuple(_KINDS)) as found:
            width, height = found.size
            kind = _KINDS[str(found.format)]
            if width * height > MOST_PIXELS:
                raise UsageError(f"it has {width} x {height} pixels", hint=_HINT)
            found.verify()
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise UsageError("it is no whole PNG, JPEG, WebP or GIF", hint=_HINT) from error
    return Picture(content=content, media_type=kind[0], suffix=kind[1], width=width, height=height)


_HINT: Final = "a picture is a PNG, JPEG, WebP or GIF of at most 25 MiB and 64 megapixels"
