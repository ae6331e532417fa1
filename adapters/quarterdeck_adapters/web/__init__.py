"""Be a chat on a page of our own."""
