"""Keep files that the bot makes for people, such as a chart, until they are sent and a while longer."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path

from quarterdeck.core.reply import File
from quarterdeck.runtime.paths import FILE_MODE
from quarterdeck.runtime.process.tasks import in_thread

KEEP_S = 7 * 86_400.0
FOLDER = "made"


class MadeFiles:
    """Write files below the data folder, each in a folder of its own (the `Files` port)."""

    def __init__(self, root: Path) -> None:
        self._root = root / FOLDER

    async def keep(self, name: str, content: bytes, media_type: str) -> File:
        """Write `content`; `name` is how people see it, and never a path. What is a week old goes."""
        path = await in_thread(self._write, Path(name).name, content)
        return File(name=path.name, path=str(path), media_type=media_type)

    def _write(self, name: str, content: bytes) -> Path:
        self._root.mkdir(parents=True, exist_ok=True)
        for old in self._root.iterdir():
            if old.stat().st_mtime < time.time() - KEEP_S:
                shutil.rmtree(old, ignore_errors=True)
        folder = self._root / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        path = folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
            file.write(content)
        return path
