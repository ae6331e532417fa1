"""Take commands, buttons and forms, from the gateway or signed over HTTP, and answer them in time."""
