"""Read command lines: the commands there are, their options, their values, how often they may run."""
