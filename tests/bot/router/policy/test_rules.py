"""Each key of a rule guards something: with it the request fits or not, without it the rule would decide otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.access import AccessRequest, ApprovalRule, may
from quarterdeck.core.command import Command
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.router.policy import STRANGER, Authority
from quarterdeck.router.policy.policy import MOST_ACTIONS, Policy
from quarterdeck.router.policy.reading import read_policy

ANNA = Identity.parse("slack:T1:U1")
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

Read = Callable[..., Policy]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return the function that reads rules, ours left out."""

    def read_rules(rules: str, *, groups: str = "", defaults: bool = False, now: datetime = MONDAY) -> Policy:
        file = tmp_path / "policy.yaml"
        file.write_text(f"defaults: {str(defaults).lower()}\n{groups}\nrules:\n{rules}", "utf-8")
        return read_policy(file, now=lambda: now)

    return read_rules


def asks(**changes: Any) -> AccessRequest:
    """Return a viewer's wish to deploy to production in a group of Slack."""
    values: dict[str, Any] = {
        "person": Person(id="a" * 32, name="Anna", role="viewer", identities=frozenset({str(ANNA)})),
        "identity": ANNA,
        "action": "command:deploy",
        "way": "message",
        "conversation": Conversation(id="slack:T1:C1", platform="slack", kind="group"),
        "least_role": "owner",
        "effect": "write",
        "arguments": {"env": "prod", "replicas": 3, "force": False, "tags": ["a", "b"]},
    }
    return AccessRequest(**(values | changes))


CONDITIONS = [  # (key and value that fits, one that does not)
    ("role: viewer", "role: operator"),
    ("role: [operator, viewer]", "role: [operator, admin]"),
    ("role: none", "role: owner"),
    ("as_declared: false", "as_declared: true"),
    ("person: slack:T1:U1", "person: slack:T1:U2"),
    (f"person: {'a' * 32}", f"person: {'b' * 32}"),
    ("platform: slack", "platform: telegram"),
    ("conversation: slack:T1:C1", "conversation: slack:T1:C2"),
    ('conversation: "slack:T1:*"', 'conversation: "slack:T2:*"'),
    ("kind: group", "kind: [direct, thread]"),
    ("way: message", "way: [tool, mcp]"),
    ("effect: [write, destructive]", "effect: read"),
    ("arguments: {env: prod}", "arguments: {env: staging}"),
    ("arguments: {env: [staging, prod]}", "arguments: {env: [staging, test]}"),
    ("arguments: {env: {prefix: pr}}", "arguments: {env: {prefix: st}}"),
    ("arguments: {replicas: 3}", 'arguments: {replicas: "3"}'),
    ("arguments: {replicas: {min: 3, max: 3}}", "arguments: {replicas: {min: 4}}"),
    ("arguments: {replicas: {max: 3}}", "arguments: {replicas: {max: 2.5}}"),
    ("arguments: {force: false}", "arguments: {force: true}"),
    ("arguments: {force: false}", "arguments: {force: 0}"),
    ("arguments: {env: {given: true}}", "arguments: {env: {given: false}}"),
    ("arguments: {other: {given: false}}", "arguments: {other: {given: true}}"),
    ("arguments: {tags: [a, b]}", "arguments: {tags: [a]}"),
    ("when: {days: mon-fri, hours: 09:00-17:00}", "when: {days: sat-sun}"),
    ("when: {hours: 10:00-10:01}", "when: {hours: 10:01-11:00}"),
    ("when: {hours: 22:00-10:01, days: sun}", "when: {hours: 22:00-10:01, days: mon}"),
    ("when: {hours: 11:00-12:00, zone: Europe/Berlin}", "when: {hours: 11:00-12:00}"),
    ("when: [{days: tue}, {days: mon}]", "when: [{days: tue}, {days: wed}]"),
]


