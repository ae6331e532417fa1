"""Hold the connections to Slack, in both directions."""
