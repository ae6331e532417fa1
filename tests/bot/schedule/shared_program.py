"""Be one of two bots' schedule parts on one PostgreSQL: `shared_program.py FOLDER NAME ADDRESS [SECONDS]`.

Tables of the bot and of the durable engine are in the same database; each process has its own name there. Each
attempt to begin a planned time is a line `NAME RUN` in FOLDER/attempts.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine
from tests.bot.schedule.schedule_program import CRON, fire

from quarterdeck.runtime.durable import Durable, durable, engine
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import metadata


class SharedStore(Store):
    """Be the store on a database that needs no care for a file."""

    def _begin(self) -> None:
        metadata.create_all(self._writing)

    def _watch_log(self, *_: object) -> None:
        """Watch nothing."""

    def _finish(self) -> None:
        self._writing.dispose()


async def serve(folder: Path, name: str, address: str, seconds: float | None) -> None:
    """Fire every second, beside the other one."""
    store = SharedStore(folder / "none", create_engine(address), create_engine(address))
    store._begin()
    store._writer.start()

    def open_engine(_path: Path, **_: object) -> Engine:
        return create_engine(address, pool_size=8)

    setattr(durable, "open_engine", open_engine)  # noqa: B010  our own opens files
    setattr(engine, "EXECUTOR_ID", name)  # noqa: B010  each takes up only what it left itself
    runs = Durable(folder / "none", queues=[CRON])
    enqueue = runs.enqueue

    async def noted(*words: Any, run_id: str, **more: Any) -> None:
        with (folder / "attempts").open("a") as file:
            file.write(f"{name} {run_id}\n")
        await asyncio.sleep(0.2)  # a slow database: the other one finds the time due in this moment, too
        await enqueue(*words, run_id=run_id, **more)

    setattr(runs, "enqueue", noted)  # noqa: B010  to see who tries
    await fire(store, runs, seconds, who=name)


def run(folder: str, name: str, address: str, seconds: str = "") -> None:
    """Be that process."""
    asyncio.run(serve(Path(folder), name, address, float(seconds) if seconds else None))


if __name__ == "__main__":
    run(*sys.argv[1:])
