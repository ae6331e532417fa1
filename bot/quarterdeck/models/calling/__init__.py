"""Make one call to a model good: its time, price, proof, and who is asked next when it fails."""
