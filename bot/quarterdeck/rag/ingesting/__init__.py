"""Bring what the sources hold into the library."""
