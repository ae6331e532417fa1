"""One YAML file means one thing, and a hostile one costs no more than its bytes."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.documents import yaml

KIB = 1024

SCALARS = {
    "on": "on",
    "off": "off",
    "yes": "yes",
    "no": "no",
    "y": "y",
    "true": True,
    "True": True,
    "TRUE": True,
    "tRUE": "tRUE",
    "false": False,
    "null": None,
    "~": None,
    "": None,
    "nUll": "nUll",
    "0123": 123,
    "0o17": 15,
    "0x1F": 31,
    "0b101": "0b101",
    "1_000": "1_000",
    "-7": -7,
    "+7": 7,
    "12:30:45": "12:30:45",
    "190:20:30": "190:20:30",
    "2026-11-21": "2026-11-21",
    "2026-11-21T09:00:00Z": "2026-11-21T09:00:00Z",
    "1.5": 1.5,
    "1e3": 1000.0,
    ".5": 0.5,
    "1.": 1.0,
    ".": ".",
    ".inf": math.inf,
    "-.INF": -math.inf,
    "'true'": "true",
    '"0x1F"': "0x1F",
    "=": "=",
}

DOCUMENTS = [
    "http:\n  host: 127.0.0.1\n  port: 8420\naccess:\n  owners:\n    - console::0\n    - slack:T1:U1\n",
    "a: {b: [1, 2.5, 'x y', \"z\\n\"], c: ~}\nd: |\n  text\n  more\ne: >-\n  folded\n",
    "- 1\n- - 2\n  - {k: v}\n# comment\n- 'it''s'\n",
]

BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
)
MERGE_BOMB = "a: &a {k: 1}\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [*{chr(97 + n)}, *{chr(97 + n)}]}}\n" for n in range(20)
)

HOSTILE = [
    # anchors, aliases, merge keys
    BOMB,
    MERGE_BOMB,
    "a: &x 1",
    "a: *x",
    "&x a: 1",
    "a: &x {b: *x}",
    "- &x [*x]",
    "<<: {a: 1}",
    "a:\n  <<: {b: 1}",
    "{<<: 1}",
    "&x\na: 1",
    "? &k a\n: 1",
    "a: [&x 1]",
    "--- &x\na: 1",
    # tags
    "!!python/object/apply:os.system ['id']",
    "a: !!python/name:os.system",
    "a: !!str 1",
    "a: !!binary aGk=",
    "a: !!timestamp 2026-11-21",
    "a: !!set {b, c}",
    "a: !!omap [b: 1]",
    "a: !local 1",
    "a: ! 1",
    "!<tag:yaml.org,2002:map> {a: 1}",
    "a: !include secrets.yaml",
    "a: !ENV ${HOME}",
    "!!float a: 1",
    "%TAG ! tag:example.com,2026:\n---\na: !x 1",
    "%YAML 1.1\n---\na: on",
    "%FOO bar\n---\n&a a",
    # keys
    "a: 1\na: 2",
    "{a: 1, a: 2}",
    "a:\n  b: 1\n  b: 2",
    "1: a\n'1': b",
    "? [a, b]\n: 1",
    "? {a: 1}\n: 1",
    "{[a]: 1}",
    ": 1",
    "'': 1",
    # several documents
    "a\n---\nb",
    "---\n---\n",
    "a: 1\n...\n---\nb: 2",
    "a\n---\n" * 20_000,
    # depth
    "[" * 33,
    "[" * 200_000,
    "{" * 200_000,
    "[" * 3_000 + "]" * 3_000,
    "{a: " * 40_000,
    "[{" * 100_000,
    "- " * 100_000,
    "? " * 100_000,
    "- ? " * 50_000,
    "[\n" * 100_000,
    "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 600)),
    "".join(" " * n + "- \n" for n in range(600)),
    # size
    "x" * (256 * KIB + 1),
    "#" * (256 * KIB + 1),
    "\n" * (256 * KIB + 1),
    "ü" * (129 * KIB),
    "- a\n" * 65_000,
    "[" + "a," * 130_000 + "a]",
    "{" + ",".join(f"{n}: 1" for n in range(29_000)) + "}",
    "a: " + "9" * 5_000,
    "a: 0x" + "f" * 200_000,
    "a: 1e" + "9" * 100,
    "a: -" + "0" * 100_000 + "1",
    # broken text
    "a: [1",
    "a: {b: 1",
    "a: 'x",
    'a: "x',
    'a: "\\q"',
    "a:\n\t- b",
    "a: b: c",
    "a: @b",
    "a: `b`",
    "%",
    "a: |\n x\n  y\n z\n\t-",
    "]",
    "}",
    "a: 1\n b: 2",
    "- a\nb: 1",
    "a\nb: 1",
    "\x00",
    "a: \x1b[2J",
    "a: \ud800",
    "a: \ufffe",
    "a: b\x07",
    "'" * 200_001,
    "!" * 200_000,
    "&a " * 80_000,
    "*a " * 80_000,
    "[?" * 100_000,
    ",[?" * 80_000,
    "a: >\n" + " x\n" * 10 + "y: [",
]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the parser's events that the loader takes."""
    counter = [0]
    parse = pyyaml.parse

    def counted(*arguments: object, **options: object) -> Iterator[object]:
        for event in parse(*arguments, **options):
            counter[0] += 1
            yield event

    monkeypatch.setattr(pyyaml, "parse", counted)
    return counter