@pytest.mark.parametrize(("fits", "misses"), CONDITIONS)
def test_a_condition_lets_in_what_it_says_and_nothing_else(read: Read, fits: str, misses: str) -> None:
    """Both sides, so that a condition that is not looked at fails."""
    allowed = [
        read(f"  - name: r\n    allow: /deploy\n    {one}\n").decide(asks()).allowed for one in (fits, misses)
    ]

    assert [True, False] == allowed


@pytest.mark.parametrize(
    ("action", "fits"),
    [
        ("/deploy", True),
        ("/DEPLOY", True),
        ("command:deploy", True),
        ("command:dep*", True),
        ("command:*oy", True),
        ("command:d*p*y", True),
        ("*", True),
        ("command:deplo", False),
        ("command:deploy?", False),
        ("command:*x*", False),
        ("operation:deploy", False),
        ("command:deploydeploy*", False),
    ],
)
def test_an_action_is_meant_by_its_name_or_a_pattern(read: Read, action: str, fits: bool) -> None:
    """A star is the only sign with a meaning."""
    policy = read(f'  - name: r\n    allow: "{action}"\n')

    assert fits == policy.decide(asks()).allowed


@pytest.mark.parametrize(
    ("where", "fits"), [("slack:T1:C1:17.1", True), ("slack:T1:C12", False), (None, False)]
)
def test_a_conversation_includes_its_threads(read: Read, where: str | None, fits: bool) -> None:
    """And not those whose ids merely begin alike, nor what has no conversation."""
    place = None if where is None else Conversation(id=where, platform="slack", kind="thread")
    policy = read("  - name: r\n    allow: /deploy\n    conversation: slack:T1:C1\n")

    assert fits == policy.decide(asks(conversation=place)).allowed


def test_the_first_rule_that_fits_decides(read: Read) -> None:
    """From the top; what comes after is not asked."""
    deny, allow = "  - {name: no, deny: /deploy, kind: group}\n", "  - {name: yes, allow: /deploy}\n"

    assert [False, True] == [read(rules).decide(asks()).allowed for rules in (deny + allow, allow + deny)]


def test_without_a_rule_that_fits_the_answer_is_no(read: Read) -> None:
    """Deny by default, for owners as well."""
    decision = read("  []").decide(asks(person=Person(id="o", name="", role="owner")))

    assert (False, "no rule allows /deploy") == (decision.allowed, decision.rule)


def test_our_rules_come_after_the_owners_unless_they_are_left_out(read: Read) -> None:
    """`defaults: false` closes everything that no rule opens."""
    ping = asks(action="command:ping", least_role="viewer", arguments={})
    rules = "  - {name: r, allow: /deploy}\n"

    assert [False, True] == [read(rules, defaults=one).decide(ping).allowed for one in (False, True)]


@pytest.mark.parametrize("written", ["PROD", " prod ", "\uff50\uff52\uff4f\uff44", "Prod"])
def test_what_is_denied_is_denied_however_it_is_written(read: Read, written: str) -> None:
    """And what is allowed is allowed only as it is written."""
    given = {"env": written}
    denying = read("  - {name: d, deny: /deploy, arguments: {env: prod}}\n  - {name: a, allow: /deploy}\n")
    allowing = read("  - {name: a, allow: /deploy, arguments: {env: prod}}\n")

    assert [False, False] == [one.decide(asks(arguments=given)).allowed for one in (denying, allowing)]


def test_of_a_list_all_must_be_allowed_and_one_denied_is_enough(read: Read) -> None:
    """Otherwise a forbidden value would slip in beside a permitted one."""
    given = {"tags": ["a", "evil"]}
    allowing = read("  - {name: a, allow: /deploy, arguments: {tags: [a]}}\n")
    denying = read("  - {name: d, deny: /deploy, arguments: {tags: evil}}\n  - {name: a, allow: /deploy}\n")

    assert [False, False] == [one.decide(asks(arguments=given)).allowed for one in (allowing, denying)]


