"""Draw answers on a terminal: Markdown rendered, sources dim below, and nothing that the terminal would obey.

Escaping happens last, on what rich is about to write: Markdown decodes entities and percent signs, so text that was
clean before need not be clean after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from quarterdeck.core.reply import Citation, Reply
from quarterdeck.core.text import printable

if TYPE_CHECKING:
    from markdown_it.token import Token
    from rich.markdown import Markdown

JOINERS: Final = ("\u200d", "\u200c")  # they hold emoji families and Persian words together, and do no harm
STYLES: Final = {"error": "red", "denied": "yellow", "pending": "cyan"}
LONGEST_TAIL: Final = 16_000  # characters; more than a terminal shows at once
FRAME_S: Final = 0.05  # pieces of a fast model come closer together than eyes can follow


class Screen:
    """Print below what stands there. `clean` takes secrets out of what is shown."""

    def __init__(self, clean: Callable[[str], str], console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._clean = clean

    def note(self, text: str) -> None:
        """Print a dim line of our own."""
        self._print(Text(text, style="dim"))

    def complaint(self, text: str) -> None:
        """Print what went wrong here."""
        self._print(Text(text, style="red"))

    def reply(self, reply: Reply) -> None:
        """Print an answer with everything that belongs to it."""
        style = STYLES.get(reply.status, "none")
        if text := without_sources(reply):
            self._print(markdown(shown(self._clean(text)), style))
        for citation in reply.citations:
            self._print(Text(f"  {source(citation)}  {citation.url}".rstrip(), style="dim"))
        for file in reply.files:
            self._print(Text(f"  {file.name}: {file.path}"))
        for button in reply.card.buttons if reply.card else ():
            line = Text("  ").append(f"[{button.label}]", style="bold").append(f"  /press {button.id}")
            self._print(line)
        if reply.run_id is not None:
            self._print(Text(f"  run {reply.run_id}", style="dim"))

    @contextmanager
    def writing(self) -> Iterator[Callable[[str], None]]:
        """Yield what shows the next piece of an answer; the pieces vanish when the block ends.

        Only as much of the end is shown as the terminal has lines, so that all of it can be taken away again.
        """
        tail = _Tail(self._clean)
        loop = asyncio.get_running_loop()
        frame: asyncio.TimerHandle | None = None

        def add(piece: str) -> None:
            nonlocal frame
            tail.add(piece)
            if frame is None:
                frame = loop.call_later(FRAME_S, draw)

        def draw() -> None:
            nonlocal frame
            frame = None
            live.refresh()

        with Live(
            _Escaped(tail),
            console=self._console,
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            try:
                yield add
            finally:
                if frame is not None:
                    frame.cancel()

    def _print(self, drawn: RenderableType) -> None:
        if isinstance(drawn, Text):
            drawn.plain = self._clean(drawn.plain)
        self._console.print(_Escaped(drawn))


def shown(text: str) -> str:
    """Escape control characters, but keep what only joins letters."""
    for joiner in JOINERS:
        if joiner in text:
            return joiner.join(shown(part) for part in text.split(joiner))
    return printable(text)


def source(citation: Citation) -> str:
    """Name where a claim comes from, as in the text of an answer."""
    heading = f" › {citation.heading}" if citation.heading else ""
    return f"[{citation.n}] {citation.document}{heading}"


def without_sources(reply: Reply) -> str:
    """Return the text without the list of sources at its end, which is drawn apart."""
    sources = "\n".join(source(citation) for citation in reply.citations)
    return reply.text.removesuffix(sources).rstrip() if sources else reply.text


def markdown(text: str, style: str) -> Markdown:
    """Read Markdown so that nothing of it disappears: HTML and pictures stay text, line ends stay line ends."""
    from markdown_it import MarkdownIt
    from rich.markdown import Markdown

    drawn = Markdown("", code_theme="ansi_dark", style=style, hyperlinks=False)
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    drawn.parsed = parser.parse(text)
    for token in _all_of(drawn.parsed):
        if token.type == "softbreak":
            token.type = "hardbreak"
    return drawn


def _all_of(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all_of(token.children or [])


class _Tail:
    """Draw the last lines of a text that grows; a dot leader while it is empty."""

    def __init__(self, clean: Callable[[str], str]) -> None:
        self._clean = clean
        self._text = ""

    def add(self, piece: str) -> None:
        """Add to the end."""
        text = self._text + piece
        if len(text) > LONGEST_TAIL:
            _, _, text = text[-LONGEST_TAIL // 2 :].partition("\n")
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = Text(shown(self._clean(self._text))) if self._text else Text("…", style="dim")
        rows = console.render_lines(text, options.update(height=None), pad=False)
        for row in rows[-max(1, console.size.height - 2) :]:
            yield from row
            yield Segment.line()


class _Escaped:
    """Draw something without any control character of its own."""

    def __init__(self, drawn: RenderableType) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._drawn, options):
            if segment.control:
                continue
            yield Segment(shown(segment.text), segment.style)
