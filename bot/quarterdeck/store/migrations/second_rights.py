"""Make the tables of proven addresses and of answers that wait for approval: a part of the second revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def create_rights() -> None:
    """Keep proven mail addresses, and what models had done when their calls began to wait."""
    op.create_table(
        "proven_addresses",
        sa.Column("identity", sa.String(length=400), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("identity"),
    )
    op.create_index(op.f("ix_proven_addresses_address"), "proven_addresses", ["address"])
    op.create_table(
        "paused_answers",
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("conversation_id", sa.String(length=400), nullable=False),
        sa.Column("person_id", sa.String(length=400), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_paused_answers_conversation_id"), "paused_answers", ["conversation_id"])
    op.create_index(op.f("ix_paused_answers_person_id"), "paused_answers", ["person_id"])
    op.create_table(
        "paused_calls",
        sa.Column("approval_id", sa.String(length=20), nullable=False),
        sa.Column("answer_id", sa.String(length=400), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=400), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("approval_id"),
    )
    op.create_index(op.f("ix_paused_calls_answer_id"), "paused_calls", ["answer_id"])
