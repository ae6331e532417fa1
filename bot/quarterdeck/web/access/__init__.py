"""Know who calls: sign-in, sessions, tokens."""
