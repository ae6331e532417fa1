"""Hold the numbered migrations; a released one is never edited. Only an upgrade imports this."""
