"""Know the providers there are, and hold connections to those that are on."""
