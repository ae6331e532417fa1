"""Be Slack, Discord or Telegram on loopback, in their own wire protocols, for the real SDKs to connect to."""
