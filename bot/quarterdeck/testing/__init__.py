"""Ship what tests need, so that extensions are tested the way the house is."""
