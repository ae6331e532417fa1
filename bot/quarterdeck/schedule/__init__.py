"""Do things at their time: triggers, standing orders, what becomes of missed times, and digests."""
