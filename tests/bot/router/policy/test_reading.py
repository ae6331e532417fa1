"""A policy file that is wrong is refused with its place and its fix; no file at all can break the reader."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.core.access import AccessRequest, Decision
from quarterdeck.core.errors import SetupError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.router.policy.directory import read_directory
from quarterdeck.router.policy.reading import read_policy
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.paths import config_dir

WRONG = [  # (file, line, column, what the message says, what the fix says)
    ("rules:\n  - name: x\n", 2, 5, "either allow or deny", "one of the two"),
    ("rules:\n  - {name: x, allow: /a, deny: /b}\n", 2, 5, "either allow or deny", "one of the two"),
    ("rules:\n  - allow: /a\n", 2, 5, "rules.0.name: is missing", "add it"),
    ("rules:\n  - name: x\n    alow: /a\n", 3, 5, "not a known key", "allow"),
    ("rules:\n  - name: x\n    allow: deploy\n", 3, 12, "'deploy' is no action", "/deploy"),
    ("rules:\n  - name: x\n    allow: comand:x\n", 3, 12, "is no action", "command"),
    ("rules:\n  - name: x\n    allow: []\n", 3, 12, "must not be empty", "leave the key out"),
    ("rules:\n  - name: x\n    allow: /a\n    role: opertor\n", 4, 11, "no role 'opertor'", "operator"),
    ("rules:\n  - name: x\n    allow: /a\n    group: leeds\n", 4, 12, "no group 'leeds'", "groups"),
    ("rules:\n  - name: x\n    allow: /a\n    person: '@anna'\n", 4, 13, "is not an identity", "slack:T1:U1"),
    (
        "rules:\n  - name: x\n    allow: /a\n    person: slack:T1:@anna\n",
        4,
        13,
        "is not an identity",
        "slack:T1:U1",
    ),
    (
        'rules:\n  - name: x\n    allow: /a\n    person: "sl\\u0430ck:T1:U1"\n',
        4,
        13,
        "is not an identity",
        "ids",
    ),
    ("rules:\n  - name: x\n    allow: /a\n    way: massage\n", 4, 10, "message", ""),
    ("rules:\n  - name: x\n    allow: /a\n    effect: bad\n", 4, 13, "destructive", ""),
    ("rules:\n  - name: x\n    allow: /a\n    kind: room\n", 4, 11, "thread", ""),
    ("rules:\n  - name: x\n    allow: /a\n    arguments: {env: {mn: 3}}\n", 4, 23, "not a known key", "min"),
    ("rules:\n  - name: x\n    allow: /a\n    arguments: {env: {}}\n", 4, 22, "says nothing", "prefix"),
    ("rules:\n  - name: x\n    allow: /a\n    arguments: {env: []}\n", 4, 22, "says nothing", "list"),
    (
        "rules:\n  - name: x\n    allow: /a\n    when: {days: moonday}\n",
        4,
        11,
        "not days of the week",
        "mon-fri",
    ),
    ("rules:\n  - name: x\n    allow: /a\n    when: {hours: 9-17}\n", 4, 19, "pattern", ""),
    ("rules:\n  - name: x\n    allow: /a\n    when: {hours: 09:00-24:30}\n", 4, 19, "pattern", ""),
    (
        "rules:\n  - name: x\n    allow: /a\n    when: {zone: Mars/Base}\n",
        4,
        18,
        "time zone",
        "Europe/Berlin",
    ),
    (
        "rules:\n  - name: x\n    deny: /a\n    approval: {by: role:admin}\n",
        2,
        5,
        "nobody can approve",
        "allow",
    ),
    (
        "rules:\n  - name: x\n    allow: /a\n    approval: {by: admin}\n",
        4,
        20,
        "neither role nor group",
        "role:admin",
    ),
    ("rules:\n  - name: x\n    allow: /a\n    approval: {by: role:boss}\n", 4, 20, "no role 'boss'", "known"),
    ("rules:\n  - name: x\n    allow: /a\n    approval: {by: role:admin, quorum: 0}\n", 4, 40, "quorum", ""),
    (
        "rules:\n  - {name: x, allow: /a}\n  - {name: x, deny: /a}\n",
        3,
        12,
        "two rules are called 'x'",
        "own name",
    ),
    ("groups: {oncall: [oncall]}\n", 1, 18, "no group of a platform", "slack:T1:S1"),
    ("groups: {oncall: {platforms: slack::S1}}\n", 1, 18, "no group of a platform", "slack:T1:S1"),
    ("groups: {oncall: {people: anna}}\n", 1, 27, "is not an identity", "slack:T1:U1"),
    ("groups: {oncall: {role: boss}}\n", 1, 25, "no role 'boss'", "known"),
    ("groups: {On-Call: [slack:T1:S1]}\n", 1, 10, "pattern", ""),
    ("guards: []\n", 1, 1, "guards is not a known key", "rules"),
    ("rules: {}\n", 1, 8, "must be a list", "write a list"),
    ("- a\n", 1, 1, "", ""),
    ("rules:\n  - &a {name: x, allow: /a}\n", 2, 5, "anchor", "write the value out"),
    ("rules: [\n", 2, 1, "not YAML", ""),
]


@pytest.mark.parametrize(("text", "line", "column", "message", "hint"), WRONG)
def test_what_is_wrong_is_named_with_its_place_and_fix(
    tmp_path: Path, text: str, line: int, column: int, message: str, hint: str
) -> None:
    """Nobody has to read our code to mend their file."""
    file = tmp_path / "policy.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(SetupError) as refusal:
        read_policy(file)

    error = refusal.value
    assert (str(file), line) == (error.file, error.line)
    assert column == error.column
    assert (message in error.message, hint in error.hint) == (True, True), (error.message, error.hint)


def test_no_rule_of_the_owner_comes_before_the_guards(tmp_path: Path) -> None:
    """What must never be allowed is not theirs to allow."""
    file = tmp_path / "policy.yaml"
    file.write_text('rules: [{name: all, allow: "*", role: none}]', "utf-8")
    asked = AccessRequest(
        person=Person(id="o", name="", role="owner"),
        identity=Identity(platform="console", user_id="0"),
        action="operation:person.grant",
        way="tool",
        effect="write",
    )

    assert not read_policy(file).decide(asked).allowed


def test_an_empty_file_is_no_rule_of_ones_own(tmp_path: Path) -> None:
    """A file whose lines are all commented out is not a mistake."""
    file = tmp_path / "policy.yaml"
    file.write_text("# later\n", "utf-8")

    assert len(read_policy().rules) == len(read_policy(file).rules)


def test_the_shipped_file_and_the_documented_forms_fit_the_published_schema() -> None:
    """Editors complete and check by it."""
    schema = json.loads((config_dir() / "schema" / "policy.json").read_text("utf-8"))
    jsonschema.validate(yaml.load(config_dir() / "policy.yaml").data, schema)
    jsonschema.validate(
        yaml.load(
            "groups: {a: slack:T1:S1, b: [discord:G:R], c: {people: slack:T1:U1, role: viewer}}\n"
            "rules:\n"
            "  - {name: x, allow: [/a], role: none, arguments: {env: prod, n: {min: 1}, t: [a, 1, true]}}\n"
            "  - {name: y, deny: '*', way: tool, when: {days: [mon]}}\n"
        ).data,
        schema,
    )


TEXTS = st.sampled_from(
    [
        "deploy",
        "/deploy",
        "command:*",
        "*",
        "slack:T1:U1",
        "role:admin",
        "oncall",
        "viewer",
        "",
        "a*b*c",
        "\u0430",
        "9:00",
    ]
)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), TEXTS)
KEYS = st.sampled_from(
    ["name", "allow", "deny", "role", "group", "person", "platform", "conversation", "way", "arguments", "when",
     "approval", "say", "min", "max", "prefix", "given", "by", "quorum", "days", "hours", "zone", "as_declared"]
)  # fmt: skip
TREES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
OPTIONAL = ("role", "arguments", "when", "approval", "person", "deny")
RULE = st.fixed_dictionaries({"name": TEXTS, "allow": TEXTS}, optional=dict.fromkeys(OPTIONAL, TREES))
RULES = st.lists(RULE, max_size=3)
VALUES = st.dictionaries(
    KEYS, st.one_of(PLAIN, st.lists(PLAIN, max_size=2), st.binary(max_size=3)), max_size=3
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(tree=st.one_of(TREES, st.fixed_dictionaries({"rules": st.one_of(RULES, TREES)})), values=VALUES)
def test_whatever_stands_in_a_file_it_is_refused_or_decides(
    tmp_path: Path, tree: object, values: dict[str, object]
) -> None:
    """Never a crash, never anything but a decision."""
    file = tmp_path / "policy.yaml"
    file.write_text(json.dumps(tree), "utf-8")
    try:
        policy = read_policy(file)
    except SetupError as refused:
        assert refused.message  # noqa: PT017  either is right
        return
    for arguments in (values, None):
        asked = AccessRequest(
            person=Person(id="p", name="", role="operator"),
            identity=Identity.parse("slack:T1:U1"),
            action="command:deploy",
            way="message",
            conversation=Conversation(id="slack:T1:C1", platform="slack"),
            least_role="editor",
            arguments=arguments,
        )
        assert isinstance(policy.decide(asked), Decision)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: raw.decode("latin-1"))))
def test_no_text_breaks_the_reader(tmp_path: Path, text: str) -> None:
    """Half-written files, other people's files, noise."""
    file = tmp_path / "policy.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    for read in (read_policy, read_directory):
        try:
            read(file)
        except SetupError as refused:
            assert refused.message  # noqa: PT017  either is right


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("people: {anna: {identities: []}}\n", 1, "identities"),
        ("people: {anna: {identities: [anna]}}\n", 1, "is not an identity"),
        ("people:\n  anna: {identities: [a::1]}\n  ben: {identities: [b::1, a::1]}\n", 3, "already anna's"),
        ("people: {anna: {role: owner, identities: [a::1]}}\n", 1, "not a known key"),
        ("people: {Anna Smith: {identities: [a::1]}}\n", 1, "pattern"),
    ],
)
def test_a_wrong_directory_is_named_with_its_place(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    """An account has one person, and a directory gives no roles."""
    file = tmp_path / "people.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(SetupError) as refusal:
        read_directory(file)

    assert (str(file), line, True) == (
        refusal.value.file,
        refusal.value.line,
        message in refusal.value.message,
    )
