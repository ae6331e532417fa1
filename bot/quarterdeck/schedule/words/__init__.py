"""Read triggers in plain words, and say triggers in plain words."""
