"""Describe the tables of what was said and what is remembered of it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, String, Table, Text, UniqueConstraint

from quarterdeck.store.tables.metadata import Ms, Sequence, metadata

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(400), primary_key=True),
    Column("platform", String(40), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("title", Text, nullable=False, default=""),
    Column("created_at_ms", Ms, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("conversation_id", String(400), nullable=False),
    Column("message_id", String(400), nullable=False),
    Column("author", String(400), nullable=False),  # an identity
    Column("is_ours", Boolean, nullable=False, default=False),
    Column("text", Text, nullable=False),
    Column("sent_at_ms", Ms, nullable=False),
    Column("deleted_at_ms", Ms),
    UniqueConstraint("conversation_id", "message_id"),
    Index("messages_by_time", "conversation_id", "sent_at_ms"),
)

notes = Table(
    "notes",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("scope", String(12), nullable=False),  # person, conversation
    Column("owner", String(400), nullable=False),  # a person's id, a conversation's
    Column("text", Text, nullable=False),
    Column("by", String(400), nullable=False),  # an identity
    Column("at_ms", Ms, nullable=False),
    Index("notes_by_owner", "scope", "owner"),
)

summaries = Table(  # of what is long past in a conversation
    "summaries",
    metadata,
    Column("conversation_id", String(400), primary_key=True),
    Column("text", Text, nullable=False),
    Column("up_to_ms", Ms, nullable=False),
    Column("at_ms", Ms, nullable=False),
)

platform_memory = Table(  # what an adapter keeps over a restart
    "platform_memory",
    metadata,
    Column("platform", String(40), primary_key=True),
    Column("name", String(400), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("expires_at_ms", Ms),
)
