"""Remember conversations: notes, rolling summaries, what a model is told of them; and forget for good."""
