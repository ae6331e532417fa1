"""Describe the table of vectors that are made for another embedder while the present one serves."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, String, Table

from quarterdeck.store.tables.metadata import metadata

staged_vectors = Table(
    "staged_vectors",
    metadata,
    Column("chunk_id", String(40), primary_key=True),  # a chunk that is gone leaves it until the switch
    Column("space", String(300), primary_key=True),
    Column("vector", LargeBinary, nullable=False),  # float32, little-endian
)
