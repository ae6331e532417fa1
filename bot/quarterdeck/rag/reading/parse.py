"""Read a file of any format that we know as text with a title. Runs in the reader process only.

What comes in may be hostile: everything here is bounded, and may be killed at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from quarterdeck.core.errors import QuarterdeckError, UsageError
from quarterdeck.rag.reading.formats.article import read_article
from quarterdeck.rag.reading.formats.code import read_code
from quarterdeck.rag.reading.formats.mail import read_mail
from quarterdeck.rag.reading.formats.office import read_docx, read_pptx, read_xlsx
from quarterdeck.rag.reading.formats.page import markdown_of
from quarterdeck.rag.reading.formats.parsed import Parsed, decode, refuse_longer
from quarterdeck.rag.reading.formats.pdf import read_pdf
from quarterdeck.rag.reading.formats.records import read_csv, read_json, read_yaml
from quarterdeck.rag.reading.formats.rst import headings_of_rst
from quarterdeck.rag.reading.sources import format_of

if TYPE_CHECKING:
    from quarterdeck.rag.reading.sources import Format


def parse(data: bytes, format_: Format, name: str = "", *, is_attached: bool = False) -> Parsed:
    """Read `data`; `name` is the file's, or the page's address. What is attached holds nothing attached itself.

    Raises:
        UsageError: it is not what its name says, is encrypted, or has no text; the message says which.
    """
    try:
        parsed = _parse(data, format_, name, is_attached=is_attached)
    except QuarterdeckError:
        raise
    except RecursionError as error:
        raise UsageError("it is nested too deep") from error
    except MemoryError as error:
        raise UsageError("reading it takes too much memory") from error
    except (
        Exception
    ) as error:  # a parser's own, of which there are dozens: the document is at fault, and says so
        raise UsageError(f"it is damaged, or not what its name says ({type(error).__name__})") from error
    refuse_longer(len(parsed.text))
    if not parsed.text.strip():
        raise UsageError("it holds no text", hint="a scanned PDF needs text recognition first")
    return parsed


def _parse(data: bytes, format_: Format, name: str, *, is_attached: bool) -> Parsed:
    if format_ == "mail":
        if is_attached:
            raise UsageError("an e-mail in an e-mail is not opened")
        return read_mail(data, _attached)
    if format_ == "image":
        raise UsageError("it is a picture", hint="connect a model that sees: models.roles.vision")
    if (packed := PACKED.get(format_)) is not None:
        return packed(data)
    return WRITTEN[format_](decode(data, sniff=format_ in ("html", "article")), name)


def _html(text: str, name: str) -> Parsed:
    title, words = markdown_of(text)
    return Parsed(text=words, title=title)


PACKED: Mapping[Format, Callable[[bytes], Parsed]] = {
    "pdf": read_pdf,
    "docx": read_docx,
    "pptx": read_pptx,
    "xlsx": read_xlsx,
}
WRITTEN: Mapping[Format, Callable[[str, str], Parsed]] = {
    "html": _html,
    "article": read_article,
    "rst": lambda text, name: Parsed(text=headings_of_rst(text)),
    "markdown": lambda text, name: Parsed(text=text, has_lines=True),
    "text": lambda text, name: Parsed(text=text, has_lines=True),
    "csv": lambda text, name: read_csv(text),
    "json": lambda text, name: read_json(text),
    "yaml": lambda text, name: read_yaml(text),
    "code": read_code,
}


def _attached(name: str, data: bytes) -> str:
    """Return the text of a file that an e-mail brought, empty where it cannot be read."""
    format_ = format_of(Path(name))
    if format_ is None:
        return ""
    try:
        return parse(data, format_, name, is_attached=True).text
    except UsageError as error:
        return f"({error.message})"
