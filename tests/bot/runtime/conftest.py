"""Give the tests of logs a redactor, and put logging back after them."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from quarterdeck.runtime.observability import logs
from quarterdeck.runtime.observability.redaction import Redactor


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Put handlers, levels and hooks back, whatever the test configured."""
    root = logging.getLogger()
    handlers, level, raises = list(root.handlers), root.level, logging.raiseExceptions
    quiet = [(logging.getLogger(name), logging.getLogger(name).level) for name in logs.QUIET]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    shown = warnings.showwarning
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raises
    for logger, was in quiet:
        logger.setLevel(was)
        logger.handlers.clear()
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    warnings.showwarning = shown


@pytest.fixture
def redactor() -> Redactor:
    """Give a redactor without secrets."""
    return Redactor()
