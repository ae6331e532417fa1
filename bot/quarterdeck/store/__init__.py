"""Remember everything: SQLite by default, the same tables on Postgres. One room here for each kind of thing kept."""
