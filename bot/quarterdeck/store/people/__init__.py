"""Remember who people are, what is theirs, and what speaks for them."""
