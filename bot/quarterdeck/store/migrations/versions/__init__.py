"""One file a revision: `0001_first.py`, `0002_….py`, each going up only."""
