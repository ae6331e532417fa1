"""Read source code: definitions are its headings, lines are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

from quarterdeck.rag.reading.formats.parsed import Mark, Parsed

LINE_LIMIT = 2000  # characters; a longer line was written by a machine
HEADING_LENGTH = 120

_INDENTED = re.compile(  # Python, Ruby, Elixir, Nim: depth is the indent
    r"^([ \t]*)(?:async[ \t]+)?(?:def|class|module|defmodule|defp?|proc)[ \t]+([A-Za-z_][\w.?!]*)",
    re.MULTILINE,
)
_BRACED = re.compile(
    r"^([ \t]{0,8})(?:(?:export|default|public|private|protected|internal|static|final|abstract|async"
    r"|pub(?:\([a-z]{1,20}\))?|unsafe|override|sealed|open|data|inline|const|extern|virtual)[ \t]+){0,6}"
    r"(?:function\*?|func|fn|class|interface|struct|enum|trait|impl|type|object|namespace|module|message|service|def)"
    r"[ \t]+(?:\([^()\n]{0,80}\)[ \t]*)?([A-Za-z_$][\w$.]*)",
    re.MULTILINE,
)
_C_LIKE = re.compile(
    r"^()(?!(?:if|for|while|switch|return|else|do|case)\b)[A-Za-z_][\w:<>,*& \t]{0,100}?[ \t*&]"
    r"([A-Za-z_~][\w:~]*)[ \t]?\([^;{}\n]{0,300}\)?[^;\n]{0,80}$",
    re.MULTILINE,
)
_SQL = re.compile(
    r"^()[ \t]*create[ \t]+(?:or[ \t]+replace[ \t]+)?(?:table|view|function|procedure|index|trigger|type)[ \t]+"
    r"(?:if[ \t]+not[ \t]+exists[ \t]+)?([\w.\"`]+)",
    re.MULTILINE | re.IGNORECASE,
)
_SHELL = re.compile(r"^()(?:function[ \t]+)?([A-Za-z_][\w-]*)[ \t]*\(\)", re.MULTILINE)
_SECTION = re.compile(r"^()\[{1,2}([^\[\]\n]{1,100})\]{1,2}[ \t]*$", re.MULTILINE)  # TOML, INI
_TARGET = re.compile(r"^()([A-Za-z0-9_.%/-]{1,80})[ \t]*:(?!=)", re.MULTILINE)  # Makefiles

PATTERNS: dict[str, tuple[re.Pattern[str], ...]] = {
    "indented": (_INDENTED,),
    "braced": (_BRACED,),
    "c": (_BRACED, _C_LIKE),
    "sql": (_SQL,),
    "shell": (_SHELL,),
    "sections": (_SECTION,),
    "make": (_TARGET,),
}
FAMILIES = {
    **dict.fromkeys((".py", ".pyi", ".rb", ".ex", ".exs", ".nim", ".cr"), "indented"),
    **dict.fromkeys(
        (".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".go", ".rs", ".java", ".kt", ".kts", ".swift", ".scala",
         ".cs", ".php", ".dart", ".groovy", ".proto", ".vue", ".svelte", ".zig", ".lua", ".jl"),
        "braced",
    ),
    **dict.fromkeys((".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".m", ".mm"), "c"),
    ".sql": "sql",
    **dict.fromkeys((".sh", ".bash", ".zsh", ".fish"), "shell"),
    **dict.fromkeys((".toml", ".ini", ".cfg", ".conf", ".properties"), "sections"),
    **dict.fromkeys((".mk", "makefile", "justfile"), "make"),
    **dict.fromkeys(
        (".tf", ".hcl", ".graphql", ".gradle", ".pl", ".r", ".hs", ".ml", ".erl", ".clj", "dockerfile"), ""
    ),
}  # fmt: skip
"""Which family of languages a suffix, or a whole name in lower case, belongs to."""


def read_code(text: str, name: str) -> Parsed:
    """Return the code with its definitions as parts; `name` says the language."""
    family = FAMILIES.get(suffix_of(name), "")
    return Parsed(text=text, marks=tuple(_marks(text, family)), is_plain=True, has_lines=True)


def suffix_of(name: str) -> str:
    """Return the suffix in lower case, or the whole name where it has none."""
    base = name.rpartition("/")[2].lower()
    dot = base.rfind(".")
    return base[dot:] if dot > 0 else base


def _marks(text: str, family: str) -> Iterator[Mark]:
    found: dict[int, re.Match[str]] = {}
    for pattern in PATTERNS.get(family, ()):
        for match in pattern.finditer(text):
            found.setdefault(match.start(), match)
    depths: list[int] = []
    for start in sorted(found):
        match = found[start]
        depth = len(match[1].expandtabs(4))
        while depths and depths[-1] >= depth:
            depths.pop()
        depths.append(depth)
        yield Mark(len(depths), match[2].strip('"`')[:HEADING_LENGTH], start)
