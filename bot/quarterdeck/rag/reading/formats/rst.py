"""Read reStructuredText."""

from __future__ import annotations

import re

_UNDERLINE = re.compile(r"([=\-~^\"'#*+.:`_])\1{2,}")


def headings_of_rst(text: str) -> str:
    """Return reStructuredText with its underlined titles as Markdown headings, levels in order of appearance."""
    lines = text.split("\n")
    styles: list[str] = []
    out: list[str] = []
    n = 0
    while n < len(lines):
        line, below = lines[n], lines[n + 1] if n + 1 < len(lines) else ""
        is_overline = (
            bool(_UNDERLINE.fullmatch(line.rstrip())) and n + 2 < len(lines) and line == lines[n + 2]
        )
        if is_overline and below.strip():
            line, below, n = below.strip(), lines[n + 2], n + 1
        is_title = line.strip() and line == line.lstrip() and len(below.rstrip()) >= len(line.rstrip()) - 1
        if is_title and _UNDERLINE.fullmatch(below.rstrip()) and not _UNDERLINE.fullmatch(line.rstrip()):
            style = below[0] * (2 if is_overline else 1)
            if style not in styles:
                styles.append(style)
            out.append("#" * min(6, styles.index(style) + 1) + " " + line.strip())
            n += 2
        else:
            out.append(lines[n])
            n += 1
    return "\n".join(out)
