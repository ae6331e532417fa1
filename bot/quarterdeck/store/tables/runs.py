"""Describe what is kept of runs of workflows, beside the durable engine's own journal."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text

from quarterdeck.store.tables.metadata import Ms, metadata

workflow_runs = Table(
    "workflow_runs",
    metadata,
    Column("id", String(400), primary_key=True),
    Column("workflow", String(100), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("owner", String(400), nullable=False),
    Column("identity", String(400), nullable=False),
    Column("platform", String(40), nullable=False),
    Column("conversation_id", String(400), nullable=False),
    Column("conversation_kind", String(10), nullable=False),
    Column("durable_id", String(400), nullable=False),
    Column("step", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("states", Text, nullable=False),
    Column("shown_as", String(400), nullable=False),
    Column("trigger", Text, nullable=False),
    Column("shown", Integer, nullable=False),  # how often the progress message was changed
    Column("started_at_ms", Ms, nullable=False),
    Column("finished_at_ms", Ms),
    Index("workflow_runs_by_state", "state"),
    Index("workflow_runs_by_conversation", "conversation_id", "started_at_ms"),
)

workflow_waits = Table(  # what runs wait for, so that the answer finds them
    "workflow_waits",
    metadata,
    Column("durable_id", String(400), primary_key=True),
    Column("topic", String(400), primary_key=True),
    Column("run_id", String(400), nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("subject", String(400), nullable=False),
    Column("detail", Text, nullable=False),
    Index("workflow_waits_by_subject", "kind", "subject"),
)

workflow_marks = Table(  # steps that began and may not be done twice
    "workflow_marks",
    metadata,
    Column("key", String(600), primary_key=True),
    Column("run_id", String(400), nullable=False, index=True),
)

workflow_blobs = Table(  # what is too large for the journal, by its hash
    "workflow_blobs",
    metadata,
    Column("run_id", String(400), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
