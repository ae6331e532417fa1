"""Describe the tables of what comes in and goes out, and of what waits in between."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from quarterdeck.store.tables.metadata import Ms, Sequence, metadata

inbox = Table(
    "inbox",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("platform", String(40), nullable=False),
    Column("workspace", String(200), nullable=False, default=""),
    Column("event_id", String(400), nullable=False),
    Column("conversation_id", String(400), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(12), nullable=False),  # new, done, quarantined
    Column("attempts", Integer, nullable=False, default=0),
    Column("reason", Text, nullable=False, default=""),
    Column("received_at_ms", Ms, nullable=False),
    Column("done_at_ms", Ms),
    UniqueConstraint("platform", "workspace", "event_id"),
    Index("inbox_by_state", "state", "seq"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("id", String(200), nullable=False, unique=True),  # the idempotency key
    Column("cause", String(400), nullable=False),  # key of the whole reply: an event's, a schedule's fire
    Column("platform", String(40), nullable=False),
    Column("conversation_id", String(400), nullable=False),
    Column("conversation_kind", String(10), nullable=False),
    Column("part", Integer, nullable=False),  # from 1
    Column("parts", Integer, nullable=False),
    Column("body", Text, nullable=False),  # the platform's rendered part, JSON
    Column("text", Text, nullable=False),
    Column("state", String(10), nullable=False),  # waiting, sending, sent, unknown, dead
    Column("attempts", Integer, nullable=False, default=0),
    Column("reason", Text, nullable=False, default=""),
    Column("not_before_ms", Ms, nullable=False, default=0),
    Column("created_at_ms", Ms, nullable=False),
    Column("sent_at_ms", Ms),
    Column("message_id", String(200)),  # the platform's
    Column("replaces", String(200), nullable=False, server_default=""),  # id of the part that it stands for
    Index("outbox_by_state", "state", "seq"),
    Index("outbox_by_cause", "cause"),
)

offers = Table(  # what numbers stand for, where a platform has no buttons
    "offers",
    metadata,
    Column("conversation_id", String(400), primary_key=True),
    Column("buttons", Text, nullable=False),  # JSON
    Column("expires_at_ms", Ms, nullable=False),
)

forms = Table(  # commands that wait for values
    "forms",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("command", String(40), nullable=False),
    Column("identity", String(400), nullable=False),
    Column("platform", String(40), nullable=False),
    Column("conversation_id", String(400), nullable=False),
    Column("conversation_kind", String(10), nullable=False),
    Column("asking", Text, nullable=False),  # JSON: names of options
    Column("is_native", Boolean, nullable=False),
    Column("given", Text, nullable=False),  # JSON: values by option
    Column("attachments", Text, nullable=False),  # JSON
    Column("last_event", String(400), nullable=False),
    Column("created_at_ms", Ms, nullable=False),
    Column("expires_at_ms", Ms, nullable=False, index=True),
    Column("is_ended", Boolean, nullable=False),
)
