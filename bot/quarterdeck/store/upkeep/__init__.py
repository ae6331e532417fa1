"""Keep the database file whole: its shape, its checks, its backups."""
