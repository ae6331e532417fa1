"""Find the passages that answer a question, for those who may read them."""