@pytest.mark.parametrize("written", SCALARS)
def test_scalars_follow_the_core_schema(written: str) -> None:
    """`on` is a word, a time of day is no number in base 60, and 0123 is not octal."""
    expected = SCALARS[written]

    assert {"a": expected} == yaml.load(f"a: {written}").data


def test_not_a_number_is_one() -> None:
    """It equals nothing, so it needs a test of its own."""
    data = yaml.load("a: .nan").data

    assert isinstance(data, dict)
    assert math.isnan(data["a"])


def test_keys_are_text_as_written() -> None:
    """A key `on`, `1` or `null` must not turn into something that nobody can look up."""
    data = yaml.load("on: 1\n1: 2\nnull: 3\ntrue: 4\n1.5: 5\n").data

    assert {"on": 1, "1": 2, "null": 3, "true": 4, "1.5": 5} == data


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "\ufeff", "---\n...\n"])
def test_no_content_is_none(text: str) -> None:
    """An empty settings file is a file without settings."""
    assert yaml.load(text).data is None


def test_there_are_eighty_hostile_documents() -> None:
    """The threat table promises the number."""
    assert len(set(HOSTILE)) >= 80


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_document_is_refused_early(text: str, steps: list[int]) -> None:
    """Work is bounded by the number of nodes, whatever a document would unfold to."""
    with pytest.raises(SetupError) as caught:
        yaml.load(text, file="hostile.yaml")

    assert "hostile.yaml" == caught.value.file
    assert (caught.value.line or 0) >= 1
    assert caught.value.hint
    assert steps[0] <= yaml.MAX_NODES + 2 * yaml.MAX_DEPTH + 4


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: 1\nb:\n  - x\n  - &n y\n", 4, 5, "the anchor &n is not allowed"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, "the key 'a' is there twice"),
        ("a: 1\nb: *n", 2, 4, "the alias *n is not allowed"),
        ("a: 1\r\nb: \x01", 2, 4, "character U+0001 is not allowed in YAML"),
        ("a:\n  b: !!int 3", 2, 6, "the tag 'tag:yaml.org,2002:int' is not allowed"),
        ("a: 1\n---\nb: 1", 2, 1, "there is more than one document"),
        ("é: 'x", 1, 6, "this is not YAML: found unexpected end of stream"),
    ],
)
def test_an_error_points_at_its_place(text: str, line: int, column: int, message: str) -> None:
    """The operator opens the file there."""
    with pytest.raises(SetupError) as caught:
        yaml.load(text, file="x.yaml")

    assert (message, line, column) == (caught.value.message, caught.value.line, caught.value.column)


