"""Show a model the few tools that fit the question, and one more that finds the others.

Every tool that is shown is read again with each round of each answer, about 150 tokens of it. Which are shown decides
nothing about rights: a model may call any tool of the person's that it knows of, and each call is decided by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from quarterdeck.core.model import Tool, ToolCall
from quarterdeck.core.tool import ToolResult, Usable

FEW: Final = 8  # so many are shown as they are
MOST_FITTING: Final = 5  # of more than that: those that fit the question best
MOST_FOUND: Final = 8
ALWAYS: Final = ("knowledge.search",)  # what most questions of a team are about
FIND: Final = "find_tools"
FIND_TOOL: Final = Tool(
    name=FIND,
    description="Find more tools than those shown here, by English words for what they should do; those that are found "
    "can be used from then on",
    schema={
        "type": "object",
        "properties": {"words": {"type": "string", "maxLength": 200}},
        "required": ["words"],
        "additionalProperties": False,
    },
)
WORD: Final = re.compile(r"[a-z]{3,}")
FILLERS: Final = (
    " about all and any are but can could did does for from get has have here how its just like make more much not now "
    "off one only our out please said say she should show some tell than that the them then there these they this "
    "those use was were what when where which who why will with would you your "
)
NAME_WEIGHT: Final = 3


class Choice:
    """Know which of a person's tools a model is shown; `named` are all of them, as they are called on the wire."""

    def __init__(self, named: Mapping[str, Usable], question: str, called: Sequence[str] = ()) -> None:
        """`called` are those that were used before in this answer: they are shown again."""
        self._named = named
        self.is_all = len(named) <= FEW
        self._shown = set(named) if self.is_all else {*self._always(), *self._fitting(question, MOST_FITTING)}
        self._shown |= set(called) & set(named)

    def shown(self) -> list[str]:
        """Name what is shown, in order."""
        return [name for name in self._named if name in self._shown]

    def find(self, call: ToolCall) -> ToolResult:
        """Answer a call of `find_tools`; what is found is shown from now on."""
        found = self._fitting(str(call.values().get("words", "")), MOST_FOUND)
        self._shown |= set(found)
        if not found:
            return ToolResult(text="No tool fits these words. Say so, or try others.")
        lines = (f"{name}: {self._named[name].summary.partition('. ')[0]}" for name in found)
        return ToolResult(text="\n".join(lines))

    def _always(self) -> list[str]:
        return [name for name, one in self._named.items() if one.name in ALWAYS]

    def _fitting(self, text: str, most: int) -> list[str]:
        """Return those that share words with `text`, best first."""
        wanted = _words(text)
        scores = {name: _score(one, wanted) for name, one in self._named.items()} if wanted else {}
        return sorted((name for name in scores if scores[name]), key=lambda name: -scores[name])[:most]


def _score(usable: Usable, wanted: frozenset[str]) -> int:
    return NAME_WEIGHT * len(wanted & _told(usable.name)) + len(wanted & _told(usable.summary))


@lru_cache(maxsize=4096)
def _told(text: str) -> frozenset[str]:
    """Return the words of what a tool says of itself: asked for with every question."""
    return _words(text)


def _words(text: str) -> frozenset[str]:
    """Return the words that say something, without the ending of a plural."""
    found = WORD.findall(text.lower()[:4000])
    return frozenset(
        word.removesuffix("s") if len(word) > 3 else word for word in found if f" {word} " not in FILLERS
    )
