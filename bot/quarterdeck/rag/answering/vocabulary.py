"""Know the words that decide what a sentence claims: negations, conditions, what narrows or widens, numbers, units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NEGATIONS = """
no not never none nobody nothing neither nor without cannot hardly
nicht kein keine keinen keiner keinem nie niemals niemand nichts ohne weder noch
"""
NEGATIONS: Final = frozenset(_NEGATIONS.split())

_MUST = "must required requires mandatory always shall muss müssen"
MUST: Final = frozenset(_MUST.split())

_GENERIC = """
need needs step steps follow following perform performs execute use uses make makes take takes get gets happen
happens work works way ways then next finally also currently please simply note means called named known
located found available say says said state states according passage passages document documents documentation
source sources mention mentions contradict contradicts disagree differ differs conflict conflicting however
another someone person must required requires done do does both either via per approximately about roughly
around ungefähr etwa laut steht sagt there here answer as so it its they them one ones
"""
GENERIC: Final = frozenset(_GENERIC.split())
"""Words that add nothing that a passage would have to say."""

_LEADS = {
    "before": "before prior bevor vor",
    "after": "after afterwards nach nachdem",
    "until": "until till bis",
    "unless": "unless except außer",
    "if": "if wenn falls",
    "when": "when whenever sobald",
    "because": "because since weil",
    "": "and but while whereas then und aber während",
}
LEADS: Final[Mapping[str, str]] = {word: lead for lead, words in _LEADS.items() for word in words.split()}
"""What joins a clause to another; those with nothing behind them only join."""

_SENSITIVE = {
    "all": "all every each any everybody everyone everything alle jede",
    "always": "always immer",
    "only": "only solely exclusively just nur",
    "least": "least minimum mindestens",
    "most": "most maximum höchstens",
    "more": "more above over exceeding longer mehr über",
    "less": "less below under fewer shorter weniger unter",
    "first": "first erst erste",
    "last": "last final letzte",
    "off": "off aus",
    "up": "up",
    "down": "down",
    "may": "may can might could optional optionally kann darf",
}
SENSITIVE: Final[Mapping[str, str]] = {
    word: kind for kind, words in _SENSITIVE.items() for word in words.split()
}
"""Small words that turn a claim into another one."""

_COUNTED = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_GEZAEHLT = "null - zwei drei vier fünf sechs sieben acht neun zehn elf zwölf"
NUMBER_WORDS: Final[Mapping[str, int]] = {
    **{word: n for n, word in enumerate(_COUNTED.split())},
    **{word: n * 10 for n, word in enumerate(_TENS.split(), 2)},
    **{word: n for n, word in enumerate(_GEZAEHLT.split()) if word != "-"},
    "zwanzig": 20,
    "dreißig": 30,
    "vierzig": 40,
    "fünfzig": 50,
    "dozen": 12,
    "once": 1,
    "twice": 2,
}
SCALES: Final[Mapping[str, int]] = {
    "hundred": 100,
    "thousand": 1000,
    "million": 1_000_000,
    "billion": 1_000_000_000,
}

_UNITS = """
second sec s, millisecond ms, minute min, hour hr h, day d, week wk, month, year yr, byte b, kilobyte kb kib,
megabyte mb mib, gigabyte gb gib, terabyte tb tib, percent %, euro eur €, dollar usd $, replica, attempt retry, time,
person people, node, pod, core, version, sekunde, stunde, tag, woche, monat, jahr, degree, meter metre m,
kilometer km, token, request, row
"""
UNITS: Final[Mapping[str, str]] = {
    name: names.split()[0] for names in _UNITS.split(",") for name in names.split()
}
"""Units by every way to write them, each with its first name."""

_SAME = """
manually:hand manual:hand begin:start commence:start finish:end expire:end delete:remove erase:remove execute:run
launch:start permit:allow purchase:buy vacation:holiday nightly:night hourly:hour daily:day weekly:week monthly:month
yearly:year annual:year annually:year employee:staff reboot:restart
"""
SAME: Final[Mapping[str, str]] = {
    one: other for one, _, other in (pair.partition(":") for pair in _SAME.split())
}
"""Words that mean the same, each with the one that stands for it."""
