"""Make a full-text query out of whatever somebody typed.

SQLite's FTS5 reads its own little language; a raw question is a syntax error at best and reads another column at
worst. Here a question becomes plain words; the store quotes each, and nothing else reaches MATCH.
"""

from __future__ import annotations

import re
import unicodedata

from quarterdeck.rag.words.language import further_forms

TOKEN_LIMIT = 32
LENGTH_LIMIT = 4000  # characters of a question that are looked at

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_IDEOGRAPH = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff])")

_STOP = """
a about above after again all also am an and any are as at be been before being below between both
but by can cannot could did do does doing done down during each else ever few for from further get
gets give given go goes got had has have having he help her here hers him his how i if in into is it
its itself just know let like may me mean might mine more most much must my need no nor not now of
off on once only or other ought our ours out over own please same shall she should show so some such
tell than that the their theirs them then there these they thing things this those through to too
under until up us use used using very want was way we were what when where which while who whom
whose why will with without would you your yours aber als auch auf aus bei bin bis bist da damit
dann das dass dein dem den der des die dies diese dieser doch du durch ein eine einem einen einer
eines er es für hat habe haben hier ich ihr im ist ja kann kein keine können machen man mein mich
mir mit muss nach nicht noch nur ob oder ohne sein sich sie sind soll über um und uns unser vom von
vor wann warum welche welcher wenn wer werden wie wieso wird wir wo zu zum zur
"""
STOP_WORDS = frozenset(_STOP.split())


def words(text: str) -> list[str]:
    """Return the words of `text` in lower case, as the full-text index cuts them; ideographs also in pairs."""
    return _WORD.findall(searchable(text).lower())


def searchable(text: str) -> str:
    """Return the form of `text` that the full-text index stores.

    Identifiers are given in parts as well (`readFileSync` also as `read File Sync`), and ideographs, which are not
    separated by spaces, one by one and in pairs; languages other than English get the stems of their words.
    """
    plain = unicodedata.normalize("NFKC", text).replace("\0", " ")
    forms = "".join(f" {form}" for form in further_forms(plain))
    plain = _IDEOGRAPH.sub(r" \1 ", plain)
    parts = [f" {_HUMP.sub(' ', word)}" for word in _WORD.findall(plain) if _HUMP.search(word)]
    return plain + "".join(parts) + forms


def terms(question: str) -> tuple[str, ...]:
    """Return the words of `question` that are worth looking for, each once, at most 32, in their order.

    Stop words go, unless nothing else is left.
    """
    all_words = list(dict.fromkeys(words(question[:LENGTH_LIMIT])))
    telling = [word for word in all_words if word not in STOP_WORDS and (len(word) > 1 or not word.isascii())]
    return tuple((telling or all_words)[:TOKEN_LIMIT])
