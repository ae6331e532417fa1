"""Fire each planned time once, and follow it to its end."""
