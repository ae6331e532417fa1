"""Describe the tables of how good answers are: what was answered and what people said to it, and what was measured."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, String, Table, Text

from quarterdeck.store.tables.metadata import Ms, Sequence, metadata

knowledge_answers = Table(
    "knowledge_answers",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("at_ms", Ms, nullable=False, index=True),
    Column("question", Text, nullable=False),
    Column("before", Text, nullable=False, default=""),  # the question that it followed on
    Column("person_id", String(400), nullable=False),
    Column("conversation_id", String(400), nullable=False),
    Column("filters", Text, nullable=False),  # JSON
    Column("status", String(12), nullable=False),
    Column("chunks", Text, nullable=False),  # JSON: ids of the passages that were cited
    Column("documents", Text, nullable=False),  # JSON: their names
    Column("verdict", String(10), nullable=False, default=""),  # helpful, wrong
    Column("said", Text, nullable=False, default=""),  # what would have been right
    Column("judge_id", String(400), nullable=False, default=""),
    Index("knowledge_answers_by_verdict", "verdict", "at_ms"),
)

knowledge_evals = Table(
    "knowledge_evals",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("at_ms", Ms, nullable=False),
    Column("suite", String(64), nullable=False, index=True),  # digest of the questions
    Column("about", Text, nullable=False),  # JSON: embedder, prompt, floor … that were measured
    Column("measures", Text, nullable=False),  # JSON
    Column("is_accepted", Boolean, nullable=False),  # refused runs are kept, and compared with nothing
)
