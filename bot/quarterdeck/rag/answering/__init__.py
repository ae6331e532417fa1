"""Write answers from passages, and keep only what the passages say."""
