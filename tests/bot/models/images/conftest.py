"""Play vendors that draw, on loopback: each takes and refuses what its documentation says."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from quarterdeck.core.model import Enclosed, UsageRow
from quarterdeck.models.calling.prices import Prices
from quarterdeck.models.images.desk import ImageDesk
from quarterdeck.models.images.graph import Graph
from quarterdeck.models.images.painters import Painters
from quarterdeck.models.images.till import Till
from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.runtime.files import MadeFiles
from quarterdeck.runtime.network.web import Web
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck.runtime.settings.datafiles import load_data
from quarterdeck.testing.clock import FakeClock

KEY = "sk-canary-of-the-studio"


def picture(width: int = 64, height: int = 64, kind: str = "PNG") -> bytes:
    """Return a real picture."""
    into = BytesIO()
    Image.new("RGB", (width, height), "#3a6ea5").save(into, kind)
    return into.getvalue()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Hold one order as it came; `body` is JSON, or a form's fields with bytes for files."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


Play = Callable[[web.Request, Mapping[str, Any]], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Studio:
    """Be one vendor: `play` answers; `seen` are its orders."""

    url: str = ""
    play: Play | None = None
    seen: list[Seen] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Note the order and answer it."""
        if request.content_type == "multipart/form-data":
            body: dict[str, Any] = {}
            for name, value in (await request.post()).items():
                body[name] = value if isinstance(value, str) else value.file.read()
        else:
            raw = await request.read()
            body = json.loads(raw) if raw else {}
        self.seen.append(Seen(path=request.path, headers=dict(request.headers), body=body))
        assert self.play is not None
        return await self.play(request, body)


def no(status: int, body: object, **headers: str) -> web.Response:
    """Refuse as JSON."""
    return web.json_response(body, status=status, headers=headers)


def openai_error(status: int, message: str, code: str | None = None) -> web.Response:
    """Refuse as OpenAI and most others do."""
    return no(
        status, {"error": {"message": message, "type": "invalid_request_error", "code": code, "param": None}}
    )


def strict(
    *,
    path: str,
    keys: set[str],
    answer: Callable[[Mapping[str, Any]], web.Response],
    most: int = 10,
    header: tuple[str, str] = ("Authorization", f"Bearer {KEY}"),
) -> Play:
    """Answer orders at `path` that hold no other field than `keys`, with the key in the right header."""

    async def play(request: web.Request, body: Mapping[str, Any]) -> web.StreamResponse:
        if request.headers.get(header[0]) != header[1]:
            return openai_error(401, "Incorrect API key provided", "invalid_api_key")
        if request.path not in (path, path.replace("generations", "edits")):
            return openai_error(404, f"Invalid URL (POST {request.path})")
        for name in body:
            if name not in keys:
                return openai_error(400, f"Unknown parameter: '{name}'.", "unknown_parameter")
        if int(body.get("n") or 1) > most:
            return openai_error(400, f"n must be at most {most}", "invalid_value")
        if "forbidden" in str(body.get("prompt") or body.get("contents") or body.get("messages")):
            return openai_error(400, "Your request was rejected by the safety system.", "moderation_blocked")
        return answer(body)

    return play


def coded(body: Mapping[str, Any], **more: Any) -> web.Response:
    """Answer with as many pictures as were ordered, in base 64, of the size that was asked for."""
    width, height = (int(side) for side in str(body.get("size") or "64x64").split("x"))
    width, height = int(body.get("width") or width), int(body.get("height") or height)
    made = base64.b64encode(picture(width // 16, height // 16)).decode()
    count = int(body.get("n") or 1)
    return web.json_response({"created": 1795000000, "data": [{"b64_json": made}] * count, **more})


class Hurried(FakeClock):
    """Pass the time that somebody sleeps at once."""

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self._move_to(self._elapsed_s + seconds)


class Recorder:
    """Keep usage rows."""

    def __init__(self) -> None:
        self.rows: list[UsageRow] = []

    async def __call__(self, row: UsageRow) -> None:
        self.rows.append(row)


@dataclass(kw_only=True)
class Desk:
    """Hold a desk with what its tests look at."""

    desk: ImageDesk
    recorder: Recorder
    clock: FakeClock
    registry: ModelRegistry


Make = Callable[..., Desk]


@pytest.fixture
async def open_studio() -> AsyncIterator[Callable[[Play], Awaitable[Studio]]]:
    """Return a maker of vendors that listen."""
    runners: list[web.AppRunner] = []

    async def start(play: Play) -> Studio:
        studio = Studio(play=play)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", studio.handle)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        studio.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return studio

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Return a maker of desks: settings of providers and roles; everything real but the vendors."""
    made: list[tuple[ImageDesk, ModelRegistry, Web]] = []

    def build(
        providers: Mapping[str, Mapping[str, Any]],
        image: list[str],
        *,
        egress: Mapping[str, Any] | None = None,
        ledger: Any = None,
        environ: Mapping[str, str] = {"STUDIO_KEY": KEY},
    ) -> Desk:
        settings = Settings.model_validate(
            {
                "data_dir": str(tmp_path / "data"),
                "providers": providers,
                "models": {"roles": {"image": image}, "discover": False},
                "egress": egress or {},
            }
        )
        clock, recorder = Hurried(), Recorder()
        registry = ModelRegistry(
            settings=settings,
            catalog=Catalog.read(config_dir()),
            resolver=Resolver(environ, Redactor()),
            clock=clock,
            record=recorder,
        )
        stated = {name: one.prices for name, one in settings.providers.items()}
        guarded = Web(settings.egress)
        desk = ImageDesk(
            registry,
            Painters(
                registry.connections,
                settings.providers,
                load_data(config_dir() / "graphs", None, Graph),
                clock,
            ),
            Till(ledger, stated, Prices(stated), recorder, clock),
            files=MadeFiles(tmp_path / "files"),
            web=guarded,
            clock=clock,
        )
        made.append((desk, registry, guarded))
        return Desk(desk=desk, recorder=recorder, clock=clock, registry=registry)

    yield build
    for desk, registry, guarded in made:
        await desk.close()
        await registry.close()
        await guarded.close()


@dataclass(frozen=True)
class Kit:
    """Hand the helpers above to tests."""

    picture: Callable[..., bytes] = picture
    strict: Callable[..., Play] = strict
    coded: Callable[..., web.Response] = coded
    no: Callable[..., web.Response] = no
    openai_error: Callable[..., web.Response] = openai_error
    key: str = KEY

    @staticmethod
    def enclosed(kind: str = "PNG") -> Enclosed:
        """Return a picture that somebody attached, with a media type that may be wrong."""
        return Enclosed(media_type="application/octet-stream", content=picture(kind=kind), name="cat.png")


@pytest.fixture
def studio_kit() -> Kit:
    """Return the helpers: test files cannot import one another."""
    return Kit()
