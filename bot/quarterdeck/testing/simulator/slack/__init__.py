"""Be Slack: Web API, Socket Mode and signed HTTP delivery, with people who write, press and fill in forms.

Written from Slack's documentation (docs.slack.dev, methods and limits read through their published copies on
2026-11-21), from the signatures of slack_sdk 3.47 and from what bolt 1.30 expects; not from our adapter.
"""

from quarterdeck.testing.simulator.slack.simulator import SlackSimulator

__all__ = ["SlackSimulator"]
