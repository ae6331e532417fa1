"""Keep the numbers of the standard streams taken, so that no file or socket of ours gets one."""

from __future__ import annotations

import os


def occupy_standard_descriptors() -> None:
    """Put the null device where 0, 1 or 2 is closed. Before anything is opened: an event loop, a database."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
