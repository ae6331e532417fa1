"""Prove that the record cannot be changed unnoticed, and that no secret is in it."""

import asyncio
import itertools
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from quarterdeck.core.errors import NotFound
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger import audit as module
from quarterdeck.store.ledger.audit import HEAD, Audit, Verdict
from quarterdeck.testing.clock import FakeClock

CANARY = "canary-7f3a9c21e8"


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.add(CANARY)
    return redactor


@pytest.fixture
def audit(store: Store, redactor: Redactor) -> Audit:
    return Audit(store, FakeClock(), redactor.clean)


async def fill(audit: Audit, count: int = 20) -> None:
    for n in range(count):
        await audit.append("command", {"name": f"c{n}", "allowed": n % 2 == 0}, person_id=f"p{n}")


async def tamper(store: Store, *statements: str, **values: object) -> None:
    """Change the file as somebody with the right to write it would."""

    def job(connection) -> None:
        for statement in statements:
            connection.execute(text(statement), values)

    await store.write("facts.changed", job)


async def test_an_untouched_record_is_whole(audit: Audit) -> None:
    """The check must not cry wolf, over several pages too."""
    await fill(audit, 50)

    assert Verdict(rows=50, problems=()) == await audit.verify()


async def test_an_empty_record_is_whole(audit: Audit) -> None:
    """The first start has nothing to show."""
    assert Verdict(rows=0, problems=()) == await audit.verify()


