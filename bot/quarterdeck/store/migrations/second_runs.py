"""Make what revision 0002 keeps of runs of workflows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def create_runs() -> None:
    """Create what is kept of runs of workflows."""
    op.create_table(
        "workflow_runs",
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("workflow", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("owner", sa.String(length=400), nullable=False),
        sa.Column("identity", sa.String(length=400), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", sa.String(length=400), nullable=False),
        sa.Column("conversation_kind", sa.String(length=10), nullable=False),
        sa.Column("durable_id", sa.String(length=400), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("states", sa.Text(), nullable=False),
        sa.Column("shown_as", sa.String(length=400), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("workflow_runs_by_state", "workflow_runs", ["state"])
    op.create_index("workflow_runs_by_conversation", "workflow_runs", ["conversation_id", "started_at_ms"])
    op.create_table(
        "workflow_waits",
        sa.Column("durable_id", sa.String(length=400), nullable=False),
        sa.Column("topic", sa.String(length=400), nullable=False),
        sa.Column("run_id", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("durable_id", "topic"),
    )
    op.create_index(op.f("ix_workflow_waits_run_id"), "workflow_waits", ["run_id"])
    op.create_index("workflow_waits_by_subject", "workflow_waits", ["kind", "subject"])
    op.create_table(
        "workflow_marks",
        sa.Column("key", sa.String(length=600), nullable=False),
        sa.Column("run_id", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_workflow_marks_run_id"), "workflow_marks", ["run_id"])
    op.create_table(
        "workflow_blobs",
        sa.Column("run_id", sa.String(length=400), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "digest"),
    )
