"""Who may read is written one way, and understood in that way only."""

import pytest

from quarterdeck.core.audience import conversations_of, may_read, members_of, spelled
from quarterdeck.core.errors import UsageError
from quarterdeck.core.person import Person

ADA = Person(
    id="p1", name="Ada", role="operator", groups=frozenset({"leads"}), identities=frozenset({"slack:T1:U1"})
)


@pytest.mark.parametrize(
    ("members", "written"),
    [
        ([], "public"),
        (["public"], "public"),
        (["role:operator", "group:leads"], "group:leads, role:operator"),
        (["group:leads, role:operator", "group:leads"], "group:leads, role:operator"),
        (["slack:T1:U1"], "slack:T1:U1"),
    ],
)
def test_an_audience_has_one_spelling(members: list[str], written: str) -> None:
    """Two spellings would be two vector collections."""
    assert written == spelled(members)
    assert written == spelled(members_of(written))


@pytest.mark.parametrize(
    "member", ["everybody", "public, role:admin", "@ada", "role:", "slack:T1:@ada", "a b:c"]
)
def test_what_names_nobody_is_refused(member: str) -> None:
    """A misspelt audience must not become an open one."""
    with pytest.raises(UsageError):
        spelled([member])


@pytest.mark.parametrize(
    ("audience", "reads"),
    [
        ("public", True),
        ("role:viewer", True),
        ("role:admin", False),
        ("group:leads", True),
        ("group:hr", False),
        ("person:p1", True),
        ("person:p2", False),
        ("slack:T1:U1", True),
        ("slack:T2:U1", False),
        ("conversation:slack:T1:C1", True),
        ("conversation:slack:T1:C2", False),
        ("group:hr, slack:T1:U1", True),
    ],
)
def test_a_person_reads_what_one_of_its_members_covers(audience: str, reads: bool) -> None:
    """Roles, groups, accounts and conversations are names for people."""
    assert reads == may_read(audience, ADA, conversations={"slack:T1:C1"})


def test_conversations_are_found_in_an_audience() -> None:
    """Their readers must be asked for."""
    assert frozenset({"slack:T1:C1"}) == conversations_of("conversation:slack:T1:C1, role:admin")
