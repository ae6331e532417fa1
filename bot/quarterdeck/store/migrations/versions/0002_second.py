"""Let platforms remember over a restart, people have several accounts, and programs speak for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from quarterdeck.store.migrations.second_quality import create_quality
from quarterdeck.store.migrations.second_rights import create_rights
from quarterdeck.store.migrations.second_runs import create_runs
from quarterdeck.store.migrations.second_search import create_search

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create what came after the first release; every statement may be run once only."""
    op.create_table(
        "platform_memory",
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("platform", "name"),
    )
    op.add_column("outbox", sa.Column("replaces", sa.String(length=200), nullable=False, server_default=""))
    op.create_table(
        "offers",
        sa.Column("conversation_id", sa.String(length=400), nullable=False),
        sa.Column("buttons", sa.Text(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id"),
    )
    op.add_column("identities", sa.Column("source", sa.String(length=100), nullable=False, server_default=""))
    op.create_table(
        "links",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=True),
        sa.Column("guesses", sa.Integer(), nullable=False),
        sa.Column("from_event", sa.String(length=400), nullable=False),
        sa.Column("from_identity", sa.String(length=400), nullable=False),
        sa.Column("from_name", sa.Text(), nullable=False),
        sa.Column("from_conversation", sa.Text(), nullable=False),
        sa.Column("from_agreed", sa.Boolean(), nullable=False),
        sa.Column("to_event", sa.String(length=400), nullable=True),
        sa.Column("to_identity", sa.String(length=400), nullable=True),
        sa.Column("to_name", sa.Text(), nullable=True),
        sa.Column("to_conversation", sa.Text(), nullable=True),
        sa.Column("to_agreed", sa.Boolean(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("from_event"),
    )
    op.create_index("links_by_state", "links", ["state", "expires_at_ms"])
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("person_id", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index(op.f("ix_api_tokens_person_id"), "api_tokens", ["person_id"])
    op.create_table(
        "forms",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("command", sa.String(length=40), nullable=False),
        sa.Column("identity", sa.String(length=400), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", sa.String(length=400), nullable=False),
        sa.Column("conversation_kind", sa.String(length=10), nullable=False),
        sa.Column("asking", sa.Text(), nullable=False),
        sa.Column("is_native", sa.Boolean(), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("attachments", sa.Text(), nullable=False),
        sa.Column("last_event", sa.String(length=400), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_forms_expires_at_ms"), "forms", ["expires_at_ms"])
    with op.batch_alter_table("usage") as usage:
        usage.add_column(sa.Column("microusd", sa.BigInteger(), nullable=True))
    op.create_table(
        "budget_spend",
        sa.Column("budget", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("microusd", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("extra_microusd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("budget", "key", "period"),
    )
    op.create_table(
        "budget_reservations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("budget", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("microusd", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", "budget"),
    )
    op.create_table(
        "answers",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=80), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "notes",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("owner", sa.String(length=400), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    with op.batch_alter_table("notes") as notes:
        notes.create_index("notes_by_owner", ["scope", "owner"], unique=False)
    op.create_table(
        "summaries",
        sa.Column("conversation_id", sa.String(length=400), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("up_to_ms", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id"),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("asker", sa.String(length=400), nullable=False),
        sa.Column("asker_id", sa.String(length=400), nullable=False),
        sa.Column("asker_name", sa.Text(), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", sa.String(length=400), nullable=False),
        sa.Column("conversation_kind", sa.String(length=10), nullable=False),
        sa.Column("way", sa.String(length=20), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("quorum", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("asked_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("event_key", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_key"),
    )
    with op.batch_alter_table("approvals") as approvals:
        approvals.create_index("approvals_by_state", ["state"], unique=False)
    op.create_table(
        "approval_votes",
        sa.Column("approval_id", sa.String(length=20), nullable=False),
        sa.Column("person_id", sa.String(length=400), nullable=False),
        sa.Column("identity", sa.String(length=400), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agrees", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["approval_id"], ["approvals.id"]),
        sa.PrimaryKeyConstraint("approval_id", "person_id"),
    )
    _create_web()
    _create_schedules()
    create_runs()
    create_rights()
    _create_sources()
    create_quality()
    _create_vectors()


def _create_web() -> None:
    """Create the accounts and conversations of the web door."""
    counted = {"sqlite_autoincrement": True}
    with op.batch_alter_table("transcript", recreate="always", table_kwargs=counted) as transcript:
        transcript.add_column(sa.Column("kind", sa.String(length=10), nullable=False, server_default="post"))
        transcript.add_column(sa.Column("target", sa.BigInteger(), nullable=True))
        transcript.add_column(sa.Column("text", sa.Text(), nullable=False, server_default=""))
    create_search()
    op.create_table(
        "web_accounts",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False, server_default=""),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "web_passkeys",
        sa.Column("id", sa.String(length=1400), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["web_accounts.name"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_web_passkeys_account"), "web_passkeys", ["account"])
    op.create_table(
        "web_invitations",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False, server_default=""),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "web_sessions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("rights", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["web_accounts.name"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "web_rooms",
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("owner", sa.String(length=340), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("web_rooms_by_owner", "web_rooms", ["owner", "updated_at_ms"])
    op.create_table(
        "web_files",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=340), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=200), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    names = {"uq": "uq_%(table_name)s_%(column_0_name)s"}  # the first revision gave the constraint none
    with op.batch_alter_table("audit", naming_convention=names) as audit:
        audit.drop_constraint("uq_audit_hash", type_="unique")


def _create_sources() -> None:
    """Give documents a source, an audience and an age, and passages their lines."""
    op.create_table(
        "knowledge_sources",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("collection", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("every_s", sa.Integer(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("owner", sa.String(length=400), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("synced_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("next_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    names = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
    with op.batch_alter_table("documents", naming_convention=names) as documents:
        documents.add_column(sa.Column("source_id", sa.String(length=40), nullable=False, server_default=""))
        documents.add_column(sa.Column("audience", sa.Text(), nullable=False, server_default="public"))
        documents.add_column(sa.Column("modified_at_ms", sa.BigInteger(), nullable=True))
        documents.add_column(sa.Column("url", sa.Text(), nullable=False, server_default=""))
        documents.add_column(sa.Column("version", sa.Text(), nullable=False, server_default=""))
        documents.drop_constraint("uq_documents_collection", type_="unique")
        documents.create_unique_constraint("uq_documents_place", ["collection", "source_id", "path"])
        documents.create_index("ix_documents_source_id", ["source_id"], unique=False)
        documents.create_index("documents_by_audience", ["audience", "collection"], unique=False)
    with op.batch_alter_table("chunks") as chunks:
        chunks.add_column(sa.Column("line", sa.Integer(), nullable=True))
        chunks.add_column(sa.Column("end_line", sa.Integer(), nullable=True))
        chunks.create_index("chunks_by_space", ["embedder", "document_id", "id"], unique=False)
    op.execute("CREATE VIRTUAL TABLE chunks_vocab USING fts5vocab(chunks_fts, row)")


def _create_schedules() -> None:
    """Let schedules be late, overlap, fail and be asked about, and digests have many sources."""
    op.add_column("schedules", sa.Column("lateness_s", sa.Integer(), nullable=True))
    op.add_column("schedules", sa.Column("failing_since_ms", sa.BigInteger(), nullable=True))
    op.add_column("schedules", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("fires", sa.Column("result", sa.String(length=10), nullable=False, server_default=""))
    op.add_column("fires", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("fires", sa.Column("run_id", sa.String(length=200), nullable=False, server_default=""))
    op.add_column("fires", sa.Column("ended_at_ms", sa.BigInteger(), nullable=True))
    op.add_column("digests", sa.Column("name", sa.String(length=60), nullable=False, server_default=""))
    op.add_column("digests", sa.Column("failing", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("digests", sa.Column("code", sa.String(length=12), nullable=False, server_default=""))
    op.create_index("digests_by_code", "digests", ["code"])
    op.create_table(
        "schedule_drafts",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("identity", sa.String(length=400), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", sa.String(length=400), nullable=False),
        sa.Column("conversation_kind", sa.String(length=10), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("edits", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "digest_items",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", "item"),
    )
    op.create_table(
        "digest_marks",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("conversation_id", sa.String(length=400), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "conversation_id", "item"),
    )
    op.create_table(
        "digest_definitions",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=400), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "digest_readers",
        sa.Column("identity", sa.String(length=400), nullable=False),
        sa.Column("timezone", sa.String(length=80), nullable=False),
        sa.Column("quiet", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("identity"),
    )


def _create_vectors() -> None:
    """Keep vectors of the next embedder while the present one serves; know what calls of models were like."""
    op.create_table(
        "staged_vectors",
        sa.Column("chunk_id", sa.String(length=40), nullable=False),
        sa.Column("space", sa.String(length=300), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chunk_id", "space"),
    )
    op.add_column("usage", sa.Column("cached_tokens", sa.Integer(), nullable=True))
    op.add_column("usage", sa.Column("reasoning_tokens", sa.Integer(), nullable=True))
    op.add_column("usage", sa.Column("first_ms", sa.Integer(), nullable=True))
    op.add_column("usage", sa.Column("images", sa.Integer(), nullable=True))
