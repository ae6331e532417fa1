"""Open the web door: every route says who may call it, and nothing is open to others by default."""
