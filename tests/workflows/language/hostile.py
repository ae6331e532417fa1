"""Collect expressions that mean harm: escapes, bombs, what other engines would run; and make ten thousand at random."""

# ruff: noqa: E501, RUF001, SIM905

from __future__ import annotations

import random
from collections.abc import Iterator

DUNDERS = """__class__ __base__ __bases__ __mro__ __subclasses__ __globals__ __builtins__ __dict__ __init__
__import__ __getattribute__ __getattr__ __reduce__ __reduce_ex__ __code__ __closure__ __func__
__self__ __module__ __loader__ __spec__ __file__ __doc__ __wrapped__ __annotations__ __defaults__
__qualname__ __weakref__ __slots__ __call__ constructor prototype __proto__ __defineGetter__
func_globals gi_frame f_globals f_back cr_frame tb_frame""".split()
RECEIVERS = (
    "inputs",
    "inputs.text",
    "inputs.list",
    "inputs.list[0]",
    "inputs.map",
    "''",
    "[]",
    "{}",
    "1.0",
    "run",
)
CALLS = """eval exec compile open input print getattr setattr delattr globals locals vars dir type object super
id help breakpoint memoryview bytearray bytes classmethod property staticmethod iter next range zip
sorted reversed callable isinstance issubclass hash repr ascii format ord chr now today date uuid
random env getenv system popen require process fetch import load include read write spawn fork
timestamp duration getHours getFullYear dyn optional none lists.range math.greatest base64.decode
strings.quote sets.contains cel.bind regex.extract""".split()
MACROS = ("all", "exists", "exists_one", "existsOne", "filter", "map", "fold", "reduce", "transformList")
OTHERS = (
    "{{7*7}}", "{% import os %}", "<%= 7*7 %>", "#{7*7}", "${7*7}", "$${7}", "*{7*7}", "@(7*7)", "[[${7*7}]]",
    "%{7*7}", "`id`", "$(id)", "T(java.lang.Runtime).getRuntime().exec('id')", "''.__class__.mro()[1]",
    "lambda: 0", "(lambda x: x)(1)", "x := 1", "a = 1", "a; b", "import os", "os.system('id')", "inputs.text; 1",
    "function(){}", "() => 1", "new Date()", "await x", "yield x", "[x for x in [1]]", "{x for x in [1]}",
    "1 if true else 2", "not true", "true and false", "inputs..text", "inputs.?text", "inputs[?'text']", "inputs.*",
    "inputs?.text", "inputs!.text", "inputs->text", "inputs::text", "@inputs", "#inputs", "\\inputs", "inputs\\",
    "b'abc'", "1u", "0b1", "0o7", "1_000", "1e", "1.", ".5", "0x", "1e999", "9223372036854775808", "-9223372036854775809",
    "Foo{a: 1}", "google.protobuf.Any{}", "google.protobuf.Struct{}", ".inputs", "inputs.text // x", "/* x */ 1",
    "'''x'''", '"""x"""', "'\\ud800'", "'\\U00110000'", "'\\q'", "'\\x4'", "'\\u12'", "'unclosed", '"unclosed', "r'x",
    "'a\nb'", "(", ")", "[", "]", "{", "}", "(1", "1)", "[1", "{1", "{1:", "{'a' 1}", "1,2", ",", "?", ":", "? :", "1 ?",
    "1 ? 2", "1 ? 2 :", "1 :", "a.", "a.1", "a[", "a[]", "a[1", "f(", "f(1", "f(,)", "[,]", "{,}", "!", "-", "!!", "&&",
    "||", "1 &&", "1 & 2", "1 | 2", "1 ^ 2", "~1", "1 << 2", "1 ** 2", "2 // 1", "1 = 1", "1 === 1", "1 <> 2", "in",
    "in in in", "1 in", "true.false", "null.x", "null()", "true()", "has()", "has(1)", "has(a)", "has(a.b, c)",
    "has(a[0])", "has(has(a.b))", "size()", "size(1, 2, 3)", "''.size(1)", "\x00", "\x07", "\u200b", "\u202e1", "\ufeff1",
    "\u2028", "１", "ｉnputs", "inputs․text", "ínputs", "\U0001f600", "inputs.\u0442ext", "\ud800", "'\ud800'", "",
    " ", "\n", "\t\t", "\\", "'", '"', "`", "'\\'", "$", "§", "€",
)  # fmt: skip


def hostile() -> list[str]:
    """Return more than five hundred expressions; each must be refused, or come to plain data."""
    found = [f"{receiver}.{name}" for name in DUNDERS for receiver in RECEIVERS[:6]]
    found += [f"{receiver}['{name}']" for name in DUNDERS[:12] for receiver in RECEIVERS]
    found += [f"{name}('id')" for name in CALLS] + [f"inputs.text.{name}()" for name in CALLS]
    found += [f"inputs.list.{name}(x, x)" for name in MACROS] + [f"{name}([1], x, x > 0)" for name in MACROS]
    found += [f"[[1]].{name}(x, x.{name}(y, y.{name}(z, z)))" for name in MACROS]
    return [*found, *OTHERS, *bombs()]


