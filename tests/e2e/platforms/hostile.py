"""Make messages that break bots, and say what must be seen of each."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Final

from quarterdeck.testing.simulator.platform import SeenMessage

FAMILY: Final = "👩‍👩‍👧‍👦"
CALLS: Final = (
    "@everyone", "@here", "@channel", "<!channel>", "<!here>", "<!everyone>", "<@U00000001>", "<@&1>", "<@1>",
    "<@!1>", "<#1>", "<!subteam^S1|@team>", "@ada", "@quarterdeck_bot", "@all", "@room", "/start@other_bot",
)  # fmt: skip
LINKS: Final = (
    "[go](https://a.example/p?q=1&r=2)", "[@everyone](https://a.example)", "[js](javascript:alert(1))",
    "[tg](tg://user?id=1)", "[d](data:text/html,x)", "[m](mailto:a@b.example)", "https://a.example/?u=@ada",
    "<https://a.example|click>", "<javascript:alert(1)|x>", "[x](<@U00000001>)", "![pic](https://a.example/i.png)",
    "[a](slack://open)", "[](https://a.example)", "[un(https://a.example", "https://a.example/" + "p" * 900,
)  # fmt: skip
SIGNS: Final = (
    "```", "```py\nprint('@everyone')\n```", "`", "``", "**", "**bold**", "*", "_", "__", "~~", "~~gone~~", "||",
    "||spoiler||", "> ", "> > > deep", "# head", "-# small", "- ", "1. ", "***", "\\", "\\*", "&amp;",
    "&lt;!channel&gt;", "<b>", "</b><script>", "<u>x</u>", "[", "](", "|", "---", "===", "$x$", "{{x}}",
    "%s%n", "'; DROP TABLE", "\u200b```",
)  # fmt: skip
LETTERS: Final = (
    FAMILY, "🇩🇪🇫🇷", "👍🏽", "❤️‍🔥", "e\u0301", "\u0301\u0301", "\u200b", "\u200d", "\u200e", "\u202e", "\u2066",
    "\ufeff", "\u2060", "שלום", "مرحبا بكم", "漢字かな", "ไทย", "\u2028", "\u2029", "\u00a0", "\u3000", "﷽", "Z̴̢͠a̷l̶g̵o̷",
    "\x00", "\x07", "\x1b[31m", "\t", "\r\n", "\u0085", "\ufffe", "\U0001d54f", "\U000e0041", "😀" * 40,
)  # fmt: skip
TABLE: Final = "\n\n| a | b |\n|---|---|\n"


def answer(number: int) -> str:
    """Return the answer of a number: words of its own in order, and between them whatever breaks bots.

    Each hundred has all lengths, up to 40,000 characters.
    """
    chance = random.Random(number)
    size = 40_000 if number % 50 == 7 else chance.choice((0, 40, 400, 1_900, 2_100, 4_200, 9_000))
    if number % 25 == 3:
        return f"{FAMILY * 900} {word(number, 0)}"
    if number % 25 == 13:
        return _table(number, 60)
    if number % 25 == 21:
        return "a" * (size + 3_000) + f" {word(number, 0)}"
    pieces, length, count = [word(number, 0)], 0, 0
    while length < size:
        piece = chance.choice(chance.choice((CALLS, LINKS, SIGNS, LETTERS)))
        gap = (
            "\n" if "```" in piece else chance.choice((" ", " ", " ", "\n", "\n\n"))
        )  # `` ```word `` is a language
        count += 1
        pieces += [piece, gap, word(number, count), gap]
        length += len(piece) + len(pieces[-2]) + 2
    return "".join([pieces[0], " ", *pieces[1:]])


def typed(number: int) -> str:
    """Return what a person types: the same, as long as every client lets them."""
    whole = re.sub(r"@\w+", "@everyone", answer(number).replace("\x00", ""))[:1_500]
    return whole[: whole.rfind(" ")] if " " in whole else whole


def word(number: int, count: int) -> str:
    """Return a word that stands in one message only, in one place only."""
    return f"w{number}x{count}z"


def words(text: str) -> list[str]:
    """Return the words of `word`, in the order in which they are read."""
    return re.findall(r"w\d+x\d+z", text)


def faults(meant: str, seen: Sequence[SeenMessage]) -> list[str]:
    """Return what is wrong with how an answer is seen."""
    found = []
    text = "\n".join(one.text for one in seen)
    if words(meant) != words(text):
        found.append(f"words {_first_difference(words(meant), words(text))}")
    if meant.count(FAMILY) != text.count(FAMILY):
        found.append(f"{meant.count(FAMILY)} families were sent, {text.count(FAMILY)} are seen")
    if meant.count("a" * 3_000) and meant.count("a") != sum(one.text.count("a") for one in seen):
        found.append(f"{meant.count('a')} letters were sent, {text.count('a')} are seen")
    if len(seen) > 1:
        numbers = [re.findall(r"(\d+/\d+)\W*$", one.text) for one in seen]
        if numbers != [[f"{n}/{len(seen)}"] for n in range(1, len(seen) + 1)]:
            found.append(f"numbers {numbers}")
    found += [f"pings {one.pings}" for one in seen if one.pings]
    found += [f"links to {link}" for one in seen for link in one.links if not _is_harmless(link, one.text)]
    return found


def _is_harmless(link: str, text: str) -> bool:
    """Tell whether a link leads where we meant; or else a reader reads where it leads, as with what clients find."""
    return link.startswith(("https://a.example", "http://a.example", "mailto:")) or link in text


def _first_difference(meant: list[str], seen: list[str]) -> str:
    pairs = zip([*meant, "(end)"], [*seen, "(end)"], strict=False)
    return next((f"{one} was sent, {other} is seen" for one, other in pairs if one != other), "more")


def _table(number: int, rows: int) -> str:
    lines = (f"| {word(number, n)} | @everyone {FAMILY} <!channel> \\| ` |\n" for n in range(rows))
    return f"Table:{TABLE}{''.join(lines)}"
