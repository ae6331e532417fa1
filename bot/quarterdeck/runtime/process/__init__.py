"""Be one process: its lock, its standard streams, its threads and tasks."""
