"""Describe the tables of single values: secrets, and facts by name."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, String, Table, Text

from quarterdeck.store.tables.metadata import Ms, metadata

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

facts = Table(
    "facts",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Text, nullable=False),
)