@pytest.mark.parametrize("page", [1, 7, 20, 21])
async def test_every_page_is_checked_against_the_one_before(
    audit: Audit, store: Store, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long record is read in pages, so that no reader holds the log up; a seam must not hide anything."""
    monkeypatch.setattr(module, "PAGE", page)
    await fill(audit)
    whole = await audit.verify()
    await tamper(store, "DELETE FROM audit WHERE seq = 14")

    assert Verdict(rows=20, problems=()) == whole
    assert ("row 14 is missing",) == (await audit.verify()).problems


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (("UPDATE audit SET detail = '{}' WHERE seq = 7",), "row 7 was changed"),
        (("UPDATE audit SET person_id = 'other' WHERE seq = 7",), "row 7 was changed"),
        (("UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 20",), "row 20 was changed"),
        (("UPDATE audit SET kind = 'secret' WHERE seq = 1",), "row 1 was changed"),
        (("DELETE FROM audit WHERE seq = 7",), "row 7 is missing"),
        (("DELETE FROM audit WHERE seq IN (7, 8, 9)",), "rows 7 to 9 are missing"),
        (("DELETE FROM audit WHERE seq = 1",), "row 1 is missing"),
        (
            ("DELETE FROM audit WHERE seq > 15",),
            "the end is cut off: 20 rows were written, the last one here is 15",
        ),
        (("DELETE FROM audit",), "the end is cut off: 20 rows were written, the last one here is 0"),
        (
            (
                "UPDATE audit SET seq = -1 WHERE seq = 7",
                "UPDATE audit SET seq = 7 WHERE seq = 8",
                "UPDATE audit SET seq = 8 WHERE seq = -1",
            ),
            "row 7 does not follow from row 6",
        ),
        (
            (
                "INSERT INTO audit SELECT 21, at_ms, kind, person_id, detail, previous, 'x' FROM audit WHERE seq = 20",
            ),
            "row 21 does not follow from row 20",
        ),
    ],
)
async def test_what_was_done_to_the_record_shows(
    audit: Audit, store: Store, statements: tuple[str, ...], found: str
) -> None:
    """Changed, taken out, cut off, put in, moved: each is named by its row."""
    await fill(audit)
    await tamper(store, *statements)
    verdict = await audit.verify()

    assert not verdict.is_whole
    assert found == verdict.problems[0]


async def test_every_column_of_every_row_is_covered(audit: Audit, store: Store) -> None:
    """Whatever is changed, and back again."""
    await fill(audit, 12)
    columns = {"at_ms": "at_ms + 1", "kind": "kind || 'x'", "person_id": "'x'", "detail": "'[]'"}
    missed = []
    for number, (column, changed) in itertools.product(range(1, 13), columns.items()):
        before = await store.read(
            lambda c, n=number, name=column: c.execute(
                text(f"SELECT {name} FROM audit WHERE seq = {n}")
            ).scalar()
        )
        await tamper(store, f"UPDATE audit SET {column} = {changed} WHERE seq = {number}")
        if f"row {number} was changed" not in (await audit.verify()).problems:
            missed.append((number, column))
        await tamper(store, f"UPDATE audit SET {column} = :before WHERE seq = {number}", before=before)

    assert [] == missed
    assert (await audit.verify()).is_whole


async def test_the_chain_continues_after_a_restart(path: Path, redactor: Redactor) -> None:
    """The head is in the database, not in the process."""
    for _ in range(3):
        store = await Store.open(path)
        audit = Audit(store, FakeClock(), redactor.clean)
        await fill(audit, 4)
        verdict = await audit.verify()
        await store.close()

    assert Verdict(rows=12, problems=()) == verdict


async def test_rows_of_one_group_chain_in_order(audit: Audit, store: Store, together) -> None:
    """Jobs that share a commit share the head; one that fails takes its row out of the chain and nobody else's."""

    def job(n: int, *, fails: bool = False) -> Callable[..., None]:
        entry = audit.entry("command", {"n": n})

        def run(connection) -> None:
            audit.append_in(connection, entry)
            if fails:
                raise NotFound("guilty")
            audit.append_in(connection, entry)

        return run

    results = await together(*(job(n, fails=n % 7 == 3) for n in range(40)))
    rows = await audit.rows()
    verdict = await audit.verify()

    assert [n % 7 == 3 for n in range(40)] == [isinstance(result, NotFound) for result in results]
    assert [{"n": n} for n in range(40) if n % 7 != 3 for _ in range(2)] == [row["detail"] for row in rows]
    assert verdict.is_whole


async def test_64_writers_make_one_chain(audit: Audit) -> None:
    """Nobody may read the head while somebody else is about to move it."""

    async def writer(n: int) -> None:
        for i in range(10):
            await audit.append("command", {"writer": n, "i": i})

    await asyncio.gather(*(writer(n) for n in range(64)))

    assert Verdict(rows=640, problems=()) == await audit.verify()


async def test_no_secret_is_recorded(audit: Audit, path: Path) -> None:
    """Whatever a person typed or an error said: it is masked before it reaches the disk."""
    await audit.append(
        "command",
        {
            "text": f"deploy --token {CANARY}",
            "list": [CANARY, {"deep": f"x{CANARY}x"}],
            CANARY: "as a name",
            "odd": f'"{CANARY}"\n\ud800',
        },
        person_id=CANARY,
    )
    exported = json.dumps(await audit.rows())
    files = b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())

    assert CANARY not in exported
    assert CANARY.encode() not in files
    assert 6 == exported.count("[redacted]")


async def test_a_failing_record_stops_what_depends_on_it(audit: Audit, store: Store) -> None:
    """What needs an audit row does not happen without one."""
    await fill(audit, 1)
    await tamper(store, "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    entry = audit.entry("command", {"n": 1})

    def job(connection) -> None:
        connection.execute(text("INSERT INTO facts VALUES ('effect', '1')"))
        audit.append_in(connection, entry)

    with pytest.raises(Exception, match="full"):
        await store.write("facts.changed", job)
    found = await store.read(lambda c: c.execute(text("SELECT name FROM facts WHERE name = 'effect'")).all())

    assert [] == found


async def test_the_head_is_written_once_a_commit(audit: Audit, store: Store, path: Path) -> None:
    """It names the count and the last hash, in the very commit of the row."""
    await fill(audit, 3)
    connection = sqlite3.connect(path)
    head = connection.execute("SELECT value FROM facts WHERE name = ?", [HEAD]).fetchone()[0]
    last = connection.execute("SELECT seq || ' ' || hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()[0]
    connection.close()

    assert last == head
