"""Run Alembic on one file, in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from quarterdeck.store.database.errors import SERVICE, StorageCorrupt
from quarterdeck.store.database.sqlite import write_engine

SCRIPTS: Final = Path(__file__).parent


def upgrade(path: Path, scripts: Path | None = None) -> None:
    """Bring `path` to the newest revision of `scripts`, ours by default.

    Foreign keys are off meanwhile, as a table that is copied is dropped; they are checked before the commit.

    Raises:
        StorageCorrupt: a row names a row that does not exist; nothing was kept.
        SQLAlchemyError: the database refused; nothing was kept.
    """
    engine = write_engine(path, "FULL")
    try:
        _upgrade(engine, config(scripts), path)
    finally:
        engine.dispose()


def _upgrade(engine: Engine, settings: Config, path: Path) -> None:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA foreign_keys = OFF")  # takes effect outside a transaction only
        with connection.begin():
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
            _check_references(connection, path)


def _check_references(connection: Connection, path: Path) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise StorageCorrupt(
            f"the migration of {path} would leave a row of {broken[0]} without its row of {broken[2]}",
            service=SERVICE,
            retryable=False,
            hint="nothing was changed; report this, and go on with the version that you had",
        )


def config(scripts: Path | None = None) -> Config:
    """Return Alembic's settings for our scripts, or for another folder of them."""
    settings = Config()
    settings.set_main_option("script_location", str(scripts or SCRIPTS).replace("%", "%%"))
    return settings


def head(scripts: Path | None = None) -> str:
    """Return the newest revision there is."""
    found = ScriptDirectory.from_config(config(scripts)).get_current_head()
    assert found is not None
    return found
