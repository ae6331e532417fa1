"""Bots that do the least a bot can do on one platform: baselines, each a program of its own."""