def test_depth_32_is_still_read() -> None:
    """The bound is the promised one, not one less."""
    text = "[" * 32 + "]" * 32

    assert yaml.load(text).data is not None


def test_positions_of_keys_and_values_are_known() -> None:
    """Checks that come later than reading point at the same places."""
    located = yaml.load("http:\n  port: 1\naccess: {owners: [a, b]}\n")

    assert (2, 9) == located.position(["http", "port"])
    assert (2, 3) == located.key_position(["http", "port"])
    assert (3, 22) == located.position(["access", "owners", 1, "missing"])
    assert (1, 1) == located.position(["nothing"])


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    """An editor saved it as UTF-16, or it is no YAML at all."""
    file = tmp_path / "x.yaml"
    file.write_bytes(b"a: 1\nb: \xff\xfe")

    with pytest.raises(SetupError, match="not UTF-8") as caught:
        yaml.load(file)
    assert (str(file), 2, 4) == (caught.value.file, caught.value.line, caught.value.column)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A path with a typo is the commonest mistake of all."""
    with pytest.raises(SetupError, match="cannot read"):
        yaml.load(tmp_path / "none.yaml")


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    """A log file given as settings must not fill the memory."""
    file = tmp_path / "big.yaml"
    with file.open("wb") as stream:
        stream.truncate(50 * 1024 * 1024)

    with pytest.raises(SetupError, match="larger than 256 KiB"):
        yaml.load(file)


YAML_CHARACTERS = st.text(alphabet=st.sampled_from("ab01 \t\n:-?,[]{}&*!|>'\"%@`#<.~=\\é\x00"), max_size=400)


@settings(max_examples=2_000)
@given(st.one_of(YAML_CHARACTERS, st.text(max_size=300), st.binary(max_size=300)))
def test_whatever_comes_is_read_or_refused(content: str | bytes) -> None:
    """Nothing but a set-up error may come out, for text that nobody thought of."""
    text = content.decode("latin-1") if isinstance(content, bytes) else content
    refused, data = False, None
    try:
        data = yaml.load(text).data
    except SetupError:
        refused = True

    assert refused or _is_plain(data)


def test_eight_thousand_damaged_documents_are_read_or_refused() -> None:
    """A file that is half written, or hit by a stray key, is refused and never crashes the loader."""
    chance = random.Random(2026)
    pieces = [
        "\t",
        "\n",
        ":",
        "- ",
        "&a ",
        "*a",
        "[",
        "}",
        "'",
        '"',
        "!!x ",
        "|",
        "---\n",
        "\x00",
        "é",
        "#",
        "<<: ",
    ]
    outcomes = set()
    for _ in range(8_000):
        text = chance.choice(DOCUMENTS)
        for _ in range(chance.randint(1, 4)):
            at, piece = chance.randrange(len(text) + 1), chance.choice(pieces)
            text = chance.choice((text[:at], text[:at] + piece + text[at:], text[:at] + text[at + 3 :]))
        try:
            outcomes.add(_is_plain(yaml.load(text).data))
        except SetupError:
            outcomes.add("refused")

    assert {True, "refused"} == outcomes


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdefgh <>:-", min_size=1, max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=300)
@given(JSON_VALUES)
def test_what_a_yaml_writer_writes_is_read_back(value: object) -> None:
    """The strict part is still YAML: what other programs write with quotes comes back unchanged."""
    text = pyyaml.safe_dump(value, default_style='"', default_flow_style=True, allow_unicode=True)
    plain = pyyaml.safe_dump(value) if isinstance(value, dict) else None

    if "!!" not in text:
        assert value == yaml.load(text).data
    assert plain is None or "&" in plain or isinstance(yaml.load(plain).data, dict)


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
