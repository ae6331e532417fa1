"""Bring replies to people: on disk first, cut, degraded, paced, retried, changed in place."""
