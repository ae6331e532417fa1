"""Describe the tables of people: who they are, which accounts are theirs, what speaks for them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from quarterdeck.store.tables.metadata import Ms, metadata

people = Table(
    "people",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", Text, nullable=False, default=""),
    Column("role", String(40), nullable=False),
    Column("is_service", Boolean, nullable=False, default=False),
    Column("created_at_ms", Ms, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    Column("identity", String(400), primary_key=True),
    Column("person_id", String(60), ForeignKey("people.id"), nullable=False, index=True),
    Column("name", Text, nullable=False, default=""),
    Column("created_at_ms", Ms, nullable=False),
    Column(
        "source", String(100), nullable=False, default="", server_default=""
    ),  # link, email, directory:KEY
)

links = Table(  # two accounts that may become one person
    "links",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(10), nullable=False),  # open, claimed, linked, refused, void
    Column("code_hash", String(64)),  # while it is open
    Column(
        "guesses", Integer, nullable=False, default=0
    ),  # wrong codes that were looked up while it was open
    Column("from_event", String(400), nullable=False, unique=True),
    Column("from_identity", String(400), nullable=False),
    Column("from_name", Text, nullable=False),
    Column("from_conversation", Text, nullable=False),  # JSON
    Column("from_agreed", Boolean, nullable=False, default=False),
    Column("to_event", String(400)),
    Column("to_identity", String(400)),
    Column("to_name", Text),
    Column("to_conversation", Text),
    Column("to_agreed", Boolean, nullable=False, default=False),
    Column("seen", Text, nullable=False, default=""),  # who both were when they were asked
    Column("created_at_ms", Ms, nullable=False),
    Column("expires_at_ms", Ms, nullable=False),
    Index("links_by_state", "state", "expires_at_ms"),
)

proven_addresses = Table(  # mail addresses that platforms have proven to be an account's
    "proven_addresses",
    metadata,
    Column("identity", String(400), primary_key=True),
    Column("address", String(254), nullable=False, index=True),  # empty: none was proven yet
    Column("state", String(10), nullable=False),  # proven, linked; parted, changed: never joined by it again
    Column("at_ms", Ms, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("person_id", String(60), ForeignKey("people.id"), nullable=False, index=True),
    Column("name", String(100), nullable=False, default=""),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),  # JSON: action patterns
    Column("created_at_ms", Ms, nullable=False),
    Column("expires_at_ms", Ms),
    Column("revoked_at_ms", Ms),
)
