"""Expressions are CEL over plain data, fill templates once, and can neither escape nor grow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from quarterdeck_workflows.language.expression import ExpressionError, evaluate, fill, is_true
from quarterdeck_workflows.language.plain import measure

NAMES = {
    "inputs": {
        "env": "prod",
        "count": 3,
        "ratio": 0.5,
        "hosts": ["a", "b"],
        "note": None,
        "on": True,
        "x-id": "k",
    },
    "steps": {"build": {"output": {"url": "https://x", "list": [{"n": 1}]}, "state": "succeeded"}},
    "big": "a" * 100_000,
}

VALUES = {
    "inputs.env": "prod",
    "inputs['x-id']": "k",
    "inputs.hosts[1]": "b",
    "inputs.hosts[inputs.count - 2]": "b",
    "steps.build.output.list[0].n": 1,
    "inputs.env == 'prod' && inputs.on": True,
    "inputs.count + 1 > 3 ? 'many' : 'few'": "many",
    "double(inputs.count) * inputs.ratio": 1.5,
    "-inputs.count % 2": -1,
    "!inputs.on || inputs.env in ['staging', 'prod']": True,
    "has(inputs.env) && !has(inputs.nothing)": True,
    "has(steps.nope) && steps.nope.output.x == 1": False,
    "inputs.note == null": True,
    "size(inputs.hosts) + inputs.env.size()": 6,
    "inputs.hosts + ['c']": ["a", "b", "c"],
    "{'to': inputs.env, 'n': [1, 2.5, true, null]}": {"to": "prod", "n": [1, 2.5, True, None]},
    "string(inputs.hosts) + string(null) + string(true)": '["a", "b"]nulltrue',
    "inputs.env.startsWith('p') && inputs.env.endsWith('d') && inputs.env.contains('ro')": True,
    r"'v1.20'.matches('^v[0-9]+\\.[0-9]+$')": True,
    "' A,b '.trim().lowerAscii().split(',').join('-')": "a-b",
    "'a_b'.replace('_', '-').upperAscii().substring(1, 3).indexOf('B')": 1,
    "int('12') + int(2.9)": 14,
    r"r'a\b' + '\u00e9\n'": "a\\bé\n",
    "0x1F": 31,
    "-9223372036854775808": -(2**63),
    "1 == 1.0": True,
    "true || inputs.nothing.here": True,
}

REFUSALS = {
    "inputs.evn": ("there is no inputs.evn", "did you mean 'env'?"),
    "steps.build.output.list[3]": (
        "there is no steps.build.output.list[3]: the list has 1 items",
        "ask size() first",
    ),
    "inputs.note.x": (
        "there is no inputs.note.x: inputs.note is null",
        "ask first: inputs.note == null ? … : …",
    ),
    "inputs.count + inputs.ratio": (
        "the values do not fit together",
        "CEL never converts by itself: write double(x), int(x) or string(x) around one of them",
    ),
    "inputs.hosts.map(x, x)": (
        "`map` is a macro, and there are none here",
        "work on lists with the action data.transform, or with for_each",
    ),
    "inputs.env = 'prod'": ("`=` is no sign", "compare with =="),
    "1 / 0": ("it divides by zero", "ask before: x == 0 ? 0 : 1 / x"),
    "siez(inputs.hosts)": ("there is no function `siez`", "did you mean 'size'?"),
    "inputs.env.matches('(')": (
        "'(' is no pattern: missing ): (",
        "write it in RE2's syntax: no look-around, no back-references",
    ),
}


@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_an_expression_has_its_value(text: str, value: object) -> None:
    """The page for authors promises these."""
    found = evaluate(text, NAMES)

    assert (value, type(value)) == (found, type(found))


@pytest.mark.parametrize(("text", "said"), REFUSALS.items())
def test_a_wrong_expression_says_what_to_write(text: str, said: tuple[str, str]) -> None:
    """Whoever reads it has a file open and wants to go on."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, NAMES)

    assert said == (caught.value.message, caught.value.hint)


