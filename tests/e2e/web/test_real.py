"""The page in front of the real program: sign in, talk, lose the line, start again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, async_playwright, expect
from tests.conftest import find_or_skip
from tests.e2e.conftest import Program
from tests.e2e.platforms.model import Model

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

DROPS = 100
WAIT_MS = 30_000
PASSWORD = "a sentence that nobody guesses"


@dataclass
class Line:
    """Be the line between browser and bot, to be cut at will."""

    target: int
    port: int = 0
    ends: set[asyncio.StreamWriter] = field(default_factory=set)

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
                both.create_task(self.pump(reader, far_writer))
                both.create_task(self.pump(far_reader, writer))
        finally:
            self.ends -= ends
            for end in ends:
                end.transport.abort()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one direction."""
        try:
            while block := await reader.read(65_536):
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
        page = await browser.new_page()
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


async def test_an_answer_survives_a_hundred_drops(tmp_path: Path) -> None:
    """The whole way, model to screen: the line is cut a hundred times while an answer is written."""
    async with deck_at(tmp_path) as deck:
        await deck.say("/chat tell me all")
        _, pen = await deck.model.asked.get()
        for number in range(DROPS):
            await pen.write(f"w{number} ")
            await expect(deck.page.locator("#live .text")).to_contain_text(f"w{number}")
            deck.line.cut()
        await pen.finish()
        await expect(deck.page.locator("#messages .bot")).to_have_count(1)
        shown = await deck.shown()

        assert ["/chat tell me all", " ".join(f"w{number}" for number in range(DROPS))] == shown


async def test_messages_go_once_over_a_line_that_breaks_and_a_bot_that_starts_again(tmp_path: Path) -> None:
    """Each is sent while the line is cut, the bot is stopped and started in between; order and number hold."""
    expected: list[str] = []
    async with deck_at(tmp_path) as deck:
        for number in range(20):
            await deck.say(f"/echo word{number}")
            deck.line.cut()
            expected += [f"/echo word{number}", f"word{number}"]
            if number == 10:
                await deck.stop()
                await deck.start()
            await expect(deck.page.locator("#messages .bot")).to_have_count(number + 1)
        await expect(deck.page.locator("#pending > *")).to_have_count(0)
        shown = await deck.shown()
        assert expected == shown
        await deck.page.reload()
        await expect(deck.page.locator(".message")).to_have_count(len(expected))

        assert expected == await deck.shown()


async def test_a_visit_to_the_real_program(tmp_path: Path, note: Path) -> None:
    """Commands from the palette, a file, an edit, the owner's page, and out again."""
    async with deck_at(tmp_path) as deck:
        page = deck.page
        await deck.say("/ping")
        await expect(deck.said("Pong.")).to_be_visible()
        await page.keyboard.press("Control+k")
        await page.keyboard.type("echo")
        await page.keyboard.press("Enter")
        await page.get_by_role("dialog", name="/echo").locator("input, textarea").first.fill("ahoy")
        await page.get_by_role("button", name="Run /echo").click()
        await expect(page.locator("#messages .bot").last).to_contain_text("ahoy")
        await page.locator("#picker").set_input_files(note)
        await expect(page.locator("#attached li")).to_contain_text("12 B")
        await deck.say("/echo with a file")
        await expect(page.locator("#messages .mine .file")).to_contain_text("note.txt")
        await expect(page.locator("#messages .bot")).to_have_count(3)
        await page.keyboard.press("ArrowUp")
        await deck.say("/echo edited")
        await expect(page.locator("#messages .bot").last).to_contain_text("edited")
        await expect(page.locator("#messages .bot")).to_have_count(3)
        await page.goto(f"{deck.url}/")
        await expect(page.locator("h1")).to_have_text("All is well")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page).to_have_url(f"{deck.url}/sign-in")
        await page.goto(f"{deck.url}/chat")

        await expect(page).to_have_url(re.compile("/sign-in"))
