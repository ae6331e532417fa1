"""Describe and run workflows: their language, their engine, their actions, the library."""
