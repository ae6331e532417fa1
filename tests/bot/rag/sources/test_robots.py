"""What a site asks not to be read is not read."""

import pytest

from quarterdeck.rag.sources.robots import CLOSED, OPEN, read_robots

ROBOTS = """
User-agent: other
Disallow: /

User-agent: *
User-agent: third
Disallow: /private  # a comment
Allow: /private/open
Disallow: /*.zip$
Disallow:
Crawl-delay: 99
"""


@pytest.mark.parametrize(
    ("path", "is_allowed"),
    [
        ("/", True),
        ("/private", False),
        ("/private/x", False),
        ("/private/open/x", True),
        ("/files/a.zip", False),
        ("/files/a.zip?x=1", True),
        ("/robots.txt", True),
    ],
)
def test_the_longest_rule_decides(path: str, is_allowed: bool) -> None:
    """As RFC 9309 has it, stars and ends included."""
    assert is_allowed == read_robots(ROBOTS, "quarterdeck").allows(f"https://example.com{path}")


def test_rules_of_our_own_come_before_those_for_everybody() -> None:
    """A site may ask this bot alone to stay away."""
    text = ROBOTS + "\nUser-agent: Quarterdeck\nDisallow: /\n"

    assert not read_robots(text, "quarterdeck").allows("https://example.com/")


def test_the_delay_is_bounded_and_the_fixed_rules_are_what_they_say() -> None:
    """Nobody makes a sync last for ever."""
    assert 10.0 == read_robots(ROBOTS, "quarterdeck").delay_s
    assert (True, False) == (OPEN.allows("https://e.com/x"), CLOSED.allows("https://e.com/x"))


def test_many_stars_are_matched_in_a_moment() -> None:
    """A pattern is no regular expression."""
    rules = read_robots("User-agent: *\nDisallow: /" + "*a" * 5000 + "b\n", "quarterdeck")

    assert rules.allows("https://example.com/" + "a" * 7000)
