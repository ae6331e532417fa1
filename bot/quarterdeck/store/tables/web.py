"""Describe the tables of the web door: accounts, what proves them, conversations, files."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from quarterdeck.store.tables.metadata import Ms, Sequence, metadata

web_accounts = Table(
    "web_accounts",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("password", Text, nullable=False),  # argon2id, or empty
    Column("epoch", Integer, nullable=False),
    Column(
        "email", String(254), nullable=False, default="", server_default=""
    ),  # that the invitation went to
    Column("created_at_ms", Ms, nullable=False),
)

web_passkeys = Table(
    "web_passkeys",
    metadata,
    Column("id", String(1400), primary_key=True),
    Column("account", String(40), ForeignKey("web_accounts.name"), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", Ms, nullable=False),
    Column("created_at_ms", Ms, nullable=False),
)

web_invitations = Table(
    "web_invitations",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("role", String(40), nullable=False),
    Column("name", String(40), nullable=False),
    Column("email", String(254), nullable=False, default="", server_default=""),
    Column("is_first", Boolean, nullable=False),
    Column("created_at_ms", Ms, nullable=False),
    Column("expires_at_ms", Ms, nullable=False),
    Column("used_at_ms", Ms),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("account", String(40), ForeignKey("web_accounts.name"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("rights", Text, nullable=False),
    Column("created_at_ms", Ms, nullable=False),
    Column("seen_at_ms", Ms, nullable=False),
)

web_rooms = Table(  # conversations; what stands in them is in `transcript`
    "web_rooms",
    metadata,
    Column("id", String(400), primary_key=True),
    Column("owner", String(340), nullable=False),
    Column("name", String(60), nullable=False),
    Column("title", String(200), nullable=False),
    Column("created_at_ms", Ms, nullable=False),
    Column("updated_at_ms", Ms, nullable=False),
    Index("web_rooms_by_owner", "owner", "updated_at_ms"),
)

web_files = Table(
    "web_files",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(340), nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", String(200), nullable=False),
    Column("size_bytes", Ms, nullable=False),
    Column("path", Text, nullable=False),
    Column("created_at_ms", Ms, nullable=False),
)

transcript = Table(  # the screen of platforms whose screen is ours: console, web
    "transcript",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),  # the outbox row's id
    Column("conversation_id", String(400), nullable=False),
    Column("cause", String(400), nullable=False),
    Column("body", Text, nullable=False),
    Column("at_ms", Ms, nullable=False),
    Column("kind", String(10), nullable=False, server_default="post"),  # see core.screen
    Column("target", Ms),  # the seq that an edit or a rewind is about
    Column("text", Text, nullable=False, server_default=""),  # plain, for searching
    Index("transcript_by_conversation", "conversation_id", "seq"),
    sqlite_autoincrement=True,  # a number that stood for something is never given again: streams count by it
)
