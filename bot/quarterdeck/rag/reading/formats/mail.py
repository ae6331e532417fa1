"""Read e-mail: who wrote what to whom, and what is attached, one level deep."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.formats.page import markdown_of
from quarterdeck.rag.reading.formats.parsed import Parsed, TextBuilder, lines

PART_LIMIT = 200
HEADERS = ("From", "To", "Cc", "Date")

ReadAttachment = Callable[[str, bytes], str]
"""Return the text of an attached file by its name, empty where it cannot be read."""


def read_mail(data: bytes, attached: ReadAttachment) -> Parsed:
    """Return headers, body and attachments as Markdown.

    Raises:
        UsageError: it is no message, or has too many parts.
    """
    message: EmailMessage = message_from_bytes(data, policy=policy.default)
    if not any(message.get(name) for name in ("From", "Subject", "Date")):
        raise UsageError("it is not an e-mail")
    subject = " ".join(str(message.get("Subject") or "").split())
    text = TextBuilder()
    if subject:
        text.add(f"# {subject}\n\n")
    for name in HEADERS:
        if value := message.get(name):
            text.add(f"{name}: {' '.join(str(value).split())[:1000]}  \n")
    text.add("\n" + _body(message) + "\n\n")
    for part in _attachments(message):
        text.add(_attachment(part, attached))
    return Parsed(text=text.text(), title=subject)


def _body(message: EmailMessage) -> str:
    body = message.get_body(preferencelist=("plain", "html"))
    if body is None:
        return ""
    words = _content(cast("EmailMessage", body))
    return markdown_of(words)[1] if body.get_content_type() == "text/html" else words


def _content(part: EmailMessage) -> str:
    try:
        content = part.get_content()
    except (LookupError, UnicodeError, ValueError):  # a character set that nobody knows
        payload = part.get_payload(decode=True)
        content = payload.decode("latin-1") if isinstance(payload, bytes) else ""
    return lines(content) if isinstance(content, str) else ""


def _attachments(message: EmailMessage) -> list[EmailMessage]:
    found = []
    for n, part in enumerate(message.iter_attachments()):
        if n >= PART_LIMIT:
            raise UsageError(f"it has more than {PART_LIMIT} parts")
        found.append(part)
    return found


def _attachment(part: EmailMessage, attached: ReadAttachment) -> str:
    name = " ".join((part.get_filename() or "").split())[:200]
    payload = part.get_payload(decode=True)
    words = attached(name, payload) if name and isinstance(payload, bytes) else ""
    return f"## {name or 'Attached message'}\n\n{words}\n\n"
