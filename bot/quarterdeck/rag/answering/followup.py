"""Understand a question that follows on an earlier one: "and for production?" is about what was asked before.

No model is needed: a question that says too little by itself is looked for together with the one before it, by the
same person in the same conversation, as long as that was not long ago.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from quarterdeck.rag.words.query import terms

RECENT_MS = 1_800_000
FEW = 3  # telling words; a question with fewer leans on the one before
LONG = 9  # telling words; one with as many stands alone
BEFORE_LIMIT = 400  # characters of the earlier question
_LEANS = re.compile(
    r"^\W*(?:and|but|or|what about|how about|also|then|und|aber|oder|was ist mit|wie ist es mit|auch|dann)\b"
    r"|\b(?:it|its|that|those|these|them|they|there|same|this one|the other|dafür|davon|dort|dieser|dieses|"
    r"derselbe|dasselbe|ihn|sie)\b",
    re.IGNORECASE,
)


def question_before(question: str, earlier: Sequence[str]) -> str:
    """Return the earlier question that this one leans on; empty when it stands alone, or none is there.

    `earlier` are what the person asked in this conversation lately, oldest first.
    """
    if not leans(question):
        return ""
    for text in reversed(earlier):
        if text.strip() != question.strip() and not leans_hard(text) and len(terms(text)) >= FEW:
            return text[:BEFORE_LIMIT]
    return ""


def leans(question: str) -> bool:
    """Tell whether a question says too little by itself."""
    telling = len(terms(question))
    return telling < FEW or (telling < LONG and _LEANS.search(question) is not None)


def leans_hard(text: str) -> bool:
    """Tell whether a text only begins where another one ended."""
    return _LEANS.match(text) is not None and len(terms(text)) < FEW
