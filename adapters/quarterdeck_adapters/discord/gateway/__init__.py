"""Hold the gateway: what happens on Discord comes in here, in order, over restarts and broken lines."""
