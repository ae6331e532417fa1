"""Speak with people on Discord."""
