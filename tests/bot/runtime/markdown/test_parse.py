"""Prove what is structure, and what stays text."""

import pytest

from quarterdeck.core.reply import Reply
from quarterdeck.runtime.markdown import (
    Break,
    Bullets,
    Code,
    CodeBlock,
    Emphasis,
    Heading,
    Link,
    Numbered,
    Paragraph,
    Quote,
    Rule,
    Strike,
    Strong,
    Table,
    Text,
    blocks_of,
    parse,
    plain,
)


def test_every_block() -> None:
    """What models and people write is known by its structure."""
    text = "## Head\n\nfirst\nsecond\n\n```sh run\nls\n```\n\n> q\n\n- a\n- b\n\n4. d\n\n| h |\n|---|\n| c |\n\n---\n"
    assert (
        Heading(2, (Text("Head"),)),
        Paragraph((Text("first"), Break(), Text("second"))),
        CodeBlock("sh", "run\nls"),
        Quote((Paragraph((Text("q"),)),)),
        Bullets(((Paragraph((Text("a"),)),), (Paragraph((Text("b"),)),))),
        Numbered(4, ((Paragraph((Text("d"),)),),)),
        Table(((Text("h"),),), (((Text("c"),),),)),
        Rule(),
    ) == parse(text)


def test_every_span() -> None:
    """Styles nest."""
    spans = (
        Strong((Text("b"), Emphasis((Text("i"),)))),
        Text(" "),
        Strike((Text("s"),)),
        Text(" "),
        Code("c*d"),
        Text(" "),
        Link("https://a.test/", (Text("t"),)),
    )
    assert (Paragraph(spans),) == parse("**b*i*** ~~s~~ `c*d` [t](https://a.test/)")


@pytest.mark.parametrize(
    "text",
    [
        "<b>bold</b>",
        "<script>alert(1)</script>",
        "&lt;",
        "![pixel](https://evil.test/p.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,hi)",
        "[x](file:///etc/passwd)",
    ],
)
def test_nothing_foreign_comes_alive(text: str) -> None:
    """HTML, images and odd links stay words (T18)."""

    def links(blocks: object) -> list[str]:
        return [one.url for one in _walk(blocks) if isinstance(one, Link)]

    assert all(url.startswith("https://evil.test/p.png") for url in links(parse(text)))
    assert plain(parse(text)).strip()


def _walk(value: object) -> list[object]:
    found = [value]
    if isinstance(value, tuple):
        for one in value:
            found += _walk(one)
    for name in ("spans", "blocks", "items", "header", "rows"):
        if hasattr(value, name):
            found += _walk(getattr(value, name))
    return found


def test_plain_text_is_not_parsed() -> None:
    """Most answers have no markup; they cost nothing."""
    assert (Paragraph((Text("helloq17 is here: ok, 3 x"),)),) == parse("helloq17 is here: ok, 3 x")


def test_a_literal_reply_is_shown_character_for_character() -> None:
    """`/echo *x*` gives back its stars."""
    assert (Paragraph((Text("*x*\n  # y"),)),) == blocks_of(Reply(text="*x*\n  # y", is_literal=True))


def test_no_text_is_no_block() -> None:
    """An answer may be a file alone."""
    assert ((), ()) == (parse(" \n"), blocks_of(Reply()))
