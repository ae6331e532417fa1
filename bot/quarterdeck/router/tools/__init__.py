"""Let language models use tools, with the rights of the person who asks and never more."""
