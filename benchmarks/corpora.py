"""Make corpora with judged questions of documentation that installed packages ship.

A docstring's first sentence is cut out and becomes a question; the answer is the document that it was cut from. Two
kinds of documents, since people keep both:

  docstrings  whole: Markdown with headings, lists, code and tables, of 500 words on average
  abstracts   their running text only, 60 to 240 words in one piece, without title or heading: like abstracts of papers
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import random
import re
from collections.abc import Iterator

MODULES = (
    "numpy", "numpy.linalg", "numpy.fft", "numpy.random", "numpy.ma", "numpy.polynomial.polynomial",
    "scipy.stats", "scipy.signal", "scipy.optimize", "scipy.sparse", "scipy.linalg", "scipy.special", "scipy.ndimage",
    "scipy.interpolate", "scipy.integrate", "scipy.spatial", "sklearn.linear_model", "sklearn.ensemble",
    "sklearn.preprocessing", "sklearn.metrics", "sklearn.cluster", "sklearn.svm", "sklearn.model_selection",
)  # fmt: skip
KINDS = ("docstrings", "abstracts")
LONG = 1200  # characters of a docstring
LEAST_WORDS, MOST_WORDS = 60, 240  # of an abstract
SEED = 20261121

_UNDERLINE = re.compile(r"[=\-~]{3,}")
_ITEM = re.compile(r"\*{0,2}\w[\w, *]{0,40} ?: ")
_ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")


def corpus(limit: int, kind: str = "docstrings") -> dict[str, tuple[str, str]]:
    """Return documents by file name, each with its text and the sentence that was cut out of it."""
    found: dict[str, tuple[str, str]] = {}
    for name, summary, rest in _docstrings():
        if kind == "docstrings" and len(rest) > LONG:
            found[f"{name}.md"] = (f"# {name}\n\n{rest}\n", summary)
        elif kind == "abstracts" and (text := _running_text(rest)):
            found[f"{name}.md"] = (f"{text}\n", summary)
    unique = {summary: file for file, (_, summary) in found.items()}
    chosen = sorted(file for file in found if unique[found[file][1]] == file)
    random.Random(SEED).shuffle(chosen)
    names = {file: file if kind == "docstrings" else f"{n:04}.md" for n, file in enumerate(chosen)}
    return {names[file]: found[file] for file in sorted(chosen[:limit])}


def _docstrings() -> Iterator[tuple[str, str, str]]:
    """Yield name, first sentence and rest of what is documented."""
    for name in MODULES:
        with contextlib.suppress(ImportError):
            module = importlib.import_module(name)
            for member in sorted(vars(module)):
                text = inspect.getdoc(getattr(module, member)) if not member.startswith("_") else None
                summary, _, rest = (text or "").partition("\n\n")
                if 40 < len(summary) < 300:
                    yield f"{name}.{member}", " ".join(summary.split()), rest


def _running_text(text: str) -> str:
    """Return the sentences of a docstring as one piece of text; nothing where there are too few."""
    lines = text.splitlines()
    kept: list[str] = []
    for n, line in enumerate(lines):
        is_title = n + 1 < len(lines) and _UNDERLINE.fullmatch(lines[n + 1].strip()) is not None
        is_code = line.lstrip().startswith((">>>", "...", "..", "|", "+-", "array(", ":"))
        if not is_title and not is_code and not _UNDERLINE.fullmatch(line.strip()):
            kept.append(line)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", "\n".join(kept))]
    told = [part for part in paragraphs if len(part.split()) >= 12 and "." in part and not _ITEM.match(part)]
    words = _ROLE.sub(r"\1", " ".join(told)).replace("`", "").split()
    if len(words) < LEAST_WORDS:
        return ""
    whole = " ".join(words[:MOST_WORDS])
    return whole if len(words) <= MOST_WORDS else whole[: whole.rfind(".") + 1] or whole
