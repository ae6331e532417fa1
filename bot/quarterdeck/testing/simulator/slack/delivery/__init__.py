"""Bring events, commands and interactions to the app, and take its answers."""
