"""Offer commands in the platforms' own ways: plan, offer, complete, and say what each platform lacks."""
