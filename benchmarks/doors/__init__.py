"""Load generators, fake vendors and baseline bots of `platform_doors.py`."""
