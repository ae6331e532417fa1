"""Build, wire, run, stop."""

from quarterdeck.app.app import App, open_app

__all__ = ["App", "open_app"]
