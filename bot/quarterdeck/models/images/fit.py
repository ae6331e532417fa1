"""Say an order as one vendor takes it, and tell what that changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from quarterdeck.core.errors import Rejected
from quarterdeck.core.model import Enclosed
from quarterdeck.models.images.order import Order, Size
from quarterdeck.models.images.ways import ImageWays

USUAL_PIXELS: Final = 1024 * 1024  # what a shape without pixels gets


def fit(
    order: Order, size: Size | None, count: int, ways: ImageWays, service: str
) -> tuple[list[Order], list[str]]:
    """Return the calls that make `count` pictures, and a sentence for each thing that is done otherwise than asked.

    Raises:
        Rejected: the vendor cannot change pictures.
    """
    notes: list[str] = []
    if order.edit is not None and ways.edit == "none":
        raise Rejected(
            f"{service} does not change pictures with {order.model}",
            service=service,
            status=400,
            hint="name a model that does in models.roles.image, or leave the picture out",
        )
    if order.seed is not None and not ways.seed:
        notes.append(f"{service} takes no seed; another order makes another picture.")
        order = replace(order, seed=None)
    order = replace(order, size=_said(size, order.edit, ways, service, notes))
    return list(_calls(order, count, ways)), notes


def _calls(order: Order, count: int, ways: ImageWays) -> Iterator[Order]:
    """Split what is more than one call makes; each gets a seed of its own, or all pictures were the same."""
    for n in range(0, count, ways.count):
        seed = None if order.seed is None else order.seed + n
        yield replace(order, count=min(ways.count, count - n), seed=seed)


def _said(size: Size | None, edit: Enclosed | None, ways: ImageWays, service: str, notes: list[str]) -> str:
    if size is None:
        return ""
    if ways.size == "none" or (edit is not None and not ways.edit_takes_size):
        notes.append(f"{service} chooses the size itself.")
        return ""
    if ways.sizes:
        said = _nearest(size.ratio, ways.sizes)
    elif ways.size == "ratio":
        said = f"{size.ratio.numerator}:{size.ratio.denominator}"
    else:
        said = _pixels(size, ways)
    if said != str(size) and not (size.is_ratio and _ratio(said) == size.ratio):
        notes.append(f"{service} draws {said}, the nearest to {size}.")
    return said


def _nearest(ratio: Fraction, accepted: Sequence[str]) -> str:
    """Return the accepted size whose shape is nearest; of equal shapes the first."""
    return min(accepted, key=lambda one: max(_ratio(one) / ratio, ratio / _ratio(one)))


def _ratio(text: str) -> Fraction:
    width, _, height = text.replace("x", ":").partition(":")
    return Fraction(width) / Fraction(height)


def _pixels(size: Size, ways: ImageWays) -> str:
    """Return width and height that the vendor takes, of the same shape as nearly as can be."""
    width, height = float(size.width), float(size.height)
    if size.is_ratio:
        scale = (USUAL_PIXELS / (width * height)) ** 0.5
        width, height = width * scale, height * scale
    shrink = min(1.0, ways.longest / max(width, height))
    step = ways.multiple_of
    sides = [max(step, round(side * shrink / step) * step) for side in (width, height)]
    return f"{sides[0]}x{sides[1]}"
