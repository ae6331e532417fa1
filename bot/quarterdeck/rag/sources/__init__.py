"""Reach the sources of knowledge, a file each, and keep them in order: added, scheduled, shared, removed."""
