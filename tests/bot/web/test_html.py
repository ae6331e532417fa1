"""Nothing in a message makes a browser ask anybody anything, and what grows is the same as what is whole."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.web.html import Growing, to_html

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/a.png)",
    "![x][1]\n\n[1]: https://evil.example/a.png",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,AAAA)",
    "[x](//evil.example)",
    "[x](/api/v1/me)",
    "<a href='javascript:1'>x</a>",
    "[x](https://a.example 'onclick=1')",
    "`<svg/onload=1>`",
    '```"onmouseover=1\nx\n```',
    "```html\n<script>1</script>\n```",
    "<iframe src=//evil.example>",
    "<style>@import '//evil.example'</style>",
    "<meta http-equiv=refresh content=0>",
    "| a |\n|---|\n| <img src=x> |",
    "&lt;script&gt;",
    "\0<script>",
]
ALLOWED = re.compile(
    r"</?(?:p|h[1-6]|strong|em|s|code|pre|blockquote|ul|ol|li|table|thead|tbody|tr|th|td|hr|br|a|span)\b[^<>]*>"
)


def tags_beyond(written: str) -> list[str]:
    return [tag for tag in re.findall(r"<[^>]*>", written) if not ALLOWED.fullmatch(tag)]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_left(text):
    """No foreign tag, no handler, no address but http, https and mail."""
    written = to_html(text)

    assert [] == tags_beyond(written)
    assert [] == [tag for tag in re.findall(r"<[^>]*>", written) if re.search(r"\bon\w+=|style=|src=", tag)]
    assert all(
        href.startswith(("https://", "http://", "mailto:")) for href in re.findall(r'href="([^"]*)"', written)
    )


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab<>[]()!`*_#|-:\"'&;/\\ \n=\0\ud800é", max_size=80))
def test_whatever_is_written_stays_within_the_list(text):
    """Never a crash, never another tag."""
    assert [] == tags_beyond(to_html(text.encode("utf-8", "replace").decode()))


def test_citations_are_linked_in_text_alone():
    """Where there is one of that number, and not in code."""
    written = to_html("A [1] and [2] and `[1]`.", frozenset({1}))

    assert (
        '<p>A <a class="citation" href="#citation-1" data-n="1">1</a> and [2] and <code>[1]</code>.</p>'
        == (written.strip())
    )


def test_code_is_marked_by_kind():
    """On the server, with classes alone."""
    written = to_html("```python\ndef f(): return 1  # one\n```")

    assert '<span class="hl-kw">def</span>' in written
    assert '<span class="hl-com"># one</span>' in written


@pytest.mark.parametrize("step", [1, 3, 17])
def test_what_grows_is_what_is_whole(step):
    """Block by block, whatever the pieces are."""
    whole = (
        "# Title\n\nSome **bold**\ntext.\n\n- a\n- b\n\n  more\n\n```py\nx = 1\n\ny = 2\n```\n\n"
        "> quote\n\n|a|b|\n|-|-|\n|1|2|\n\nEnd"
    )
    growing = Growing()
    for end in range(step, len(whole) + step, step):
        growing.update(whole[:end])

    assert to_html(whole).split() == "".join(growing.blocks).split()
