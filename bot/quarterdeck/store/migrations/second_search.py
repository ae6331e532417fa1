"""Second revision: the full-text index of what stands on screens of ours; nothing stands there with words yet."""

from __future__ import annotations

from alembic import op


def create_search() -> None:
    """Create the index."""
    op.execute(
        "CREATE VIRTUAL TABLE transcript_fts USING fts5(text, conversation_id, content = 'transcript', "
        "content_rowid = 'seq', tokenize = 'porter unicode61 remove_diacritics 2')"
    )
    op.execute("INSERT INTO transcript_fts (transcript_fts, rank) VALUES ('rank', 'bm25(1.0, 0.0)')")
