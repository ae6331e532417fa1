"""Speak with people in Slack."""
