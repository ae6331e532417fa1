"""Write the rows that every run writes straight to the driver. Imports DBOS: import it lazily.

On SQLite, DBOS builds each of these statements anew every time, which is two thirds of what a step costs. Here they
are texts. Each is tried once and writes only where all is as it should be: the run is this execution's own, and the row
is new. Where anything is otherwise, or the driver raises, nothing is kept and DBOS's own method does the whole of it
again: it decides what that means, waits for a lock, or raises.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from dbos._context import current_owner_xid
from sqlalchemy import Engine as Database

from quarterdeck.runtime.durable.database import now_s

if TYPE_CHECKING:
    from dbos._sys_db import SystemDatabase

Statement = tuple[str, Mapping[str, Any]]

PENDING: Final = "PENDING"
AS_GIVEN: Final = (  # of a run; what the database fills in by itself is not named
    "workflow_uuid",
    "status",
    "name",
    "class_name",
    "config_name",
    "executor_id",
    "application_version",
    "application_id",
    "authenticated_user",
    "authenticated_roles",
    "assumed_role",
    "queue_name",
    "recovery_attempts",
    "workflow_timeout_ms",
    "workflow_deadline_epoch_ms",
    "deduplication_id",
    "priority",
    "serialization",
    "queue_partition_key",
    "parent_workflow_id",
    "creator_xid",
    "owner_xid",
    "delay_until_epoch_ms",
    "attributes",
    "schedule_name",
    "debounce_deadline_epoch_ms",
    "is_debounced",
    "application_name",
)
CALLED: Final = {"application_version": "app_version", "application_id": "app_id"}  # in DBOS's own record

COLUMNS: Final = ", ".join(AS_GIVEN)
MARKS: Final = ", ".join(f":{name}" for name in AS_GIVEN)
BEGIN: Final = f"INSERT INTO workflow_status ({COLUMNS}) VALUES ({MARKS}) ON CONFLICT DO NOTHING"  # noqa: S608 - names
INPUT: Final = (
    "INSERT INTO workflow_input (workflow_uuid, inputs) VALUES (:workflow_uuid, :inputs)"
    " ON CONFLICT DO NOTHING"
)
STEP: Final = """
    INSERT INTO operation_outputs (
        workflow_uuid, function_id, function_name, started_at_epoch_ms, completed_at_epoch_ms, output, error,
        child_workflow_id, serialization, application_name, retention_timestamp
    )
    SELECT
        :workflow_uuid, :function_id, :function_name, :started_at_epoch_ms, :completed_at_epoch_ms, :output, :error,
        :child_workflow_id, :serialization, :application_name, :now_ms
    FROM workflow_status WHERE workflow_uuid = :workflow_uuid AND owner_xid = :owner_xid
    ON CONFLICT DO NOTHING
"""
END: Final = """
    UPDATE workflow_status
    SET status = :status, deduplication_id = NULL, owner_xid = NULL, updated_at = :now_ms, completed_at = :now_ms
    WHERE workflow_uuid = :workflow_uuid AND status = 'PENDING' AND owner_xid = :owner_xid
"""
OUTPUT: Final = """
    INSERT INTO workflow_output (workflow_uuid, output, error) VALUES (:workflow_uuid, :output, :error)
    ON CONFLICT (workflow_uuid) DO UPDATE SET output = excluded.output, error = excluded.error
