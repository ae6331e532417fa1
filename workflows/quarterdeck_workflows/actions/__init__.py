"""Do one thing each: the actions that a workflow's steps name, found by their place."""
