"""Take sentences apart: clauses, words, numbers with their units, names, negations. Of English, and of some German."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace

from quarterdeck.core.value import dataclass
from quarterdeck.rag.answering.vocabulary import (
    GENERIC,
    LEADS,
    MUST,
    NEGATIONS,
    NUMBER_WORDS,
    SCALES,
    SENSITIVE,
    UNITS,
)
from quarterdeck.rag.reading.document import plain
from quarterdeck.rag.words.query import STOP_WORDS

_WORD = re.compile(r"\d+(?:[.,:]\d+)+(?![\w.])%?|[#@$]?(?:--)?[^\W_]+(?:[._/:’'@#+\\=-]+[^\W_]+)*%?")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,:]\d+)*%?")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CLAUSE = re.compile(r"[,:](?=\s)|[;()—–]|\s-\s|\s*\|\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Hold one clause taken apart. `lead` is what joins it (`before`, `if` …), `order` its words and names in order."""

    sentence: int = 0
    lead: str = ""
    is_negated: bool = False
    order: tuple[str, ...] = ()
    generic: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()
    sensitive: frozenset[str] = frozenset()
    has_must: bool = False
    is_passive: bool = False
    telling: frozenset[str] = field(default=frozenset())

    @property
    def is_empty(self) -> bool:
        """Tell whether it says nothing by itself."""
        return not self.telling and not self.numbers and not self.names

    @property
    def is_number(self) -> bool:
        """Tell whether it is only a number."""
        return bool(self.numbers) and not (self.lead or self.telling or self.names)


def flat(text: str) -> str:
    """Return text as it is compared: no markup, one kind of quotes and blanks, lower case."""
    text = unicodedata.normalize("NFKC", plain(text)).replace("’", "'").replace("“", '"').replace("”", '"')
    return " ".join(
        re.sub(r"[*`_>#|]+(?=\s|$)|(?<!\S)[*`_>|]+|(?<=\s)#+(?=\s)|[*`]", " ", text).split()
    ).lower()


def clauses(text: str) -> list[Clause]:
    """Return the clauses of a text, those that say nothing left out; a bare number joins the one before."""
    found: list[Clause] = []
    plainly = unicodedata.normalize("NFKC", plain(text)).replace("’", "'")
    for number, sentence in enumerate(_SENTENCE.split(plainly)):
        for part in _CLAUSE.split(sentence):
            for lead, words in _by_leads(_words(part or "")):
                clause = _clause(number, lead, words)
                if clause.is_number and found and found[-1].sentence == number:
                    found[-1] = replace(found[-1], numbers=found[-1].numbers + clause.numbers)
                elif not clause.is_empty:
                    found.append(clause)
    return found


def _words(part: str) -> list[str]:
    return _WORD.findall(part)


def _by_leads(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Cut a clause at the words that begin another one; `and` between two nouns begins none."""
    lead, held = "", list[str]()
    for n, word in enumerate(words):
        joined = LEADS.get(word.lower())
        if joined is not None and (joined or (_is_long(held) and _is_long(words[n + 1 :]))):
            yield lead, held
            lead, held = joined, []
        else:
            held.append(word)
    yield lead, held


def _is_long(words: Sequence[str]) -> bool:
    return sum(word.lower() not in STOP_WORDS for word in words) >= 3


def _clause(sentence: int, lead: str, words: Sequence[str]) -> Clause:
    lower = [word.lower() for word in words]
    negations = sum(word in NEGATIONS or word.endswith("n't") for word in lower)
    numbers, used = _numbers(lower)
    order, names, generic = [], [], set()
    for n, (word, low) in enumerate(zip(words, lower, strict=True)):
        if n in used or low in NEGATIONS or low.endswith("n't") or low in SENSITIVE:
            continue
        if is_name(word, is_first=n == 0):
            names.append(low.strip("'"))
            order.append(names[-1])
        elif low in GENERIC:
            generic.add(stem(low))
        elif low not in STOP_WORDS and (len(low) > 1 or not low.isascii()):
            order.append(stem(low))
    return Clause(
        sentence=sentence,
        lead=lead,
        is_negated=negations % 2 == 1,
        order=tuple(order),
        generic=frozenset(generic),
        names=tuple(names),
        numbers=tuple(numbers),
        sensitive=frozenset(SENSITIVE[low] for low in lower if low in SENSITIVE),
        has_must=any(low in MUST for low in lower),
        is_passive="by" in lower or "von" in lower,
        telling=frozenset(order) - set(names),
    )


def is_name(word: str, *, is_first: bool) -> bool:
    """Tell whether a word names something: a name, an identifier, a path, an option, an abbreviation."""
    bare = word.rstrip("%")
    if bare[:1] in "#@$" or bare.startswith("--") or any(sign in bare for sign in "._/\\@=#"):
        return not _NUMBER.fullmatch(word)
    if any(sign.isdigit() for sign in bare):
        return any(sign.isalpha() for sign in bare)
    if len(bare) > 1 and any(sign.isupper() for sign in bare[1:]):
        return True
    return bare[:1].isupper() and not is_first and bare.lower() not in STOP_WORDS


def _numbers(words: Sequence[str]) -> tuple[list[tuple[str, str]], set[int]]:
    """Return numbers as (value, unit), and which words they are made of."""
    found: list[tuple[str, str]] = []
    used: set[int] = set()
    n = 0
    while n < len(words):
        value, length = _number_at(words, n)
        if not length:
            n += 1
            continue
        unit = UNITS.get(_singular(words[n + length]), "") if n + length < len(words) else ""
        if value.endswith("%"):
            value, unit = value[:-1], "percent"
        if not (value == "1" and words[n] == "one" and not unit):
            found.append((value, unit))
            used |= set(range(n, n + length + bool(unit and unit != "percent")))
        n += length
    return found, used


def _number_at(words: Sequence[str], n: int) -> tuple[str, int]:
    word = words[n]
    if _NUMBER.fullmatch(word):
        return _canonical(word), 1
    glued = re.fullmatch(r"(\d+(?:[.,]\d+)?)([a-zäöü]+)", word)
    if glued and glued[2] in UNITS:
        return _canonical(glued[1]), 1
    parts = [part for part in word.split("-") if part] if "-" in word else [word]
    if not all(part in NUMBER_WORDS for part in parts):
        return "", 0
    total, length = sum(NUMBER_WORDS[part] for part in parts), 1
    while n + length < len(words) and words[n + length] in SCALES:
        total *= SCALES[words[n + length]]
        length += 1
    return str(total), length


def _canonical(number: str) -> str:
    """Return one spelling: 1,000 is 1000, +5 is 5; times and versions stay as they are."""
    number = number.lstrip("+")
    percent = "%" if number.endswith("%") else ""
    number = number.rstrip("%")
    if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+", number):
        number = number.replace(",", "")
    if re.fullmatch(r"-?\d+\.0+", number):
        number = number.split(".")[0]
    return number + percent


def _singular(word: str) -> str:
    if word in UNITS:
        return word
    return word[:-1] if word.endswith("s") and word[:-1] in UNITS else word


def stem(word: str) -> str:
    """Return a word without its ending, so that `rotates`, `rotated` and `rotating` are the same."""
    word = word.removesuffix("'s").strip("'")
    if not word.isalpha() or len(word) < 4:
        return word
    for ending, instead in (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsaeiou":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def stems(texts: Iterable[str]) -> frozenset[str]:
    """Return the stems of all words, names in lower case."""
    return frozenset(
        form for text in texts for word in _words(plain(text)) for form in (stem(word.lower()), word.lower())
    )
