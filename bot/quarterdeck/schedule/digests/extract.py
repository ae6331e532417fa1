"""Pick what matters from a conversation without a model: its own sentences, links and questions. Pure.

A sentence is worth the rarity of its words: what everybody repeats says little, what nobody else says says
little about the conversation, so words count most that come up in a few messages. Long sentences do not win
by length.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from quarterdeck.core.value import dataclass

DISCUSSION_GAP = timedelta(minutes=45)  # a longer silence begins another discussion
LONGEST_SENTENCE = 240
SENTENCES_A_DISCUSSION = 3
MOST_DISCUSSIONS = 6
MOST_QUESTIONS = 5
MOST_LINKS = 10
MOST_AUTHORS = 8
TITLE_WORDS = 3

URL = re.compile(r"https?://[^\s<>()\[\]\"'`|]+[^\s<>()\[\]\"'`|.,;:!?]")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+")  # noqa: RUF001  other scripts' full stops
_MARKS = re.compile(r"^(?:[#>\-*+]|\d+[.)])+\s+")
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_WORD = re.compile(r"[^\W\d_][\w'-]{2,}")
_DULL_WORDS = """
about after all also and any are but can could did does done for from get got had has have her here
him his  how into its just let like lets may might more most must not now off one only other our out
over said see  she should some still such sure than thank thanks that the their them then there
these they think this too  use was way well were what when where which who why will with would yes
you your hello please okay  aber als auch auf aus bei bin bis das dass dem den der des die doch ein
eine einen einer eines gibt habe hat  hier ich ihr ist jetzt kann kein mal man mehr mit nach nein
nicht noch nur oder schon sehr sein sich sie sind  und uns vom von vor war was wenn wer wie wir wird
wo zum zur danke bitte
"""
_DULL = frozenset(_DULL_WORDS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Hold one message as it is shown: `author` is a name for people, `at` is in the reader's zone."""

    author: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discussion:
    """Group messages without a long silence between; `sentences` are the telling ones, in order of time."""

    title: str
    messages: int
    sentences: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """Hold what was picked. `more_…` count what was found and left out."""

    discussions: tuple[Discussion, ...]
    more_discussions: int
    questions: tuple[Said, ...]
    more_questions: int
    links: tuple[Said, ...]
    more_links: int
    authors: tuple[tuple[str, int], ...]


def extract(messages: Sequence[Said]) -> Extract:
    """Pick from `messages`, which are in order of time."""
    weights = _weights(messages)
    groups = _discussions(messages)
    chosen = sorted(sorted(groups, key=len, reverse=True)[:MOST_DISCUSSIONS], key=lambda group: group[0].at)
    questions = [said for said in _sentences(messages) if said.text.endswith(("?", "？"))]  # noqa: RUF001
    links = _links(messages)
    return Extract(
        discussions=tuple(_summed_up(group, weights) for group in chosen),
        more_discussions=len(groups) - len(chosen),
        questions=tuple(questions[-MOST_QUESTIONS:]),
        more_questions=max(len(questions) - MOST_QUESTIONS, 0),
        links=tuple(links[:MOST_LINKS]),
        more_links=max(len(links) - MOST_LINKS, 0),
        authors=tuple(Counter(said.author for said in messages).most_common(MOST_AUTHORS)),
    )


def sentences_of(text: str) -> list[str]:
    """Split a message into sentences, one line each, without list marks; a code block is one short remark."""
    bare = _FENCE.sub("[code]", text)
    lines = (_MARKS.sub("", line.strip()) for line in bare.splitlines())
    parts = (" ".join(part.split()) for line in lines for part in _SENTENCE_END.split(line))
    return [shortened(part) for part in parts if part]


def shortened(text: str, limit: int = LONGEST_SENTENCE) -> str:
    """Cut at a word border, and say so by an ellipsis."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0].rstrip() + "…"


def _words(text: str) -> list[str]:
    return [
        word for word in (match.lower() for match in _WORD.findall(URL.sub(" ", text))) if word not in _DULL
    ]


def _weights(messages: Sequence[Said]) -> dict[str, float]:
    """Weigh words by how many messages use them: most for a few, less for one alone and for nearly all."""
    total = len(messages)
    seen = Counter(word for said in messages for word in set(_words(said.text)))
    return {word: math.log(1 + count) * math.log(1 + total / count) for word, count in seen.items()}


def _discussions(messages: Sequence[Said]) -> list[list[Said]]:
    groups: list[list[Said]] = []
    for said in messages:
        if groups and said.at - groups[-1][-1].at <= DISCUSSION_GAP:
            groups[-1].append(said)
        else:
            groups.append([said])
    return groups


def _sentences(messages: Sequence[Said]) -> list[Said]:
    return [
        Said(author=said.author, at=said.at, text=sentence)
        for said in messages
        for sentence in sentences_of(said.text)
    ]


def _summed_up(group: Sequence[Said], weights: dict[str, float]) -> Discussion:
    counted = Counter(word for said in group for word in set(_words(said.text)))
    title = sorted(counted, key=lambda word: (-counted[word] * weights[word], word))[:TITLE_WORDS]
    return Discussion(title=", ".join(title), messages=len(group), sentences=tuple(_telling(group, weights)))


def _telling(group: Sequence[Said], weights: dict[str, float]) -> list[Said]:
    """Choose the best sentences one by one; words that were chosen already count no more."""
    candidates = _sentences(group)
    told: set[str] = set()
    chosen: list[int] = []
    while len(chosen) < min(SENTENCES_A_DISCUSSION, len(candidates)):
        scores = {n: _worth(said.text, told, weights) for n, said in enumerate(candidates) if n not in chosen}
        best = max(scores, key=lambda n: (scores[n], -n))
        if scores[best] <= 0 and chosen:
            break
        chosen.append(best)
        told.update(_words(candidates[best].text))
    return [candidates[n] for n in sorted(chosen)]


def _worth(sentence: str, told: set[str], weights: dict[str, float]) -> float:
    words = set(_words(sentence))
    fresh = sum(weights.get(word, 0.0) for word in words - told)
    bonus = 1.25 if re.search(r"\d", sentence) or URL.search(sentence) else 1.0
    return bonus * fresh / math.sqrt(4 + len(words))


def _links(messages: Sequence[Said]) -> list[Said]:
    found: dict[str, Said] = {}
    for said in messages:
        for url in URL.findall(said.text):
            found.setdefault(url, Said(author=said.author, at=said.at, text=url))
    return list(found.values())
