"""Serve the pages and what they load: from the package alone, under a policy that lets nothing foreign in."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable

from aiohttp import hdrs, web

from quarterdeck.core.value import dataclass
from quarterdeck.runtime.network.routes import Route, route
from quarterdeck.web.access.gate import CHAT, Gate

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types quarterdeck"
)
PACKAGE = "quarterdeck.web"
FOREVER = "public, max-age=31536000, immutable"
WORTH_PACKING_BYTES = 1024
TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".woff2": "font/woff2"}
PACKED = ("text/", "application/manifest", "application/json", "image/svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asset:
    body: bytes
    packed: bytes
    media_type: str


class Pages:
    """Hold the templates and static files, read once."""

    @cached_property
    def _assets(self) -> dict[str, _Asset]:
        folder = resources.files(PACKAGE) / "static"
        return dict(_read(folder, "")) if folder.is_dir() else {}

    @cached_property
    def static(self) -> str:
        """Return the path that static files have now: it changes with any of them."""
        whole = hashlib.sha256()
        for name, asset in sorted(self._assets.items()):
            whole.update(name.encode() + b"\0" + hashlib.sha256(asset.body).digest())
        return f"/static/{whole.hexdigest()[:16]}"

    def response(
        self, name: str, marks: Mapping[str, str] | None = None, *, status: int = 200
    ) -> web.Response:
        """Return a page with its marks replaced; values are escaped already."""
        text = (resources.files(PACKAGE) / "page" / f"{name}.html").read_text("utf-8")
        for mark, value in {**(marks or {}), "static": self.static}.items():
            text = text.replace(f"{{{{{mark}}}}}", value)
        return web.Response(
            text=text,
            status=status,
            content_type="text/html",
            headers={"Content-Security-Policy": POLICY},
        )

    def routes(self, gate: Gate) -> tuple[Route, ...]:
        """Return the routes of pages and files."""
        return (
            route("GET", "/", self._home, principal=gate.owner_page),
            route("GET", CHAT, self._chat, principal=gate.page),
            route("GET", CHAT + "/{conversation}", self._chat, principal=gate.page),
            route("GET", "/static/{hash}/{path:.+}", self._file, principal=gate.stranger),
            route("GET", "/favicon.ico", self._icon, principal=gate.stranger),
        )

    async def _home(self, request: web.Request) -> web.StreamResponse:
        return self.response("home")

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return self.response("chat")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        asset = self._assets.get(request.match_info["path"])
        if asset is None or self.static != f"/static/{request.match_info['hash']}":
            raise web.HTTPNotFound()
        return _served(request, asset)

    async def _icon(self, request: web.Request) -> web.StreamResponse:
        asset = self._assets.get("favicon.ico")
        return web.Response(status=204) if asset is None else _served(request, asset)


def _served(request: web.Request, asset: _Asset) -> web.Response:
    is_packed = bool(asset.packed) and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
    headers = {"Cache-Control": FOREVER, "Content-Type": asset.media_type, "Vary": "Accept-Encoding"}
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=asset.packed if is_packed else asset.body, headers=headers)


def _read(folder: Traversable, prefix: str) -> list[tuple[str, _Asset]]:
    found: list[tuple[str, _Asset]] = []
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _read(entry, f"{name}/")
            continue
        if entry.name.endswith((".py", ".pyc", ".md")):
            continue
        body, suffix = entry.read_bytes(), "." + entry.name.rpartition(".")[2]
        kind = TYPES.get(suffix) or mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
        is_worth = len(body) > WORTH_PACKING_BYTES and kind.startswith(PACKED)
        if kind.startswith("text/"):
            kind += "; charset=utf-8"
        packed = gzip.compress(body, 9, mtime=0) if is_worth else b""
        found.append((name, _Asset(body=body, packed=packed, media_type=kind)))
    return found
