"""A secret that was read never leaves, however it is spelled."""

from __future__ import annotations

import base64
import json
import random
import re
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.runtime.observability.redaction import MASK, Redactor
from quarterdeck.testing.canaries import Canaries, spellings

CANARIES = Canaries(60)

SCENARIOS = {
    "plain": lambda value: f"token={value} rejected",
    "alone": lambda value: value,
    "twice": lambda value: f"{value}{value}",
    "url path": lambda value: f"GET https://api.example.com/bot{quote(value, safe='')}/getMe",
    "url query": lambda value: "https://api.example.com/?" + urlencode({"api_key": value}),
    "url path, slashes kept": lambda value: f"https://api.example.com/{quote(value)}",
    "small hex digits": lambda value: re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
    "form": lambda value: f"key={quote_plus(value)}",
    "json": lambda value: json.dumps({"error": {"detail": f"bad key {value}"}}),
    "json as is": lambda value: json.dumps({"key": value}, ensure_ascii=False),
    "exception": lambda value: repr(ValueError(value)),
    "repr": lambda value: f"headers={{'Authorization': {value!r}}}",
    "bearer": lambda value: f"Authorization: Bearer {value}\r\n",
    "basic": lambda value: "Basic " + base64.b64encode(f"user:{value}".encode()).decode(),
    "basic, longer name": lambda value: "Basic " + base64.b64encode(f"user1:{value}".encode()).decode(),
    "basic, other name": lambda value: "Basic " + base64.b64encode(f"user12:{value}".encode()).decode(),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 inside": lambda value: base64.b64encode(f'{{"k": "{value}", "v": 1}}'.encode()).decode(),
    "base64 for urls": lambda value: base64.urlsafe_b64encode(f"{value}.".encode()).decode(),
    "in noise": lambda value: "x" * 5_000 + value + "y" * 5_000,
}


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """Know all canaries."""
    redactor = Redactor()
    for value in CANARIES.values:
        redactor.add(value)
    return redactor


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_sixty_canaries_are_masked_in_every_scenario(scenario: str, redactor: Redactor) -> None:
    """1,200 texts that really occur: error messages, URLs, headers, bodies."""
    texts = [SCENARIOS[scenario](value) for value in CANARIES.values]

    assert [] == [hit for text in texts for hit in CANARIES.hits(redactor.clean(text))]
    assert [] != [hit for text in texts for hit in CANARIES.hits(text)]


@pytest.mark.parametrize("number", range(60))
def test_every_spelling_of_a_canary_is_masked(number: int, redactor: Redactor) -> None:
    """The search of the tests and the mask are written apart, and agree."""
    found = [spelling for name, spelling in spellings(CANARIES.values[number]) if "base64" not in name]
    text = b" ".join(found).decode()

    assert [] == CANARIES.hits(redactor.clean(text))


def test_the_rest_of_the_text_stays() -> None:
    """Operators still have to understand the line."""
    redactor = Redactor()
    redactor.add("hunter-secret")

    assert f"login of anna with {MASK} failed" == redactor.clean("login of anna with hunter-secret failed")
    assert "nothing to hide" == redactor.clean("nothing to hide")


def test_overlapping_secrets_are_masked_together() -> None:
    """Masking the first must not leave the tail of the second."""
    redactor = Redactor()
    for value in ("abcdefgh", "efghijkl", "ghijklmnop"):
        redactor.add(value)

    assert f"<{MASK}>" == redactor.clean("<abcdefghijklmnop>")


def test_the_longest_of_nested_secrets_is_masked() -> None:
    """One key may begin like another."""
    redactor = Redactor()
    for value in ("prefix-key", "prefix-key-and-more", "prefix-k"):
        redactor.add(value)

    assert f"{MASK}." == redactor.clean("prefix-key-and-more.")


@pytest.mark.parametrize("value", ["", " ", "abc", "12345", "  ab  "])
def test_a_short_value_is_not_masked_but_warned_about(value: str, caplog: pytest.LogCaptureFixture) -> None:
    """Masking `1` would make every log unreadable; the warning does not repeat it."""
    redactor = Redactor()

    assert not redactor.add(value)
    assert "12345 abc" == redactor.clean("12345 abc")
    assert "too short" in caplog.text
    assert "12345" not in caplog.text


def test_lines_of_a_key_file_are_masked_one_by_one() -> None:
    """A traceback may show one line of a private key."""
    key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n-----END PRIVATE KEY-----\n"
    redactor = Redactor()
    redactor.add(key)

    assert f"line 2: {MASK}" == redactor.clean("line 2: MIGHAgEAMBMGByqGSM49AgEGCCqGSM49")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("???>>>~~~secret", base64.urlsafe_b64encode(b"???>>>~~~secret").decode()),
        ("a b/c secret", quote("a b/c secret", safe="")),
        ("a b/c secret", quote_plus("a b/c secret")),
        ("a b/c secret", quote("a b/c secret")),
    ],
)
def test_alphabets_that_differ_in_two_characters_are_told_apart(value: str, written: str) -> None:
    """Most values are spelled alike in all of them, and hide a form that is missing."""
    redactor = Redactor()
    redactor.add(value)

    assert redactor.clean(written).startswith(MASK)


def test_every_text_in_json_is_cleaned() -> None:
    """Keys can hold secrets too; numbers and null stay what they are."""
    redactor = Redactor()
    redactor.add("hunter-secret")

    assert {MASK: [f"a {MASK}", 1, None, True, {"k": 1.5}]} == redactor.clean_json(
        {"hunter-secret": ["a hunter-secret", 1, None, True, {"k": 1.5}]}
    )


@pytest.mark.parametrize(
    "needle", ["a" * 64, "ab" * 32, "a" * 63 + "b"], ids=["same", "alternating", "different at the end"]
)
def test_repetitive_text_is_cleaned(needle: str) -> None:
    """The worst text for a matcher that backtracks: 200,000 characters that almost match everywhere."""
    redactor = Redactor()
    redactor.add(needle)
    text = "a" * 100_000 + "ab" * 50_000

    assert needle not in redactor.clean(text)


def test_hundreds_of_secrets_that_begin_alike_are_masked() -> None:
    """Keys of one vendor share a prefix; the expression must not grow deep with them."""
    chance = random.Random(7)
    values = [f"sk-proj-{chance.getrandbits(96):024x}" for _ in range(500)]
    values += ["a" * length for length in range(6, 300)]
    redactor = Redactor()
    for value in values[:20] + values[-20:]:
        redactor.add(value)
    text = " ".join(values[:20])

    assert " ".join([MASK] * 20) == redactor.clean(text)


@given(st.text(min_size=6, max_size=60), st.text(max_size=30), st.text(max_size=30))
def test_any_value_is_masked_anywhere(value: str, before: str, after: str) -> None:
    """Whatever characters a secret has."""
    redactor = Redactor()
    is_masked = redactor.add(value)

    assert not is_masked or value.strip() not in redactor.clean(f"{before}{value}{after}").replace(MASK, "\0")