def test_a_condition_is_true_or_false() -> None:
    """A text that is not empty is no yes."""
    with pytest.raises(ExpressionError, match="neither true nor false"):
        is_true("inputs.env", NAMES)

    assert is_true("inputs.env == 'prod'", NAMES)


def test_a_template_keeps_types_and_spells_the_rest() -> None:
    """A whole `${}` is a value; inside a text it is words."""
    template = {
        "n": "${inputs.count}",
        "t": "${inputs.env}: ${inputs.count} of ${inputs.note}${inputs.hosts}",
        "k": [1],
    }

    assert {"n": 3, "t": 'prod: 3 of ["a", "b"]', "k": [1]} == fill(template, NAMES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$${inputs.env} costs $5", "${inputs.env} costs $5"),
        ("${'}'}${ {'a': '{'}.a }", "}{"),
        ("${r'\\'}", "\\"),
        ("${'\\'}'}", "'}"),
    ],
)
def test_quotes_and_dollars_in_templates(text: str, value: str) -> None:
    """A brace in quotes closes nothing; a doubled dollar is one."""
    assert value == fill(text, {})


@pytest.mark.parametrize("number", range(300))
def test_data_is_never_read_as_a_template(number: int) -> None:
    """What strangers write into a message or a body is words."""
    shapes = (
        "${inputs.env}",
        "$${x}",
        "{{7*7}}",
        "{% x %}",
        "${${inputs.env}}",
        "%s{0}",
        "'}${1}{'",
        "${",
        "}",
        "\\${1}",
    )
    data = f"{number} {shapes[number % len(shapes)]} {shapes[number * 7 % len(shapes)]}"

    assert f"<{data}>" == fill("<${trigger.text}>", {"trigger": {"text": data}})


def test_keys_are_never_filled() -> None:
    """A key that data could choose would overwrite another."""
    assert {"${inputs.env}": 1} == fill({"${inputs.env}": 1}, NAMES)


def test_hostile_and_random_expressions_do_nothing_but_evaluate() -> None:
    """500 that mean harm and 10,000 at random: no file, import, process or socket, no other error, no hang."""
    program = Path(__file__).with_name("audited.py")
    done = subprocess.run(
        [sys.executable, str(program), "20261121", "10000"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)

    assert ([], [], "") == (found["seen"], found["escapes"], done.stderr)
    assert 10_500 <= found["refused"] + found["answered"]
    assert 500 <= found["answered"]


@pytest.mark.parametrize(
    "text",
    [
        "+".join(["big"] * 4),
        "big" + ".replace('a', 'aaaa')" * 3,
        "[big, big, big]",
        "string([big]) + string([big])",
        "big == big && big == big",
    ],
)
def test_each_value_counts_where_it_stands(text: str) -> None:
    """Without it, 4 kB of expression would copy gigabytes."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, NAMES)

    assert caught.value.hint


def test_a_template_is_bounded_as_a_whole() -> None:
    """Small pieces add up."""
    with pytest.raises(ExpressionError, match="longer than"):
        fill("${big}${big}${big}", NAMES)
    with pytest.raises(ExpressionError, match="larger than"):
        fill(["${big}", "${big}", "${big}"], NAMES)
    with pytest.raises(ExpressionError, match="look at more than 1024 KiB"):
        fill(["${size(big) > 0}"] * 20, NAMES)
    with pytest.raises(ExpressionError, match="more than 200 expressions"):
        fill(["${inputs.env}"] * 201, NAMES)


def test_plain_data_is_measured() -> None:
    """The limit counts text and items, and looks into everything."""
    assert 16 * 4 + 3 + 1 == measure({"a": ["xyz", 1]}, 1000)
    with pytest.raises(ExpressionError, match="no plain data"):
        measure({"a": object()}, 1000)  # type: ignore[dict-item]


def test_the_library_brings_no_program_along() -> None:
    """Its package imports a command line: 0.4 s and 32 MB."""
    script = (
        "import sys; from quarterdeck_workflows.language.expression import evaluate; evaluate('1+1', {});"
        "print([name for name in ('typer', 'rich', 'prompt_toolkit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()
