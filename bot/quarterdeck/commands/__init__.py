"""Hold what the bot says: one file for each chat command, named as the command, holding `COMMAND`."""
