"""Make the tables of how good answers are: a part of the second revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def create_quality() -> None:
    """Keep what was answered, what people said to it, and what was measured."""
    op.create_table(
        "knowledge_answers",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(length=400), nullable=False),
        sa.Column("conversation_id", sa.String(length=400), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("chunks", sa.Text(), nullable=False),
        sa.Column("documents", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("judge_id", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_knowledge_answers_at_ms"), "knowledge_answers", ["at_ms"])
    op.create_index("knowledge_answers_by_verdict", "knowledge_answers", ["verdict", "at_ms"])
    op.create_table(
        "knowledge_evals",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("suite", sa.String(length=64), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("measures", sa.Text(), nullable=False),
        sa.Column("is_accepted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(op.f("ix_knowledge_evals_suite"), "knowledge_evals", ["suite"])
