"""Make a picture small and plain before a model looks at it: re-encoded, without what else its file held."""

from __future__ import annotations

import io

from quarterdeck.core.errors import UsageError

LONGEST_SIDE = 1600  # pixels; more tells a model no more about words
PIXEL_LIMIT = 50_000_000
MEDIA_TYPE = "image/png"


def shrink(data: bytes) -> bytes:
    """Return the picture as PNG with at most `LONGEST_SIDE` pixels a side.

    Raises:
        UsageError: it is no picture, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF")) as picture:
            width, height = picture.size
            if width * height > PIXEL_LIMIT:
                raise UsageError(f"it has more than {PIXEL_LIMIT // 1_000_000} million pixels")
            picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            plain = picture.convert("RGB")
            plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise UsageError("it is not a picture that can be read") from error
    out = io.BytesIO()
    plain.save(out, "PNG", optimize=False)
    return out.getvalue()
