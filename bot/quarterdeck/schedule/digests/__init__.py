"""Gather what changed in many sources into one post."""
