"""Say who may read a document, in one spelling, so that equal audiences are equal texts.

`public`, or one or several of `role:NAME`, `group:NAME`, `person:ID` and `conversation:ID`, sorted and joined by
commas: whoever is in any of them may read. Nothing here knows who that is.
"""

from __future__ import annotations

from collections.abc import Iterable

from quarterdeck.core.errors import UsageError

PUBLIC = "public"
KINDS = ("conversation", "group", "person", "role")
LONGEST = 2000
HINT = "write public, or role:NAME, group:NAME, person:ID, conversation:ID, joined by commas"


def parse_audience(text: str) -> str:
    """Return the one spelling of an audience that somebody wrote; empty is `public`.

    Raises:
        UsageError: it names nobody.
    """
    if len(text) > LONGEST:
        raise UsageError(f"an audience has at most {LONGEST} characters", hint="make a group of the people")
    given = [part.strip() for part in text.split(",") if part.strip()] or [PUBLIC]
    if PUBLIC in given:
        if len(set(given)) > 1:
            raise UsageError("public is everybody already", hint="write public alone, or leave it out")
        return PUBLIC
    for part in given:
        kind, _, name = part.partition(":")
        if kind not in KINDS or not name.strip() or not part.isprintable():
            raise UsageError(f"{part!r} is no audience", hint=HINT)
    return ",".join(sorted({f"{kind}:{name.strip()}" for kind, _, name in (p.partition(":") for p in given)}))


def members_of(audience: str) -> list[tuple[str, str]]:
    """Return kind and name of each part of a parsed audience; none for `public`."""
    if audience == PUBLIC:
        return []
    return [(kind, name) for kind, _, name in (part.partition(":") for part in audience.split(","))]


def together(audiences: Iterable[str]) -> str:
    """Return who may read any of these; `public` where one is."""
    found = set(audiences)
    return PUBLIC if PUBLIC in found or not found else parse_audience(",".join(found))
