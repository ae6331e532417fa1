"""What stands before the workflows' language looks for the files that the language reads."""

from __future__ import annotations

from quarterdeck.app import starting
from quarterdeck_workflows.language import library, shelf


def test_both_name_the_same_places() -> None:
    """Else a bot that never loaded the language would not see what was put there."""
    assert (shelf.FOLDER, library.FILE) == (starting.FOLDER, starting.SWITCHED)
