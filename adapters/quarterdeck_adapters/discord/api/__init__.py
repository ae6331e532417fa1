"""Call Discord, and keep to what it allows."""
