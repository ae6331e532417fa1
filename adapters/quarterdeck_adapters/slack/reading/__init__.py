"""Understand what Slack sends; everything here is pure."""
