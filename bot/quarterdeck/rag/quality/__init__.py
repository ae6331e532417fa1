"""Measure answers, learn from what was wrong, and refuse to become worse."""
