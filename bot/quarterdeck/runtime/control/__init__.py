"""Let the other verbs of the program speak to the process that holds the data folder.

One JSON object a line over a unix socket that only the same operating-system user can open:

    → {"id": 1, "call": "schedule.list", "parameters": {}}          → {"id": 2, "stream": "console.attach", …}
    ← {"id": 1, "begun": true}                                       ← {"id": 2, "begun": true}
    ← {"id": 1, "progress": "12 of 300"}                             ← {"id": 2, "item": {…}}
    ← {"id": 1, "result": […]}  or  {"id": 1, "error": {…}}          → {"id": 2, "cancel": true}

What was not begun has certainly not been done, so it may be asked of whoever holds the folder next.
"""

from quarterdeck.runtime.control.client import ControlClient, connect
from quarterdeck.runtime.control.server import ControlServer, Stream
from quarterdeck.runtime.control.wire import NotBegun

__all__ = ["ControlClient", "ControlServer", "NotBegun", "Stream", "connect"]
