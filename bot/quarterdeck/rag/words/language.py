"""Add to a text the word forms that SQLite's tokenizer does not find by itself.

Its stemmer knows English only, and it takes a run of ideographs for one word. Here other languages, told by their
small words, get a stem beside each long word, and ideographs their pairs: two neighbours are a word far more often than
one. Documents and questions go the same way.
"""

# ruff: noqa: RUF001 - other alphabets are meant

from __future__ import annotations

import re
from collections import Counter
from typing import Final

LEAST_STEM: Final = 4  # letters that are left of a word
LOOKED_AT: Final = 2000  # characters that the language is told from
STEM_LIMIT: Final = 20_000  # words of one text that get a stem

_WORD: Final = re.compile(r"[^\W\d_]+")
_IDEOGRAPHS: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]{2,}")

SMALL_WORDS: Final[dict[str, frozenset[str]]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the of and to is in that for it with as are on be this by from or an have not which you can",
        "de": "der die das und ist nicht mit den dem ein eine von zu auf für wird werden im sich wie wir ich wenn oder",
        "fr": "le la les des et est une dans que pour qui sur pas avec par plus au du sont cette vous nous être ou",
        "es": "el la los las de que y en un una es por con para del se no como más su al lo está son",
        "it": "il lo la gli le di che e è un una per con del della dei non si come più sono nel alla questo",
        "pt": "o os as de que e um uma para com não em por do da dos das se mais como é são ao você",
        "nl": "de het een en van is dat op te in voor met niet zijn aan door wordt worden ook als bij deze je",
        "ru": "и в не на что с по это как к но из за от для или при если то так же есть быть",
    }.items()
}
SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    language: tuple(endings.split())
    for language, endings in {
        "de": "ungen ern est en er es em et te e n s t",
        "fr": "ements ement ations ation euses euse aux ées ée és er ez es s e é",
        "es": "aciones ación mente idades idad ados adas ado ada ar er ir es os as o a s",
        "it": "azioni azione mente ità ati ate ato ata are ere ire i e o a",
        "pt": "ações ação mente idades idade ados adas ado ada ar er ir es os as o a s",
        "nl": "ingen eren en er es je e s t",
        "ru": (
            "ениями ения ение ений ями ами ого его ому ему ать ить ой ей ый ий ая яя ое ее ые ие ов ев "
            "ах ях ам ям ом ем ы и а я о е у ю ь"
        ),
    }.items()
}
"""Endings that forms of one word differ in, the longest first."""


def language_of(text: str) -> str:
    """Return the language that most small words are of; empty where none leads."""
    counts = Counter(word.lower() for word in _WORD.findall(text[:LOOKED_AT]))
    scores = sorted(
        ((sum(counts[word] for word in small), language) for language, small in SMALL_WORDS.items()),
        reverse=True,
    )
    return scores[0][1] if scores[0][0] > scores[1][0] else ""


def further_forms(text: str) -> list[str]:
    """Return what is to be found besides the words as they stand."""
    pairs = [run[n : n + 2] for run in _IDEOGRAPHS.findall(text) for n in range(len(run) - 1)]
    endings = SUFFIXES.get(language_of(text), ())
    if not endings:
        return pairs
    words = _WORD.findall(text)[:STEM_LIMIT]
    return [*pairs, *(stem for word in words if (stem := _stem(word.lower(), endings)) != word.lower())]


def _stem(word: str, endings: tuple[str, ...]) -> str:
    for ending in endings:
        if word.endswith(ending) and len(word) - len(ending) >= LEAST_STEM:
            return word.removesuffix(ending)
    return word