"""


def write_directly(system: SystemDatabase, database: Database) -> None:
    """Have this one object begin runs and parts of them, keep steps and end runs so."""
    _begin_runs(system, database)
    _begin_parts(system, database)
    _keep_steps(system, database)
    _end_runs(system, database)


def _begin_runs(system: SystemDatabase, database: Database) -> None:
    slowly = system.init_workflow

    def begin(status: Any, *, creator_xid: str | None, reuse_policy: Any = None) -> tuple[Any, bool]:
        if reuse_policy is None and _is_plain(status):
            row = _row(status, creator_xid)
            if _kept(database, [(BEGIN, row), (INPUT, row)]):
                return PENDING, True
        return slowly(status, creator_xid=creator_xid, reuse_policy=reuse_policy)

    system.init_workflow = begin  # type: ignore[method-assign]  # of this one object


def _begin_parts(system: SystemDatabase, database: Database) -> None:
    slowly = system.init_child_workflow

    def begin(
        status: Any,
        *,
        creator_xid: str,
        parent_workflow_id: str,
        parent_function_id: int,
        function_name: str,
        started_at_epoch_ms: int,
        reuse_policy: Any = None,
        parent_owner_xid: str | None = None,
    ) -> tuple[Any, bool]:
        owner = parent_owner_xid or current_owner_xid(parent_workflow_id)
        if reuse_policy is None and owner is not None and _is_plain(status):
            row, now_ms = _row(status, creator_xid), _now_ms()
            step = {
                "workflow_uuid": parent_workflow_id,
                "function_id": parent_function_id,
                "function_name": function_name,
                "child_workflow_id": status["workflow_uuid"],
                "started_at_epoch_ms": started_at_epoch_ms,
                "completed_at_epoch_ms": now_ms,
                "output": None,
                "error": None,
                "serialization": None,
                "application_name": system.app_name,
                "owner_xid": owner,
                "now_ms": now_ms,
            }
            if _kept(database, [(STEP, step), (BEGIN, row), (INPUT, row)]):
                return PENDING, True
        return slowly(
            status,
            creator_xid=creator_xid,
            parent_workflow_id=parent_workflow_id,
            parent_function_id=parent_function_id,
            function_name=function_name,
            started_at_epoch_ms=started_at_epoch_ms,
            reuse_policy=reuse_policy,
            parent_owner_xid=parent_owner_xid,
        )

    system.init_child_workflow = begin  # type: ignore[method-assign]  # of this one object


def _keep_steps(system: SystemDatabase, database: Database) -> None:
    slowly = system.record_operation_result

    def keep(
        result: Any,
        *,
        completed_at_epoch_ms: int | None = None,
        owner_xid: str | None = None,
        owner_key: str | None = None,
    ) -> None:
        now_ms = _now_ms()
        completed_ms = now_ms if completed_at_epoch_ms is None else completed_at_epoch_ms
        owner = owner_xid or current_owner_xid(result["workflow_uuid"])
        if owner is not None and owner_key is None:
            step = {
                **result,
                "completed_at_epoch_ms": completed_ms,
                "application_name": system.app_name,
                "owner_xid": owner,
                "now_ms": now_ms,
            }
            if _kept(database, [(STEP, step)]):
                return
        slowly(result, completed_at_epoch_ms=completed_ms, owner_xid=owner_xid, owner_key=owner_key)

    system.record_operation_result = keep  # type: ignore[method-assign]  # of this one object


def _end_runs(system: SystemDatabase, database: Database) -> None:
    slowly = system.update_workflow_outcome

    def end(
        workflow_id: str,
        status: Any,
        *,
        output: str | None = None,
        error: str | None = None,
        owner_xid: str | None = None,
    ) -> bool:
        owner = owner_xid or current_owner_xid(workflow_id)
        if owner is not None:
            row = {
                "workflow_uuid": workflow_id,
                "status": status,
                "output": output,
                "error": error,
                "owner_xid": owner,
                "now_ms": _now_ms(),
            }
            if _kept(database, [(END, row), (OUTPUT, row)]):
                return True
        return slowly(workflow_id, status, output=output, error=error, owner_xid=owner_xid)

    system.update_workflow_outcome = end  # type: ignore[method-assign]  # of this one object


def _kept(database: Database, statements: list[Statement]) -> bool:
    """Write one row by each statement, in one transaction; else keep nothing of it and return False."""
    try:
        pooled = database.raw_connection()
    except Exception:  # noqa: BLE001 - DBOS meets it again, and knows what to do
        return False
    try:
        connection = cast("sqlite3.Connection", pooled.driver_connection)
        is_whole = all(connection.execute(text, values).rowcount == 1 for text, values in statements)
        if is_whole:
            connection.commit()
        return is_whole
    except sqlite3.Error:
        return False
    finally:
        pooled.close()  # rolls back what was not committed


def _is_plain(status: Mapping[str, Any]) -> bool:
    """Tell whether a run begins at once and for the first time, in a database of its own."""
    return bool(
        status["status"] == PENDING and status["deduplication_id"] is None and not status["shard_key"]
    )


def _row(status: Mapping[str, Any], creator_xid: str | None) -> dict[str, Any]:
    row = {name: status.get(CALLED.get(name, name)) for name in AS_GIVEN}
    return row | {
        "attributes": json.dumps(status["attributes"]),
        "recovery_attempts": 1,
        "creator_xid": creator_xid,
        "owner_xid": creator_xid,
        "inputs": status["inputs"],
    }


def _now_ms() -> int:
    return round(now_s() * 1000)
