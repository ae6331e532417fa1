"""Describe the tables of what happens by itself: schedules, their planned times, digests."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from quarterdeck.store.tables.metadata import Ms, metadata

schedules = Table(
    "schedules",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("key", String(400), nullable=False, unique=True),
    Column("trigger", Text, nullable=False),
    Column("timezone", String(80), nullable=False),
    Column("what", Text, nullable=False),
    Column("platform", String(40), nullable=False),
    Column("conversation_id", String(400), nullable=False),
    Column("conversation_kind", String(10), nullable=False),
    Column("owner", String(400), nullable=False),  # an identity
    Column("misfire", String(20), nullable=False, default="once"),
    Column("overlap", String(20), nullable=False, default="skip"),
    Column("paused", Boolean, nullable=False, default=False),
    Column("version", Integer, nullable=False, default=1),
    Column("last_at_ms", Ms),
    Column("created_at_ms", Ms, nullable=False),
    Column("lateness_s", Integer),  # None: any lateness is made up for
    Column("failing_since_ms", Ms),  # planned time of the first failure in a row
    Column("failures", Integer, nullable=False, server_default="0"),
)

fires = Table(
    "fires",
    metadata,
    Column("schedule_id", String(60), primary_key=True),
    Column("planned_at_ms", Ms, primary_key=True),
    Column("fired_at_ms", Ms, nullable=False),
    Column("outcome", String(20), nullable=False),  # fired, missed, skipped, asked, due
    Column("result", String(10), nullable=False, server_default=""),  # of what fired: ok, failed
    Column("reason", Text, nullable=False, server_default=""),
    Column("run_id", String(200), nullable=False, server_default=""),  # of the workflow that it started
    Column("ended_at_ms", Ms),
)

schedule_drafts = Table(  # orders that wait for a yes
    "schedule_drafts",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("identity", String(400), nullable=False),
    Column("platform", String(40), nullable=False),
    Column("conversation_id", String(400), nullable=False),
    Column("conversation_kind", String(10), nullable=False),
    Column("changes", Text, nullable=False),  # JSON
    Column("edits", String(60), nullable=False),  # id of the schedule that is changed; empty: a new one
    Column("version", Integer, nullable=False),
    Column("expires_at_ms", Ms, nullable=False),
)

digests = Table(  # one row for each issue
    "digests",
    metadata,
    Column("key", String(200), primary_key=True),  # outbox.cause of its delivery
    Column("conversation_id", String(400), nullable=False, index=True),
    Column("up_to_ms", Ms, nullable=False),
    Column("created_at_ms", Ms, nullable=False),
    Column(
        "name", String(60), nullable=False, server_default=""
    ),  # of its definition; empty: the conversation's own
    Column(
        "failing", Text, nullable=False, server_default="{}"
    ),  # JSON: reason by source that could not be read
    Column("code", String(12), nullable=False, server_default=""),  # what its buttons call it
)

digest_items = Table(  # what an issue found, shown or not
    "digest_items",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("item", String(64), primary_key=True),  # hash of its id
    Column("mark", String(64), nullable=False),  # hash of its content
    Column("n", Integer, nullable=False),  # its number in the issue; 0: not shown
    Column("title", Text, nullable=False),
    Column("url", Text, nullable=False),
)

digest_marks = Table(  # what readers said of an item in a channel
    "digest_marks",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("conversation_id", String(400), primary_key=True),
    Column("item", String(64), primary_key=True),
    Column("kind", String(10), nullable=False),  # ack, mute
    Column("by", String(400), nullable=False),  # an identity
    Column("title", Text, nullable=False),
    Column("at_ms", Ms, nullable=False),
)

digest_definitions = Table(  # those that were declared in a conversation
    "digest_definitions",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("body", Text, nullable=False),  # JSON
    Column("owner", String(400), nullable=False),  # an identity
    Column("version", Integer, nullable=False),
    Column("changed_at_ms", Ms, nullable=False),
)

digest_readers = Table(  # whose clock counts in a direct digest
    "digest_readers",
    metadata,
    Column("identity", String(400), primary_key=True),
    Column("timezone", String(80), nullable=False),
    Column("quiet", String(20), nullable=False),  # 22:00-07:00, or empty
)

Index("digests_by_code", digests.c.code)
