"""Be the API: what programs and the page call."""
