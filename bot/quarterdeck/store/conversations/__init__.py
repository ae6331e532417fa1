"""Remember what was said, what was shown, and what people should be reminded of."""