def bombs() -> list[str]:
    """Return expressions that would cost much more than their length."""
    many = 5000
    found = [f"{'(' * many}1{')' * many}", f"{'[' * many}{']' * many}", "!" * many + "true", "-" * many + "1"]
    found += ["{'a':" * many + "1" + "}" * many, "size(" * many + "'a'" + ")" * many, "inputs" + ".a" * many]
    found += ["1" + "+1" * many, "true" + "&&true" * many, "'a'" + "+'a'" * many, "1 in " * many + "[1]"]
    found += ["true?" * many + "1" + ":1" * many, "inputs" + "[0]" * many, "has(" * many + "a.b" + ")" * many]
    found += [f"{sign.join(['inputs.big'] * 90)}" for sign in ("+", "==", "<", " in ")]
    found += [f"[{', '.join(['inputs.big'] * 90)}]", "'" + "a" * 100_000 + "'", "1" * 4000, "0." + "1" * 4000]
    found += ["inputs.big" + ".replace('a', 'aaaaaaaaaa')" * depth for depth in (1, 5, 20)]
    found += ["'a'" + ".replace('a', 'aaaaaaaaaa')" * depth for depth in (8, 20, 30)]
    found += [f"'a'.matches('{pattern}')" for pattern in PATTERNS]
    found += [f"inputs.big.matches('{pattern}')" for pattern in PATTERNS]
    found += [
        "inputs.big.split('a').join('bbbbbbbbbb')",
        "inputs.big.split('').size()",
        "inputs.big.split('a')",
    ]
    found += ["string(inputs)" + "+string(inputs)" * 40, "inputs.deep == inputs.deep", "string(inputs.deep)"]
    found += ["9223372036854775807 * 9223372036854775807", "1.0e308 * 10.0", "0.0 / 0.0", "1 / 0", "1 % 0"]
    found += [
        "inputs.huge + 1",
        "inputs.strange",
        "inputs.strange + 'a'",
        "{1.5: 1}",
        "{null: 1}",
        "{[]: 1}",
        "{{}: 1}",
    ]
    return found


PATTERNS = (
    "(a{1000}){100}", "(a+)+$", "(a|aa)+$", "(.*)*b", "((a{100}){100}){100}", "(\\\\w{50}\\\\pL{50}){10}", "(?=a)", "\\\\1",
    "a{99999}", "[", "(", "(?P<x>a)(?P<x>b)", "(?i)" * 200, "a?" * 300 + "a" * 300, ".*.*.*.*.*.*.*.*b", "\\\\pL{1000}",
    "x" * 2000,
)  # fmt: skip

NAMES = {
    "inputs": {
        "text": "abc",
        "number": 3,
        "fraction": 2.5,
        "list": [1, 2, 3],
        "map": {"a": {"b": [True, None]}},
        "nothing": None,
        "big": "a" * 100_000,
        "huge": 2**80,
        "strange": "\ud800",
        "deep": None,
    },
    "run": {"id": "run-1"},
    "steps": {"build": {"output": {"url": "x"}, "state": "succeeded", "error": None}},
}


def _deep() -> object:
    found: object = 1
    for _ in range(3000):
        found = [found]
    return found


NAMES["inputs"]["deep"] = _deep()  # type: ignore[index]


def fuzzed(count: int, seed: int) -> Iterator[str]:
    """Yield expressions made at random out of the grammar, every fourth of them damaged."""
    source = random.Random(seed)
    for number in range(count):
        text = _made(source, source.randint(1, 6))
        yield _damaged(source, text) if number % 4 == 0 else text


ATOMS = (
    "inputs.text", "inputs.number", "inputs.fraction", "inputs.list", "inputs.map", "inputs.nothing", "inputs.missing",
    "inputs.list[1]", "inputs.map.a.b", "inputs['text']", "steps.build.state", "steps.nope.output", "run.id", "nowhere",
    "1", "-1", "2.5", "9223372036854775807", "0", "true", "false", "null", "'a'", '"b"', "r'c'", "''", "[]", "{}",
    "'\\u00e9'", "inputs.big",
)  # fmt: skip
SIGNS = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in")
FUNCTIONS = (
    "size", "contains", "startsWith", "endsWith", "matches", "int", "double", "bool", "string", "lowerAscii", "trim",
    "replace", "split", "join", "substring", "indexOf", "has", "map", "eval",
)  # fmt: skip


def _made(source: random.Random, depth: int) -> str:
    if depth <= 0:
        return source.choice(ATOMS)

    def below() -> str:
        return _made(source, depth - source.randint(1, 3))

    match source.randrange(9):
        case 0 | 1 | 2:
            return f"{below()} {source.choice(SIGNS)} {below()}"
        case 3:
            return f"({below()})"
        case 4:
            return f"{source.choice('!-')}{below()}"
        case 5:
            return f"{below()} ? {below()} : {below()}"
        case 6:
            return f"{source.choice(FUNCTIONS)}({', '.join(below() for _ in range(source.randint(0, 3)))})"
        case 7:
            return f"({below()}).{source.choice(FUNCTIONS)}({', '.join(below() for _ in range(source.randint(0, 2)))})"
        case _:
            return f"[{below()}, {{'k': {below()}}}][{below()}]"


def _damaged(source: random.Random, text: str) -> str:
    letters = list(text)
    for _ in range(source.randint(1, 3)):
        at = source.randrange(len(letters) + 1)
        letters[at : at + source.randint(0, 2)] = source.choice(
            ["", "'", "(", "]", "}", "$", "\x00", "é", "\\", ".", "\n"]
        )
    return "".join(letters)
