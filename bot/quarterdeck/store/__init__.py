"""Remember everything: SQLite by default, the same tables on Postgres. One file here for each noun that is stored."""
