"""Turn chunks into vectors and keep those findable, in a process of their own."""
