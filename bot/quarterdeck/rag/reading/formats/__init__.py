"""Read one family of formats a file; each runs in the reader process only."""
