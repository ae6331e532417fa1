"""Use what is on this machine: servers that listen, and the built-in model with its installation."""
