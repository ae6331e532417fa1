"""Keep secrets, encrypted."""
