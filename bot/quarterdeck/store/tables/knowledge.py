"""Describe the tables of what the team knows: where it comes from, its documents, their passages."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from quarterdeck.store.tables.metadata import Ms, Sequence, metadata

knowledge_sources = Table(
    "knowledge_sources",
    metadata,
    Column("id", String(40), primary_key=True),  # made from collection, kind and location
    Column("collection", String(100), nullable=False),
    Column("kind", String(12), nullable=False),  # path, git, web, sitemap, feed, upload, channel
    Column("location", Text, nullable=False),  # absolute path, URL, or conversation id
    Column("audience", Text, nullable=False),  # `core.knowledge.PUBLIC`, or who may read, in its one spelling
    Column("every_s", Integer, nullable=False),  # 0: when somebody asks for it
    Column("options", Text, nullable=False),  # JSON of what the kind needs besides
    Column("origin", String(10), nullable=False),  # settings, command
    Column("owner", String(400), nullable=False, default=""),  # the person who added it
    Column("is_paused", Boolean, nullable=False, default=False),
    Column("state", String(12), nullable=False),  # new, syncing, current, failed
    Column("reason", Text, nullable=False, default=""),
    Column("cursor", Text, nullable=False, default=""),  # JSON: what the kind remembers between two syncs
    Column("created_at_ms", Ms, nullable=False),
    Column("synced_at_ms", Ms),  # when a sync last came to its end
    Column("next_at_ms", Ms),  # when the next one is due
)

documents = Table(
    "documents",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("collection", String(100), nullable=False),
    Column("path", Text, nullable=False),  # absolute path or URL
    Column("name", Text, nullable=False),  # as cited: path relative to what was added
    Column("title", Text, nullable=False, default=""),
    Column("root", Text, nullable=False),  # the location of its source
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),  # indexed, failed
    Column("reason", Text, nullable=False, default=""),
    Column("cut", String(60), nullable=False, default=""),  # how it was cut; other settings cut it anew
    Column("indexed_at_ms", Ms, nullable=False),
    Column("source_id", String(40), nullable=False, default="", index=True),
    Column("audience", Text, nullable=False, default="public"),  # its source's, changed in one commit with it
    Column("modified_at_ms", Ms),  # as the source says; null where it does not
    Column("url", Text, nullable=False, default=""),  # where people open it, when that is not `path`
    Column("version", Text, nullable=False, default=""),  # what the source compares to skip it unread
    UniqueConstraint("collection", "source_id", "path", name="uq_documents_place"),
    Index("documents_by_audience", "audience", "collection"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("id", String(60), nullable=False, unique=True),
    Column("document_id", String(60), ForeignKey("documents.id"), nullable=False, index=True),
    Column("n", Integer, nullable=False),
    Column("heading", Text, nullable=False, default=""),  # path of headings, joined by ' › '
    Column("text", Text, nullable=False),
    Column("start", Integer, nullable=False),  # characters into the document's text
    Column("end", Integer, nullable=False),
    Column("page", Integer),  # of a PDF, slide of a presentation: from 1
    Column("line", Integer),  # first and last line of the file, from 1, where the text is the file's own
    Column("end_line", Integer),
    # little-endian float32, normalised; the truth that the vector index is rebuilt from
    Column("embedding", LargeBinary),
    Column("embedder", String(200), nullable=False, default=""),
    # which vectors there are is asked at each start: without it that reads the whole table, vectors and all
    Index("chunks_by_space", "embedder", "document_id", "id"),
)
