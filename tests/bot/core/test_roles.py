"""Own roles include what they say, and nothing that cannot be."""

from __future__ import annotations

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.core.roles import Roles


def test_a_role_includes_what_the_included_ones_do() -> None:
    """However many steps away."""
    roles = Roles({"releaser": ("operator",), "night": ("releaser", "editor")})

    assert {"night", "releaser", "viewer", "operator", "editor"} == roles.of("night")
    assert ("night", "night", None) == (
        roles.higher("night", "releaser"),
        roles.higher("editor", "night"),
        roles.higher("releaser", "editor"),
    )
    assert frozenset() == roles.of("nobody-knows")


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"a": ("b",), "b": ("a",)}, "includes itself"),
        ({"a": ("a",)}, "includes itself"),
        ({"a": ("opertor",)}, "is no role"),
        ({"owner": ("viewer",)}, "one of our roles"),
        ({"none": ("viewer",)}, "one of our roles"),
        ({"a": ("none",)}, "one of our roles"),
    ],
)
def test_a_role_that_cannot_be_is_refused(own: dict[str, tuple[str, ...]], message: str) -> None:
    """A circle, a name that nobody has, a name of ours."""
    with pytest.raises(SetupError, match=message):
        Roles(own)