def test_while_arguments_are_unknown_the_answer_is_whether_there_are_any(read: Read) -> None:
    """For help and menus: what could be allowed is offered, what is denied for some values is, too."""
    allowing = read("  - {name: a, allow: /deploy, arguments: {env: prod}}\n")
    denying = read("  - {name: d, deny: /deploy, arguments: {env: prod}}\n  - {name: a, allow: /deploy}\n")
    never = read("  - {name: d, deny: /deploy}\n")

    asked = [one.decide(asks(arguments=None)).allowed for one in (allowing, denying, never)]
    assert [True, True, False] == asked


def test_an_approval_is_a_refusal_to_who_knows_nothing_of_approvals(read: Read) -> None:
    """It fails shut; and it says who may agree."""
    rule = "  - {name: two, allow: /deploy, approval: {by: [role:admin, group:leads], quorum: 2, within_s: 60}}\n"
    decision = read(rule, groups="groups: {leads: [slack:T1:S1]}").decide(asks())

    assert not decision.allowed
    assert ApprovalRule(by=("role:admin", "group:leads"), quorum=2, within_s=60.0) == decision.needs_approval
    assert "2 of role:admin or group:leads" in decision.reason


async def test_what_may_be_asked_for_is_offered(read: Read) -> None:
    """A command that needs an approval is in the menu of who may ask for it."""

    async def run(call: object) -> None: ...

    authority = Authority(read("  - {name: two, allow: /deploy, approval: {by: role:admin}}\n"))
    commands = [Command(name=name, summary="x", handler=run) for name in ("deploy", "other")]  # type: ignore[arg-type]
    offered = [
        await may(authority, one, person=asks().person, identity=ANNA, conversation=None) for one in commands
    ]

    assert [True, False] == offered


def test_groups_open_rules(read: Read) -> None:
    """By what the person is in now."""
    policy = read("  - {name: g, allow: /deploy, group: oncall}\n", groups="groups: {oncall: [slack:T1:S1]}")
    people = [
        Person(id="x", name="", role="viewer", groups=one) for one in (frozenset({"oncall"}), frozenset())
    ]

    assert [True, False] == [policy.decide(asks(person=person)).allowed for person in people]


def test_a_refusal_says_what_the_rule_says(read: Read) -> None:
    """In the owner's words where there are some, and to strangers always the same."""
    policy = read('  - {name: freeze, deny: /deploy, say: "We are frozen until Monday."}\n')
    known, stranger = policy.decide(asks()), policy.decide(asks(person=Person(id="s", name="", role="none")))

    assert "We are frozen until Monday." == known.reason
    assert "freeze" in known.rule
    assert STRANGER == stranger.reason


def test_the_trace_names_every_rule_that_was_tried_and_why_it_did_not_fit(read: Read) -> None:
    """This is what `/why` shows, with the line of the file."""
    rules = (
        "  - {name: other, allow: /status}\n"
        "  - {name: night, allow: /deploy, when: {hours: 20:00-22:00}}\n"
        "  - {name: tools, allow: /deploy, way: tool}\n"
        "  - {name: stop, deny: /deploy}\n"
        "  - {name: later, allow: /deploy}\n"
    )
    trace = read(rules).decide(asks()).trace

    assert [("night", False), ("tools", False), ("stop", True)] == [(one.rule, one.fits) for one in trace]
    assert ["policy.yaml:5", "policy.yaml:6", "policy.yaml:7"] == [one.place for one in trace]
    assert "20:00-22:00" in trace[0].why
    assert "way tool" in trace[1].why


def test_names_that_people_make_up_do_not_fill_memory(read: Read) -> None:
    """Every unknown command is an action, too."""
    policy = read("  - {name: r, allow: /deploy}\n")
    for number in range(MOST_ACTIONS * 2):
        policy.decide(asks(action=f"command:x{number}"))

    assert len(policy._about) <= MOST_ACTIONS


def test_a_star_costs_no_more_than_the_text(read: Read) -> None:
    """No pattern takes long, whatever is matched against it."""
    policy = read(f'  - name: r\n    allow: "command:{"a*" * 100}b"\n')
    hostile: Mapping[str, object] = {"env": "a" * 65_536}

    assert not policy.decide(asks(action=f"command:{'a' * 65_536}", arguments=hostile)).allowed
