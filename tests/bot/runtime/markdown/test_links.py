"""Hold what a model writes to known hosts: everything else is shown, and is a link for nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.runtime.markdown.links import (
    _is_alive,
    broken,
    defanged,
    host_of,
    is_allowed,
    piece_broken,
)
from quarterdeck.runtime.markdown.parse import parse

HOSTS = frozenset({"docs.example.com", "*.corp.example"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://evil.com/x?d=1 now", "see https[:]//evil[.]com/x?d=1 now"),
        ("[click](https://evil.com/a)", "click (https[:]//evil[.]com/a)"),
        ("![i](https://docs.example.com/p.png)", "i (https://docs.example.com/p.png)"),
        ("[https://docs.example.com](https://evil.com)", "https://docs.example.com (https[:]//evil[.]com)"),
        ("write to a@b.com", "write to a@b[.]com"),
        ("evil。com", "evil[.]com"),
        ("> see README.md", "> see README[.]md"),
        ("`curl http://evil.com`, `os.path`", "`curl http[:]//evil[.]com`, `os.path`"),
        ("```\ncurl https://evil.com\nos.path\n```", "```\ncurl https[:]//evil[.]com\nos.path\n```"),
    ],
)
def test_foreign_links_are_shown_and_lead_nowhere(text: str, expected: str) -> None:
    """A reader sees where it would have led; nothing can be pressed."""
    assert (expected, False) == defanged(text, HOSTS)


@pytest.mark.parametrize(
    "text",
    [
        "see https://docs.example.com/a_b?x=1.",
        "[d](https://docs.example.com/a)",
        "(https://docs.example.com/a), and x.corp.example!",
        "e.g. this, i.e. 1.2.3 and 3.5 km",
        "Nothing here.",
    ],
)
def test_known_hosts_and_plain_words_stay(text: str) -> None:
    """What the owner allows is not spoilt."""
    assert (text, False) == defanged(text, HOSTS)


def test_names_of_files_become_code() -> None:
    """Telegram would link README.md to a host in Moldova."""
    assert ("read `README.md` first", False) == defanged("read README.md first", HOSTS)


@pytest.mark.parametrize("text", ["http&#58;//evil.com", "ev**il.c**om", "&#104;ttp://x&period;com"])
def test_tricks_are_shown_letter_by_letter(text: str) -> None:
    """Whatever comes alive only when it is read is not read at all."""
    shown, is_literal = defanged(text, HOSTS)

    assert (True, shown) == (is_literal, broken(shown, HOSTS))


@pytest.mark.parametrize(
    "url",
    [
        "https://docs.example.com@evil.com/",
        "https://docs.example.com.evil.com/",
        "https://docs.example.com:443/",
        "https://docs.example.com/r?u=https://evil.com",
        "https://docs.example.com/r?u=https%3A%2F%2Fevil.com",
        "https://docs.example.com\\@evil.com",
        "https://docs.example.com。com/",
        "https://corp.example/",
        "HTTPS://docs.example.com/\x00",
        "//docs.example.com/",
        "data:text/html,x",
        "https://docs.exämple.com/",
    ],
)
def test_what_only_looks_allowed_is_foreign(url: str) -> None:
    """Parsers disagree about such addresses, so none of them lives."""
    assert not is_allowed(url, HOSTS)
    assert url != defanged(url, HOSTS)[0] or url.startswith(("//docs.example.com",))


def test_hosts_of_documents_are_plain_ones() -> None:
    """A cited file on this machine allows nothing."""
    urls = [
        "https://a.example/x",
        "http://A.example",
        "file:///x",
        "https://u@a.example",
        "https://a.example:8/",
        "",
    ]

    assert ["a.example", "", "", "", "", ""] == [host_of(url) for url in urls]


@given(st.text(st.sampled_from("ab.c:/\\[]()<>`*_&#;!|> \n。@-")))
def test_what_was_taken_apart_stays_so(text: str) -> None:
    """Any mixture of signs: the second reading finds nothing, in prose and letter by letter."""
    shown, is_literal = defanged(text, HOSTS)
    again, is_literal_again = (broken(shown, HOSTS), True) if is_literal else defanged(shown, HOSTS)

    assert (shown, is_literal) == (again, is_literal_again)


def test_a_long_hostile_text_costs_no_more_than_its_length() -> None:
    """Nothing here goes back: seconds would show."""
    for piece in ("a.", "[", "`", "a:", "http:", "](", "\\", "&#", "a@"):
        defanged(piece * 8_000, HOSTS)
        piece_broken(piece * 8_000, HOSTS)


@given(st.text(alphabet="abw1.:/-+#)= \t\n\u3002\u200d", max_size=40))
def test_what_is_passed_on_unread_has_no_link_in_it_when_it_is_read(text: str) -> None:
    """Most of what models write holds neither markup nor address: reading it all cost more than sending it."""
    written, _ = defanged(text, HOSTS)
    if written != text:
        return

    assert not _is_alive(parse(text), HOSTS, in_quote=False)
