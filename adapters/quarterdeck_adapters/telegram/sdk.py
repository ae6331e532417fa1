"""Load the SDK. Call it in a thread: it takes half a second."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from quarterdeck_adapters.telegram.api import Api

COMMAND_LINE: Final = "httpx._main"


def load() -> type[Api]:
    """Return the class that calls Telegram.

    The SDK imports httpx, which we do not use, and httpx its command line with a terminal toolkit, a third of the
    time and memory of all this; httpx does without it where that cannot be imported, so it is hidden meanwhile.
    """
    modules: dict[str, Any] = sys.modules
    is_hidden = "httpx" not in modules and COMMAND_LINE not in modules
    if is_hidden:
        modules[COMMAND_LINE] = None
    try:
        from quarterdeck_adapters.telegram.api import Api
    finally:
        if is_hidden:
            modules.pop(COMMAND_LINE, None)
    return Api
