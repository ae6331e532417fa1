"""Stand in for the server in tests of the page: the contract of the chat API over plain memory, with faults to order.

The page under test is the shipped one, with the headers that the product sends; only what answers behind it is canned.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

WEB = Path(__file__).resolve().parents[3] / "bot" / "quarterdeck" / "web"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types quarterdeck"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
EPOCH = datetime(2026, 11, 20, 8, tzinfo=UTC)
Body = dict[str, Any]


@dataclass
class Talk:
    """Hold one conversation: every event there ever was, and the messages as they stand."""

    id: str
    title: str = ""
    log: list[tuple[int, str, Body]] = field(default_factory=list)
    messages: list[Body] = field(default_factory=list)
    working: dict[str, Body] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    listeners: set[asyncio.Queue[tuple[str, int | None, Body] | None]] = field(default_factory=set)
    seq: int = 0

    def emit(self, event: str, data: Body, *, is_kept: bool = True) -> int:
        """Tell everybody who listens; what is kept has a number and is told again after a drop."""
        if is_kept:
            self.log.append((self.seq, event, data))
        for queue in self.listeners:
            queue.put_nowait((event, self.seq if is_kept else None, data))
        return self.seq

    def say(self, role: str, text: str, *, html: str = "", cause: str = "", **more: Any) -> Body:
        """Put one message into the conversation."""
        self.seq += 1
        message = {
            "seq": self.seq,
            "id": f"m{self.seq}",
            "role": role,
            "kind": "text",
            "cause": cause or f"k{self.seq}",
            "key": "",
            "of": None,
            "at": (EPOCH + timedelta(minutes=7 * self.seq)).isoformat(),
            "text": text,
            "html": html or f"<p>{text}</p>",
            "status": "answered",
            "citations": [],
            "buttons": [],
            "form": None,
            "files": [],
            "run_id": None,
            "edited": False,
            **more,
        }
        self.messages.append(message)
        self.emit("message", message)
        return message

    def status(self) -> None:
        """Tell what is being answered."""
        self.emit("status", {"working": list(self.working), "typing": False}, is_kept=False)

    def piece(self, cause: str, blocks: list[str], start: int = 0) -> None:
        """Show what is written of an answer so far."""
        self.working[cause] = {"cause": cause, "at": 0, "text": "", "from": 0, "html": blocks}
        self.emit("piece", {**self.working[cause], "from": start, "html": blocks[start:]}, is_kept=False)

    def end(self, cause: str, text: str, **more: Any) -> None:
        """Finish an answer."""
        self.working.pop(cause, None)
        self.say("bot", text, cause=cause, **more)
        self.status()

    def view(self) -> Body:
        """Describe the conversation."""
        at = (EPOCH + timedelta(minutes=7 * self.seq)).isoformat()
        return {"id": self.id, "title": self.title, "created_at": at, "updated_at": at, "last_seq": self.seq}


class Harbour:
    """Serve the page from a thread of its own.

    `answer` says what happens to each message; faults are plain attributes.
    """

    def __init__(self) -> None:
        self.talks: dict[str, Talk] = {}
        self.posts: list[Body] = []
        self.uploads: dict[str, tuple[Body, bytes]] = {}
        self.answer: Callable[[Talk, str, Body], Coroutine[Any, Any, None]] = self.echo
        self.fail_posts: list[int | None] = []  # for the next posts: a status, or None for a cut line
        self.lose_answers = 0  # posts that are taken, but whose answer is lost
        self.is_signed_in = True
        self.status: Body = {}
        self.commands: list[Body] = []
        self.values: list[str] = []
        self.passage: Body = {}
        self.violations: list[str] = []
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._lines: set[asyncio.BaseTransport] = set()

    @property
    def url(self) -> str:
        """Return the address of the page."""
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Listen on a free port."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.result(10)

    def stop(self) -> None:
        """Stop listening."""
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def do(self, act: Callable[[], Any]) -> Any:
        """Run `act` in the server's thread and return its result."""

        async def run() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def drop(self) -> None:
        """Cut every stream, as a lost line does."""
        for line in list(self._lines):
            if isinstance(line, asyncio.Transport):
                line.abort()

    async def echo(self, talk: Talk, key: str, body: Body) -> None:
        """Answer with what was said."""
        text = body.get("text") or json.dumps(body)
        talk.end(key, f"You said: {text}")

    async def _serve(self, ready: Future[None]) -> None:
        self.loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=32 * 1024 * 1024)
        for method, path, handler in (
            ("GET", "/", self._page("home")),
            ("GET", "/chat", self._page("chat")),
            ("GET", "/chat/{id}", self._page("chat")),
            ("GET", "/sign-in", self._page("sign-in")),
            ("POST", "/sign-in/{way}", self._sign_in),
            ("POST", "/sign-out", self._sign_out),
            ("GET", "/static/v/{path:.+}", self._static),
            ("GET", "/favicon.ico", self._nothing),
            ("*", "/api/v1/{path:.+}", self._api),
        ):
            app.router.add_route(method, path, handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server = site._server
        assert isinstance(server, asyncio.Server)
        self.port = server.sockets[0].getsockname()[1]
        ready.set_result(None)
        await self._over.wait()
        self.drop()
        await runner.cleanup()

    def _page(self, name: str) -> Callable[[web.Request], Coroutine[Any, Any, web.Response]]:
        async def page(request: web.Request) -> web.Response:
            text = (WEB / "page" / f"{name}.html").read_text(encoding="utf-8")
            for mark, value in {"static": "/static/v", "error": "", "code": "", "name": ""}.items():
                text = text.replace("{{" + mark + "}}", value)
            headers = {"Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff"}
            return web.Response(text=text, content_type="text/html", headers=headers)

        return page

    async def _static(self, request: web.Request) -> web.Response:
        path = WEB / "static" / request.match_info["path"]
        if not path.is_file():
            raise web.HTTPNotFound
        return web.Response(
            body=path.read_bytes(),
            content_type=TYPES[path.suffix],
            headers={"Cache-Control": "public, max-age=31536000, immutable"},
        )

    async def _nothing(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _sign_in(self, request: web.Request) -> web.Response:
        given = await request.json()
        if given.get("password") != "correct horse battery":
            return refusal(401, "The name or the password is wrong.")
        return web.json_response({"ok": True, "next": "/chat"})

    async def _sign_out(self, request: web.Request) -> web.Response:
        self.is_signed_in = False
        return web.Response(status=204)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        if not self.is_signed_in:
            return refusal(401, "You are signed out.")
        if request.method != "GET" and request.headers.get("X-Quarterdeck") != "1":
            return refusal(403, "The header X-Quarterdeck is missing.")
        parts = request.match_info["path"].split("/")
        if parts[0] == "conversations" and len(parts) > 1:
            return await self._conversation(request, parts[1], parts[2:])
        simple: Mapping[str, Callable[[web.Request], Any]] = {
            "me": self._me,
            "conversations": lambda _: {
                "conversations": [one.view() for one in reversed(self.talks.values())]
            },
            "commands": lambda _: {"commands": self.commands},
            "complete": lambda _: {"values": self.values},
            "search": self._search,
            "passages": lambda _: self.passage,
            "status": lambda _: self.status,
        }
        if parts[0] == "uploads":
            return await self._upload(request)
        if parts[0] == "files":
            about, content = self.uploads[parts[1]]
            return web.Response(body=content, content_type=about["media_type"])
        return (
            web.json_response(simple[parts[0]](request)) if parts[0] in simple else refusal(404, "Not there.")
        )

    def _me(self, _: web.Request) -> Body:
        limits = {"file_bytes": 20971520, "files": 10, "text": 100000}
        person = {"account": "anna", "name": "Anna", "role": "owner", "is_owner": True}
        return {**person, "roles": [], "identities": ["web::anna"], "version": "0", "limits": limits}

    def _search(self, request: web.Request) -> Body:
        words = request.query["q"].lower()
        found = [
            {
                "conversation": talk.id,
                "title": talk.title,
                "seq": one["seq"],
                "at": one["at"],
                "role": one["role"],
            }
            | {"snippet": one["text"][:120], "parts": marked(one["text"][:120], words)}
            for talk in self.talks.values()
            for one in talk.messages
            if words in one["text"].lower()
        ]
        return {"results": found[:50]}

    async def _upload(self, request: web.Request) -> web.Response:
        part = (await request.post())["file"]
        assert isinstance(part, web.FileField)
        content = part.file.read()
        about = {"id": f"f{len(self.uploads)}", "name": part.filename, "media_type": part.content_type}
        about["size_bytes"] = len(content)  # type: ignore[assignment]  # a number among texts
        self.uploads[about["id"]] = (about, content)
        return web.json_response(about, status=201)

    async def _conversation(self, request: web.Request, name: str, rest: list[str]) -> web.StreamResponse:
        if rest == ["messages"] and request.method == "POST":
            return await self._post(request, self.talks.setdefault(name, Talk(name)))
        talk = self.talks.get(name)
        if talk is None:
            return refusal(404, "There is no such conversation.")
        if rest == ["messages"]:
            before, limit = int(request.query.get("before", 10**9)), int(request.query["limit"])
            earlier = [one for one in talk.messages if one["seq"] < before]
            page = {"messages": earlier[-limit:], "more": len(earlier) > limit, "seq": talk.seq}
            return web.json_response(page)
        if rest == ["events"]:
            return await self._events(request, talk)
        if rest == ["cancel"]:
            stopped = list(talk.working)
            for key in stopped:
                talk.end(key, "Stopped.")
            return web.json_response({"stopped": stopped})
        if request.method == "DELETE":
            del self.talks[name]
            return web.Response(status=204)
        talk.title = (await request.json())["title"]
        return web.json_response(talk.view())

    async def _post(self, request: web.Request, talk: Talk) -> web.Response:
        body, key = await request.json(), request.headers["Idempotency-Key"]
        self.posts.append({"conversation": talk.id, "key": key, **body})
        fault = self.fail_posts.pop(0) if self.fail_posts else 0
        if fault is None and request.transport:
            request.transport.abort()
        if fault:
            return refusal(fault, "That is not possible.")
        if key not in talk.keys:
            talk.keys[key] = self._take(talk, key, body)
        if self.lose_answers and request.transport:
            self.lose_answers -= 1
            request.transport.abort()
        return web.json_response({"id": cause_of(key), "seq": talk.keys[key]}, status=202)

    def _take(self, talk: Talk, sent: str, body: Body) -> int:
        key = cause_of(sent)
        if "edit_of" in body:
            talk.seq += 1
            talk.emit("rewind", {"to": body["edit_of"]})
            talk.messages = [one for one in talk.messages if one["seq"] < body["edit_of"]]
        kind = next(name for name in ("text", "press", "form", "command") if name in body)
        text = body.get("text") or json.dumps(body[kind])
        talk.title = talk.title or text[:60]
        files = [self.uploads[one][0] for one in body.get("files", ())]
        of = body[kind]["seq"] if kind in ("press", "form") else None
        seq: int = talk.say("you", text, cause=key, key=sent, of=of, kind=kind, files=files)["seq"]
        talk.working[key] = {}
        talk.status()
        task = self.loop.create_task(self.answer(talk, key, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return seq

    async def _events(self, request: web.Request, talk: Talk) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        queue: asyncio.Queue[tuple[str, int | None, Body] | None] = asyncio.Queue()
        for seq, event, data in talk.log:
            if seq > int(request.query["after"]):
                queue.put_nowait((event, seq, data))
        queue.put_nowait(("ready", None, {"seq": talk.seq}))
        queue.put_nowait(("status", None, {"working": list(talk.working), "typing": False}))
        for piece in talk.working.values():
            if piece:
                queue.put_nowait(("piece", None, piece))
        talk.listeners.add(queue)
        line = request.transport
        if line is not None:
            self._lines.add(line)
        try:
            while (told := await queue.get()) is not None:
                event, number, data = told
                numbered = f"id: {number}\n" if number is not None else ""
                await response.write(f"event: {event}\n{numbered}data: {json.dumps(data)}\n\n".encode())
        except ConnectionResetError:
            pass
        finally:
            talk.listeners.discard(queue)
            self._lines.discard(line)  # type: ignore[arg-type]  # None is in no set
        return response


def refusal(status: int, message: str) -> web.Response:
    """Return an error as the API writes it."""
    error = {"kind": "user", "message": message, "hint": "Try another way."}
    return web.json_response({"error": error}, status=status)


def marked(text: str, words: str) -> list[Body]:
    """Return the parts of a text, and whether each is what was looked for."""
    before, hit, _ = text.lower().partition(words)
    cut = (text[: len(before)], text[len(before) : len(before) + len(hit)], text[len(before) + len(hit) :])
    return [{"text": one, "fits": number == 1} for number, one in enumerate(cut) if one]


def cause_of(key: str) -> str:
    """Return the name that the server gives to what was sent under `key`."""
    return f"web::{key[::-1]}"
