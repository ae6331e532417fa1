"""Be the vendors of `relay.py`, a model that writes and a Telegram that counts, and the relays beside ours."""
