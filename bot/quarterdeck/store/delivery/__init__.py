"""Remember what came in and what goes out until it is done."""
