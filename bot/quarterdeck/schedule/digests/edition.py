"""Lay out one issue: numbered items in groups, links, what is still open, failures in one line. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from quarterdeck.core.reply import Button, Card, Reply
from quarterdeck.core.schedule import Item
from quarterdeck.core.value import dataclass
from quarterdeck.schedule.digests.extract import shortened
from quarterdeck.schedule.digests.issue import Window, clock_time

WITH_BUTTONS = 5  # items that get buttons; the others are marked by /digest ack and /digest mute
LONGEST_LABEL = 120  # characters of a title in the line of what is still open
_MARKUP = re.compile(r"([\\`*_\[\]<>|~#])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Hold an item with its number; `is_changed`: readers had an earlier form of it."""

    n: int
    item: Item
    is_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """Hold one issue. `still_open` are titles by number; `failing` reasons and `again` names of sources."""

    title: str
    code: str
    window: Window
    items: tuple[Shown, ...]
    more: int = 0
    still_open: tuple[tuple[int, str, str], ...] = ()
    failing: Mapping[str, str] = ()  # type: ignore[assignment]  # always given
    again: tuple[str, ...] = ()
    has_ack: bool = False

    def reply(self, *, limit: int, summary: str = "", note: str = "") -> tuple[Reply, int]:
        """Return the post, within `limit` characters, and how many items it shows.

        Room is made first by leaving out what items say beside their title, then by items from the end.
        """
        count = len(self.items)
        body = self._body(self.items, with_text=True, summary=summary, note=note)
        if len(body) > limit and not summary:
            while count > 1:
                body = self._body(self.items[:count], with_text=False, summary="", note=note)
                if len(body) <= limit:
                    break
                count -= 1
        body = body if len(body) <= limit else shortened(body, limit)
        buttons = self._buttons(count)
        if not buttons:
            return Reply(text=f"**{self.title}**, {self._span()}\n\n{body}"), count
        return Reply(card=Card(title=f"{self.title}, {self._span()}", body=body, buttons=buttons)), count

    def _span(self) -> str:
        until = self.window.until
        return f"{clock_time(self.window.since)} to {clock_time(until)} {until:%Z}".rstrip()

    def _body(self, items: Sequence[Shown], *, with_text: bool, summary: str, note: str) -> str:
        sections = [summary] if summary else _groups(items, with_text=with_text)
        left_out = self.more + len(self.items) - len(items)
        if left_out:
            sections.append(f"… and {left_out} more.")
        if self.still_open:
            listed = "; ".join(f"{n}. {_linked(title, url)}" for n, title, url in self.still_open)
            sections.append(f"**Still open**: {listed}")
        folded = [f"{name} ({reason})" for name, reason in sorted(dict(self.failing).items())]
        if folded:
            sections.append(f"_Could not be read: {'; '.join(folded)}._")
        if self.again:
            sections.append(f"_Can be read again: {', '.join(sorted(self.again))}._")
        if note:
            sections.append(note)
        return "\n\n".join(sections) or "Nothing new."

    def _buttons(self, count: int) -> tuple[Button, ...]:
        numbers = [one.n for one in self.items[:count]] + [n for n, _, _ in self.still_open]
        kinds = (("ack", "Done"), ("mute", "Mute")) if self.has_ack else (("mute", "Mute"),)
        return tuple(
            Button(id=f"{kind}{n}", label=f"{label} {n}", value=f"/digest {kind} {self.code} {n}")
            for n in numbers[:WITH_BUTTONS]
            for kind, label in kinds
        )


def _groups(items: Sequence[Shown], *, with_text: bool) -> list[str]:
    by_group: dict[str, list[str]] = {}
    for shown in items:
        item, mark = shown.item, " _(changed)_" if shown.is_changed else ""
        text = f": {escaped(item.text)}" if with_text and item.text and item.text != item.title else ""
        line = f"{shown.n}. {_linked(item.title, item.url)}{mark}{text}"
        by_group.setdefault(item.group, []).append(line)
    return [
        "\n".join([f"**{escaped(group)}**", *lines] if group else lines) for group, lines in by_group.items()
    ]


def _linked(title: str, url: str) -> str:
    said = escaped(shortened(title, LONGEST_LABEL))
    return f"[{said}]({url})" if url else said


def escaped(text: str) -> str:
    """Return text that shows as it is: what sources say is no markup of ours."""
    return _MARKUP.sub(r"\\\1", text)
