"""Plant secrets that are easy to recognise, and look for them in everything that leaves the process.

    canaries = Canaries(60)
    for value in canaries.values:
        redactor.add(value)
    …
    canaries.assert_absent({"stderr": stderr, "log": log_file.read_bytes(), "outbox": rows})

The search spells each value by its own code, so that it checks redaction and does not echo it.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

Sink = str | bytes | Path

_SHAPES: Final = (
    "xoxb-{}-{}",
    "sk-{}{}",
    "{}:AA{}",
    "ghp_{}{}",
    "{}/+{}==",
    "pass word {}&{}",
    "quo\"te\\{}'{}",
    "zeile\n{}{}",
    "schlüssel-{}-ß{}",
    "{}%20{}<>",
)


class Canaries:
    """Hold secret values of many shapes; the same `seed` gives the same values."""

    def __init__(self, count: int, *, seed: int = 1) -> None:
        chance = random.Random(seed)  # noqa: S311  # to recognise, not to protect
        self.values: tuple[str, ...] = tuple(
            _SHAPES[number % len(_SHAPES)].format(_word(chance), _word(chance)) for number in range(count)
        )

    def hits(self, text: str | bytes) -> list[str]:
        """Name each canary and spelling found in `text`, as `number:spelling`; the value is not repeated."""
        content = text.encode(errors="surrogatepass") if isinstance(text, str) else text
        return [
            f"{number}:{name}"
            for number, value in enumerate(self.values)
            for name, spelling in spellings(value)
            if spelling in content
        ]

    def assert_absent(self, sinks: Mapping[str, Sink]) -> None:
        """Fail with the names of the sinks that leak; a path stands for a file, or for a folder's files.

        Raises:
            AssertionError: a canary was found.
        """
        leaks = {name: found for name, sink in sinks.items() if (found := self._hits_in(sink))}
        assert not leaks, f"secrets leaked: {leaks}"

    def _hits_in(self, sink: Sink) -> list[str]:
        if not isinstance(sink, Path):
            return self.hits(sink)
        files = sorted(sink.rglob("*")) if sink.is_dir() else [sink]
        return [hit for file in files if file.is_file() for hit in self.hits(file.read_bytes())]


def spellings(value: str) -> Iterator[tuple[str, bytes]]:
    """Yield the spellings in which `value` could stand somewhere, each by its name."""
    raw = value.encode()
    yield "raw", raw
    yield "stripped", value.strip().encode()
    yield "repr", repr(value)[1:-1].encode()
    yield "json", json.dumps(value)[1:-1].encode()
    yield "json-utf8", json.dumps(value, ensure_ascii=False)[1:-1].encode()
    for name, encoded in (
        ("url", quote(value, safe="")),
        ("path", quote(value)),
        ("form", quote_plus(value)),
    ):
        yield name, encoded.encode()
        yield f"{name}-lower", re.sub("%..", lambda match: match[0].lower(), encoded).encode()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        certain = encoded[4 if before else 0 : -4]  # whole groups that neighbours cannot change
        yield f"base64+{before}", certain.encode()
        yield f"base64url+{before}", certain.replace("+", "-").replace("/", "_").encode()


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_letters + string.digits, k=16))
