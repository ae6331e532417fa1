"""Prove what a provider's words become."""

from __future__ import annotations

import pytest

from quarterdeck.core.errors import Rejected, Unavailable
from quarterdeck.models.dialects import errors

NOW_S = 1_795_000_000.0  # 2026-11-18T11:06:40Z


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 18 Nov 2026 11:07:40 GMT"}, 60.0),
        ({"retry-after": "Wed, 18 Nov 2020 11:07:40 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e300"}, errors.LONGEST_PAUSE_S),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], expected_s: float | None) -> None:
    """RFC 9110 allows seconds and dates; OpenAI adds milliseconds; proxies write anything."""
    assert expected_s == errors.retry_after_s(headers, now_s=NOW_S)


def test_words_of_a_provider_are_one_short_printable_line() -> None:
    """They end up in a chat and in a log."""
    words = errors.brief("line\r\n\x1b[31mred " + "x" * 1000)

    assert "line \\u001b[31mred " in words
    assert len(words) <= errors.DETAIL_LIMIT + 1


def test_a_redirect_is_refused() -> None:
    """It is neither the vendor's fault nor worth another try."""
    assert Rejected is type(errors.from_body("V", "", status=302))


def test_an_error_object_without_any_name_is_the_vendors_failure() -> None:
    """Nothing is known but that it failed."""
    assert Unavailable is type(errors.from_body("V", {"error": {}}))
    assert Unavailable is type(errors.from_body("V", None))
