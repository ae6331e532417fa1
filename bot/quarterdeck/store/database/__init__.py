"""Open the database and run statements on it: drivers, errors, prepared statements."""
