"""Hold the page up in front of the real program, with a line between them that can be cut."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Locator, Page, async_playwright, expect
from tests.conftest import find_or_skip
from tests.e2e.conftest import Program
from tests.e2e.platforms.model import Model

WAIT_MS = 30_000
MESSAGE = re.compile(rb"POST /api/v1/conversations/[^/]+/messages ")
PASSWORD = "a sentence that nobody guesses"


@dataclass
class Line:
    """Be the line between browser and bot, to be cut at will."""

    target: int
    port: int = 0
    ends: set[asyncio.StreamWriter] = field(default_factory=set)
    lost: int = 0  # posts whose answers are still to be lost
    swallowed: int = 0  # posts whose answers were lost
    is_deaf: set[asyncio.StreamWriter] = field(default_factory=set)  # browsers that hear no answer any more

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it."""
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except ConnectionError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self.ends |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self.pump(reader, far_writer, browser=writer))
                both.create_task(self.pump(far_reader, writer))
        finally:
            self.ends -= ends
            self.is_deaf -= ends
            for end in ends:
                end.transport.abort()

    async def pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        browser: asyncio.StreamWriter | None = None,
    ) -> None:
        """Carry one direction; `browser` is who writes, where a browser does."""
        try:
            while block := await reader.read(65_536):
                if browser is not None and self.lost and MESSAGE.match(block):
                    self.lost -= 1
                    self.swallowed += 1
                    self.is_deaf.add(browser)
                if writer in self.is_deaf:
                    break  # the bot has taken the message, and its answer gets lost
                writer.write(block)
                await writer.drain()
        except ConnectionError:
            pass
        writer.transport.abort()

    def cut(self) -> None:
        """Cut every connection."""
        for end in list(self.ends):
            end.transport.abort()


@dataclass
class Deck:
    """Hold page, program, model and line."""

    page: Page
    program: Program
    model: Model
    line: Line
    faults: list[str]
    code: str = ""
    running: asyncio.subprocess.Process | None = None
    log: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Return the address that the browser uses."""
        return f"http://localhost:{self.line.port}"

    async def start(self) -> None:
        """Start the bot and wait until it is ready."""
        self.running = await asyncio.create_subprocess_exec(
            *self.program.command("run"),
            cwd=self.program.folder,
            env={
                **self.program.environment,
                **self.model.environment(),
                "QUARTERDECK__LOG__FORMAT": "json",
            },
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        stream = self.running.stderr
        assert stream is not None
        while line := (await stream.readline()).decode():
            if found := re.search(r"#code=(\S+)", line):
                self.code = found[1]
            if '"Ready"' in line:
                self.log = asyncio.create_task(drain(stream))
                return
        raise AssertionError("run ended before it was ready")

    async def stop(self) -> None:
        """End the bot as a service manager does."""
        if self.running is not None and self.running.returncode is None:
            self.running.terminate()
            await self.running.wait()
        if self.log is not None:
            await self.log

    async def sign_in(self) -> None:
        """Be the first owner."""
        await self.page.goto(f"{self.url}/sign-in#code={self.code}")
        await self.page.fill("#new-name", "anna")
        await self.page.fill("#new-password", PASSWORD)
        await self.page.keyboard.press("Enter")
        await expect(self.page.locator("#welcome")).to_be_visible()

    async def say(self, text: str) -> None:
        """Write to the bot."""
        await self.page.fill("#writing", text)
        await self.page.keyboard.press("Enter")

    async def write_unseen(self, text: str, *, room: str) -> None:
        """Write to the bot without waiting for anything on the page."""
        sent = await self.page.request.post(
            f"{self.url}/api/v1/conversations/{room}/messages",
            data={"text": text},
            headers={"X-Quarterdeck": "1", "Idempotency-Key": text},
        )
        assert 202 == sent.status, await sent.text()

    def said(self, text: str) -> Locator:
        """Return the message that says so."""
        return self.page.locator(".message .text", has_text=text)

    async def shown(self) -> list[str]:
        """Return all that stands there, in order."""
        return await self.page.locator(".message .text").all_inner_texts()


async def drain(stream: asyncio.StreamReader) -> None:
    """Read the log, so that the bot never waits for somebody to do so."""
    while await stream.readline():
        pass


@asynccontextmanager
async def deck_at(folder: Path) -> AsyncIterator[Deck]:
    """Hold everything up."""
    program = Program(folder)
    line = Line(program.port)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(await asyncio.start_server(line.carry, "127.0.0.1", 0))
        line.port = server.sockets[0].getsockname()[1]
        stack.callback(line.cut)
        model = await stack.enter_async_context(Model())
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=find_or_skip("chromium"), args=["--no-sandbox"]
        )
        stack.push_async_callback(browser.close)
        page = await (await browser.new_context()).new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda one: faults.append(one.text) if "Policy" in one.text else None)
        expect.set_options(timeout=WAIT_MS)
        deck = Deck(page, program, model, line, faults)
        stack.push_async_callback(deck.stop)
        await deck.start()
        await deck.sign_in()
        yield deck
        assert [] == faults
