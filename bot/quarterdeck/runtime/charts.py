"""Draw a small picture for a chat: bars by day."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from io import BytesIO

from quarterdeck.core.reply import File
from quarterdeck.runtime.files import MadeFiles
from quarterdeck.runtime.process.tasks import in_thread

WIDTH, HEIGHT, MARGIN = 960, 420, 48
PAPER, INK, FAINT, BAR, LAST = "#ffffff", "#1c2733", "#c9d2dc", "#3a6ea5", "#d9822b"


def bars(title: str, labels: Sequence[str], values: Sequence[float], *, top: str) -> bytes:
    """Return a PNG: one bar for each value, the last one marked; `top` writes the highest value on the axis."""
    from PIL import Image, ImageDraw, ImageFont  # a picture is rare, and its library large

    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    large, small = ImageFont.load_default(22), ImageFont.load_default(14)
    draw.text((MARGIN, 12), title, fill=INK, font=large)
    floor, ceiling = HEIGHT - MARGIN, 64
    highest = max([*values, 0.0])
    draw.line((MARGIN, ceiling, WIDTH - MARGIN, ceiling), fill=FAINT)
    draw.text((MARGIN, ceiling - 18), top, fill=INK, font=small)
    step = (WIDTH - 2 * MARGIN) / max(1, len(values))
    for n, value in enumerate(values):
        left = MARGIN + n * step
        height = (floor - ceiling) * value / highest if highest else 0.0
        if height > 0:
            color = LAST if n == len(values) - 1 else BAR
            draw.rectangle((left + 2, floor - max(2.0, height), left + step - 2, floor), fill=color)
        if n % 5 == 0 or n == len(values) - 1:
            draw.text((left + 2, floor + 6), labels[n], fill=INK, font=small)
    draw.line((MARGIN, floor, WIDTH - MARGIN, floor), fill=INK)
    written = BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


class Charts:
    """Draw charts into files (the `Pictures` port)."""

    def __init__(self, files: MadeFiles) -> None:
        self._files = files

    async def bars(self, title: str, labels: Sequence[str], values: Sequence[float], *, top: str) -> File:
        """Return a picture of bars, one for each value; `top` writes the highest one."""
        drawn = await in_thread(partial(bars, title, labels, values, top=top))
        return await self._files.keep("usage.png", drawn, "image/png")
