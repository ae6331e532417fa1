"""Remember what happens by itself or over days: runs, schedules, digests, approvals."""
