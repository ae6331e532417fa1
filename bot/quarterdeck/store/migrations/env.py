"""Let Alembic run the migrations on the connection that `runner` opened."""

from __future__ import annotations

from alembic import context

from quarterdeck.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by copying the table
    transactional_ddl=True,  # SQLite can, where the driver does not commit behind our back; ours does not
    include_object=lambda _object, name, kind, *_rest: (
        kind != "table" or not (name or "").startswith(("chunks_fts", "transcript_fts"))
    ),
)

with context.begin_transaction():
    context.run_migrations()
