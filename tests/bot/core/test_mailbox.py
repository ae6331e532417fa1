# ruff: noqa: RUF001
"""Prove that two mail addresses are the same only when they are: nothing that looks alike passes (T14)."""

import unicodedata
from collections.abc import Iterator

import pytest

from quarterdeck.core.mailbox import domain_of, mailbox, within

ANNA = "anna.lee@example.com"
HOMOGLYPHS = {
    "a": "аɑαａ𝐚",
    "n": "ոпｎ𝗻",
    "e": "еėｅℯ",
    "l": "ІⅼӏＬ",
    "m": "ⅿｍ",
    "o": "оοօｏ",
    "p": "рρｐ",
    "c": "сϲｃ",
    "x": "хⅹｘ",
}
UNSEEN = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u202d\u2066\u2069\u200e\u200f\u180e\u034f"
    "\u0000\u0009\u000a\u000d\u0020\u00a0\u3000"
)


def look_alikes() -> Iterator[str]:
    """Yield what is not anna's address and may be taken for it."""
    for at, letter in enumerate(ANNA):
        for other in HOMOGLYPHS.get(letter, ""):
            yield ANNA[:at] + other + ANNA[at + 1 :]
        yield ANNA[:at] + letter + "\u0301" + ANNA[at + 1 :]
        for sign in UNSEEN[at % 2 :: 2]:
            yield ANNA[:at] + sign + ANNA[at:]
    for sign in UNSEEN:
        yield ANNA + sign
        yield sign + ANNA
    yield from ("anna.lee+x@example.com", "anna.lee+@example.com", "anna.lee+example.com@example.com")
    yield from (
        "annalee@example.com",
        "anna..lee@example.com",
        ".anna.lee@example.com",
        "anna.lee.@example.com",
    )
    yield from (
        "anna_lee@example.com",
        "anna-lee@example.com",
        "anna.lee1@example.com",
        "anna.lee@@example.com",
    )
    yield from ("anna.lee@mail.example.com", "anna.lee@example.com.evil.test", "anna.lee@evil-example.com")
    yield from (
        "anna.lee@example.com.",
        "anna.lee@.example.com",
        "anna.lee@example..com",
        "anna.lee@example.co",
    )
    yield from (
        "anna.lee@xn--exmple-cua.com",
        "anna.lee@exаmple.com",
        "anna.lee@example。com",
        "anna.lee@[127.0.0.1]",
    )
    yield from (
        '"anna.lee"@example.com',
        "anna.lee(x)@example.com",
        "<anna.lee@example.com>",
        "Anna <anna.lee@example.com>",
    )
    yield from (
        "anna.lee@example.com,bob@example.com",
        "anna.lee@example.com;",
        "mailto:anna.lee@example.com",
    )
    yield from (
        "anna.lee%evil.test@example.com",
        "evil.test!anna.lee@example.com",
        "anna.lee@evil.test@example.com",
    )
    yield from ("anna.lee@example", "anna.lee@", "@example.com", "", "anna.lee", f"{'a' * 65}@example.com")
    yield from ("anna.lee@EXAMPLE.COM\u212a", "anna.\u212aee@example.com", "anna.lee@example.c\u03bfm")


def test_three_hundred_look_alikes_are_nobodys_address() -> None:
    """What is refused is compared with nothing; what is another address stays one."""
    tried = sorted(set(look_alikes()))

    assert len(tried) >= 300
    assert [] == [one for one in tried if mailbox(one) == ANNA and within(mailbox(one), ["example.com"])]


def test_the_guard_is_what_holds_them_off() -> None:
    """Comparing as kind programs do (compatibility forms, no blanks, no sub-addresses) lets many through."""

    def kind(text: str) -> str:
        local, _, domain = unicodedata.normalize("NFKC", text).strip().casefold().partition("@")
        return f"{local.partition('+')[0]}@{domain}"

    assert len([one for one in set(look_alikes()) if kind(one) == ANNA]) > 10


@pytest.mark.parametrize("text", ["mi\u212ae@example.com", "mike@example.\u212aom", "m\u0130ke@example.com"])
def test_signs_that_become_ascii_in_small_letters_are_refused_before(text: str) -> None:
    """The Kelvin sign is a `k` once it is folded; whoever folds first lets it in."""
    assert "" == mailbox(text)


@pytest.mark.parametrize("text", [ANNA, "Anna.Lee@Example.COM", "ANNA.LEE@EXAMPLE.COM"])
def test_letters_of_ascii_count_alike(text: str) -> None:
    """Mail providers have it so, and people write their names with capitals."""
    assert ANNA == mailbox(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Example.COM", "example.com"),
        ("mail.example.com", "mail.example.com"),
        ("example", ""),
        ("*.example.com", ""),
        ("@example.com", ""),
        ("example.com.", ""),
        ("xn--80ak6aa92e.com", ""),
        ("127.0.0.1", ""),
        ("exämple.com", ""),
    ],
)
def test_a_domain_is_written_plainly(text: str, expected: str) -> None:
    """The owner's list has no patterns."""
    assert expected == domain_of(text)


def test_a_sub_domain_is_another_domain() -> None:
    """Whoever may make mail addresses below it may be somebody else."""
    assert (True, False, False) == (
        within("a@example.com", ["example.com"]),
        within("a@mail.example.com", ["example.com"]),
        within("", ["example.com"]),
    )
