"""Speak the wire formats, one file each; what differs between providers of one is data."""
