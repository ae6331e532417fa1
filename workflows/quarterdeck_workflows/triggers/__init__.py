"""Start workflows: by commands, webhooks, messages, reactions, buttons, the clock, other workflows, a start."""
