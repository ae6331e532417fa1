"""Put what the bot says into messages, and the messages into channels."""
