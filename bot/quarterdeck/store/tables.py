"""Describe every table once, for SQLite and for Postgres.

Times are integers in ms UTC (`…_at_ms`). A released table changes only through a numbered migration.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from quarterdeck.store.metadata import Ms, Sequence
from quarterdeck.store.metadata import metadata as metadata
from quarterdeck.store.tables_knowledge import chunks as chunks
from quarterdeck.store.tables_knowledge import documents as documents
from quarterdeck.store.tables_knowledge import knowledge_sources as knowledge_sources
from quarterdeck.store.tables_people import api_tokens as api_tokens
from quarterdeck.store.tables_people import identities as identities
from quarterdeck.store.tables_people import links as links
from quarterdeck.store.tables_people import people as people
from quarterdeck.store.tables_quality import knowledge_answers as knowledge_answers
from quarterdeck.store.tables_quality import knowledge_evals as knowledge_evals
from quarterdeck.store.tables_runs import workflow_blobs as workflow_blobs
from quarterdeck.store.tables_runs import workflow_marks as workflow_marks
from quarterdeck.store.tables_runs import workflow_runs as workflow_runs
from quarterdeck.store.tables_runs import workflow_waits as workflow_waits
from quarterdeck.store.tables_schedule import digest_definitions as digest_definitions
from quarterdeck.store.tables_schedule import digest_items as digest_items
from quarterdeck.store.tables_schedule import digest_marks as digest_marks
from quarterdeck.store.tables_schedule import digest_readers as digest_readers
from quarterdeck.store.tables_schedule import digests as digests
from quarterdeck.store.tables_schedule import fires as fires
from quarterdeck.store.tables_schedule import schedule_drafts as schedule_drafts
from quarterdeck.store.tables_schedule import schedules as schedules
from quarterdeck.store.tables_vectors import staged_vectors as staged_vectors
from quarterdeck.store.tables_web import transcript as transcript

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

usage = Table(
    "usage",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("at_ms", Ms, nullable=False, index=True),
    Column("provider", String(80), nullable=False),
    Column("model", String(200), nullable=False),
    Column("role", String(40), nullable=False),
    Column("person_id", String(60), nullable=False, default=""),
    Column("conversation_id", String(400), nullable=False, default=""),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("microusd", BigInteger),  # None: nobody knows
    Column("took_ms", Integer, nullable=False),
    Column("outcome", String(40), nullable=False),
    Column("cached_tokens", Integer),  # of the input tokens
    Column("reasoning_tokens", Integer),  # of the output tokens
    Column("first_ms", Integer),  # until the first piece of a streamed answer
    Column("images", Integer),  # pictures that were drawn
)

budget_spend = Table(
    "budget_spend",
    metadata,
    Column("budget", String(100), primary_key=True),
    Column("key", String(400), primary_key=True),  # whom it is counted for, `person:ID`; empty: everybody
    Column("period", String(10), primary_key=True),  # 2026-11-21 or 2026-11
    Column("microusd", BigInteger, nullable=False, default=0),  # spent and set aside
    Column("tokens", BigInteger, nullable=False, default=0),
    Column("extra_microusd", BigInteger, nullable=False, default=0),  # added to the limit of this period
)

budget_reservations = Table(
    "budget_reservations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("budget", String(100), primary_key=True),
    Column("key", String(400), nullable=False),
    Column("period", String(10), nullable=False),
    Column("microusd", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("at_ms", Ms, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("subject", String(200), nullable=False),  # command:deploy
    Column("version", String(64), nullable=False, default=""),  # of a workflow
    Column("arguments", Text, nullable=False),  # canonical JSON
    Column("digest", String(64), nullable=False),
    Column("asker", String(400), nullable=False),  # an identity
    Column("asker_id", String(400), nullable=False),
    Column("asker_name", Text, nullable=False),
    Column("platform", String(40), nullable=False),
    Column("conversation_id", String(400), nullable=False),
    Column("conversation_kind", String(10), nullable=False),
    Column("way", String(20), nullable=False),
    Column("rule", Text, nullable=False),
    Column("by", Text, nullable=False),  # JSON
    Column("quorum", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("asked_at_ms", Ms, nullable=False),
    Column("expires_at_ms", Ms, nullable=False),
    Column("event_key", String(400), nullable=False, unique=True),
    Index("approvals_by_state", "state"),
)

approval_votes = Table(
    "approval_votes",
    metadata,
    Column("approval_id", String(20), ForeignKey("approvals.id"), primary_key=True),
    Column("person_id", String(400), primary_key=True),
    Column("identity", String(400), nullable=False),
    Column("name", Text, nullable=False),
    Column("agrees", Boolean, nullable=False),
    Column("comment", Text, nullable=False),
    Column("at_ms", Ms, nullable=False),
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

answers = Table(  # what models answered, kept where a budget falls back on it
    "answers",
    metadata,
    Column("hash", String(64), primary_key=True),  # of role, messages and lengths
    Column("provider", String(80), nullable=False),
    Column("model", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("at_ms", Ms, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("at_ms", Ms, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("person_id", String(60), nullable=False, default=""),
    Column("detail", Text, nullable=False),  # canonical JSON, redacted
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),  # not indexed: each would dirty a page of its own
)

secrets = Table(
    "secrets",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("kind", String(40), nullable=False, default="secret"),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("created_at_ms", Ms, nullable=False),
    Column("rotated_at_ms", Ms),
)

platform_memory = Table(  # what an adapter keeps over a restart
    "platform_memory",
    metadata,
    Column("platform", String(40), primary_key=True),
    Column("name", String(400), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("expires_at_ms", Ms),
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

facts = Table(
    "facts",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Text, nullable=False),
)
