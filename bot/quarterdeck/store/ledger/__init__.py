"""Remember who did what and what it cost."""
