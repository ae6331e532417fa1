"""Prove what the verbs `secret`, `audit` and `db` do inside the process that holds the data folder."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

from quarterdeck.core.errors import KeyMissing, NotFound, UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.secrets import Resolver, SecretRef
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.operations import operations
from quarterdeck.store.upkeep.backup import Backups
from quarterdeck.store.vault.keys import FileKeys
from quarterdeck.store.vault.vault import Vault
from quarterdeck.testing.clock import FakeClock

CANARY = "canary-0d1f2c3b4a"


class Desk:
    """Call operations by name, as the control socket does."""

    def __init__(self, store: Store, path: Path) -> None:
        clock, self.redactor = FakeClock(), Redactor()
        self.resolver = Resolver({}, self.redactor)
        self.audit = Audit(store, clock, self.redactor.clean)
        self.backups = Backups(path, path.parent / "backups", clock=clock)
        vault = Vault(store, FileKeys(path.parent / "vault.key"), clock, self.audit)
        offered = operations(vault=vault, audit=self.audit, backups=self.backups, resolver=self.resolver)
        self.offered = {operation.name: operation for operation in offered}
        self.told: list[str] = []

    async def __call__(self, name: str, /, **parameters: Json) -> Mapping[str, Json]:
        async def progress(sentence: str) -> None:
            self.told.append(sentence)

        return await self.offered[name].handler(parameters, progress)  # type: ignore[return-value]


@pytest.fixture
def desk(store: Store, path: Path) -> Desk:
    return Desk(store, path)


async def test_a_secret_can_be_used_at_once_and_is_masked(desk: Desk) -> None:
    """No restart between `secret set` and the setting that names it; no log line shows it either."""
    first = await desk("secret.set", name="TOKEN", value=CANARY)
    second = await desk("secret.set", name="TOKEN", value=CANARY)
    value = desk.resolver.get(SecretRef("secret", "TOKEN"))
    listed = await desk("secret.list")

    assert [{"name": "TOKEN", "is_new": True}, {"name": "TOKEN", "is_new": False}] == [first, second]
    assert (CANARY, "a [redacted] b") == (value, desk.redactor.clean(f"a {CANARY} b"))
    assert [
        {
            "name": "TOKEN",
            "kind": "secret",
            "created_at": "2026-11-21T09:00:00+00:00",
            "rotated_at": None,
            "problem": "",
        }
    ] == listed


async def test_a_removed_secret_is_gone_at_once(desk: Desk) -> None:
    """Whoever removes a credential wants no further call with it."""
    await desk("secret.set", name="TOKEN", value=CANARY)
    await desk("secret.remove", name="TOKEN")
    with pytest.raises(KeyMissing):
        desk.resolver.get(SecretRef("secret", "TOKEN"))
    with pytest.raises(NotFound):
        await desk("secret.remove", name="TOKEN")

    assert [] == await desk("secret.list")


@pytest.mark.parametrize("value", ["", "  ", "changeme", "<your token here>", "x" * 65_537])
async def test_what_cannot_be_a_secret_is_refused_without_showing_it(desk: Desk, value: str) -> None:
    """An empty pipe, a placeholder from a README."""
    with pytest.raises(UsageError) as refused:
        await desk("secret.set", name="TOKEN", value=value)

    assert "xxxx" not in refused.value.message
    assert [] == await desk("secret.list")


@pytest.mark.parametrize("name", ["", "a b", "../x", "1A", "A" * 200])
async def test_a_name_that_settings_cannot_refer_to_is_refused(desk: Desk, name: str) -> None:
    """`secret:NAME` must be able to say it."""
    with pytest.raises(UsageError):
        await desk("secret.set", name=name, value=CANARY)


async def test_rotating_reports_what_it_did(desk: Desk, store: Store) -> None:
    """Also what it could not read, so that the operator sets it again."""
    await desk("secret.set", name="A", value=CANARY)
    await desk("secret.set", name="B", value=CANARY)
    await store.write(
        "facts.changed",
        lambda c: c.execute(text("UPDATE secrets SET kind = 'x' WHERE id = 'A'")) and None,
    )
    done = await desk("secret.rotate")
    problems = {row["name"]: bool(row["problem"]) for row in await desk("secret.list")}  # type: ignore[index,call-overload]

    assert {"key_version": 2, "rotated": 1, "unreadable": ["A"]} == done
    assert {"A": True, "B": False} == problems


async def test_the_record_is_exported_in_pages_and_holds_no_secret(desk: Desk) -> None:
    """A year of rows does not fit one message of the control socket."""
    desk.redactor.add(CANARY)
    for n in range(25):
        await desk.audit.append("command", {"n": n, "text": CANARY})
    first = await desk("audit.export", limit=20)
    rest = await desk("audit.export", after=20, limit=20)

    assert (20, 5) == (len(first), len(rest))
    assert CANARY not in f"{first}{rest}"
    assert {"ok": True, "rows": 25, "problems": []} == await desk("audit.verify")


@pytest.mark.parametrize("after", [-1, "x", True, 1.5])
async def test_a_page_must_begin_at_a_whole_number(desk: Desk, after: Json) -> None:
    """It comes over a socket."""
    with pytest.raises(UsageError):
        await desk("audit.export", after=after)


async def test_a_backup_is_made_and_listed(desk: Desk, path: Path) -> None:
    """Beside the hourly ones, with what was verified."""
    made = await desk("db.backup")
    listed = await desk("db.backups")

    assert Path(str(made["path"])).is_file()
    assert [made["path"]] == [one["path"] for one in listed]  # type: ignore[index,call-overload]
    assert "2026-11-21T09:00:00.000+00:00" == made["made_at"]
    assert ["Copying and verifying the database"] == desk.told


async def test_checking_finds_what_another_program_broke(desk: Desk, path: Path) -> None:
    """Damage inside shows before it spreads into the backups."""
    await desk("secret.set", name="A", value=CANARY)
    whole = await desk("db.check")
    made = await desk("db.backup")
    connection = sqlite3.connect(path)  # with foreign keys off, as other programs open it
    with connection:
        connection.execute("INSERT INTO identities VALUES ('x::y', 'nobody', '', 1, '')")
    connection.close()
    broken = await desk("db.check")

    assert (True, "", "0002") == (whole["ok"], whole["problem"], whole["schema"])
    assert not broken["ok"]
    assert "a row of identities names a row of people that does not exist" in str(broken["problem"])
    assert f"quarterdeck db restore {made['path']}" in str(broken["fix"])
