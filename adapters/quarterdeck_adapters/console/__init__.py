"""Speak with people at the terminal of this machine."""
