"""Describe the tables of what was done, allowed and paid."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from quarterdeck.store.tables.metadata import Ms, Sequence, metadata

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

paused_answers = Table(  # of models whose calls wait for approval
    "paused_answers",
    metadata,
    Column("id", String(400), primary_key=True),  # the event that was answered
    Column("conversation_id", String(400), nullable=False, index=True),
    Column("person_id", String(400), nullable=False, index=True),
    Column("body", Text, nullable=False),  # JSON
    Column("at_ms", Ms, nullable=False),
)

paused_calls = Table(
    "paused_calls",
    metadata,
    Column("approval_id", String(20), primary_key=True),
    Column("answer_id", String(400), nullable=False, index=True),  # empty: of an answer that was not kept
    Column("turn", Integer, nullable=False),  # of the answer's, the one that is to hold the result
    Column("event", String(400), nullable=False),  # that carries it out; empty until then
    Column("result", Text, nullable=False),  # JSON; empty until it has run
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
