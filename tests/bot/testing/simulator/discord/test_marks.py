"""Prove that Discord's markdown is read as people see it, escapes included."""

import pytest

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.discord.marks import shown
from quarterdeck.testing.simulator.discord.world import World


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (r"\*a\* \_b\_ \`c\` \~\~d\~\~", "*a* _b_ `c` ~~d~~"),
        (r"**a** _b_ `c` ~~d~~", "a b c d"),
        (r"`\_` and C:\new", r"\_ and C:\new"),
        (r"**a `b*` c** ~~`d`~~ https://a.example/b\_c", "a b* c d https://a.example/b_c"),
    ],
)
def test_escaped_signs_stand_for_themselves(content: str, text: str) -> None:
    """A backslash takes a sign's meaning away, and is not seen."""
    assert text == shown(World(FakeClock()), content)
