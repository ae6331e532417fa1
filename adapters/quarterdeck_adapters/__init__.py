"""Speak to the chat platforms, one folder each."""
