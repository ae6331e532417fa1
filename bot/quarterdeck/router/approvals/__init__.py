"""Ask others before a command runs: a card with everything that will be done, bound to it by a hash."""
