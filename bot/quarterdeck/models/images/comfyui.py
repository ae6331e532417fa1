"""Order pictures from a ComfyUI server: fill a graph, queue it, follow its progress, fetch what it made.

Progress comes over a WebSocket; when that cannot be had or drops, the server's history is asked until the order is
there. An order that nobody waits for any more is taken back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp

from quarterdeck.core.errors import Rejected, ServiceError, Unavailable
from quarterdeck.core.model import Enclosed
from quarterdeck.core.text import did_you_mean
from quarterdeck.models.dialects import errors
from quarterdeck.models.images.graph import Graph
from quarterdeck.models.images.openai_images import content_of
from quarterdeck.models.images.order import Made, Order, Painted, Tell
from quarterdeck.models.images.refusal import no_picture
from quarterdeck.models.providers.connection import Connection
from quarterdeck.runtime.network.http import failure_of, open_session, refusal_of

PICTURE_BYTES: Final = 32 * 1024 * 1024
ANSWER_BYTES: Final = 8 * 1024 * 1024
STOP_S: Final = 2.0
CLOSE: Final = aiohttp.ClientWSTimeout(ws_close=1.0)
TOLD_EVERY: Final = 10  # percent
SEEDS: Final = 2**48


class ComfyUI:
    """Be the `Painter` of one server; a model is a graph's name, `GRAPH@CHECKPOINT` with another checkpoint."""

    def __init__(
        self,
        connection: Connection,
        graphs: Mapping[str, Graph],
        *,
        pause: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection, self._graphs, self._pause = connection, graphs, pause
        self._service = connection.service
        self._session: aiohttp.ClientSession | None = None

    async def draw(self, order: Order, tell: Tell) -> Painted:
        """Return what was made."""
        name, _, checkpoint = order.model.partition("@")
        graph = self._graph(name, order)
        values = await self._values(graph, order, checkpoint)
        client = uuid.uuid4().hex
        async with contextlib.AsyncExitStack() as stack:
            screen = await self._screen(client, stack)
            id_ = await self._queue(graph.filled(values), client)
            is_over = False
            try:
                entry = await self._follow(id_, screen, tell)
                is_over = True
            except ServiceError:
                is_over = True  # it ended there, badly
                raise
            finally:
                if not is_over:
                    await self._take_back(id_)
        return Painted(pictures=tuple([await self._fetch(one) for one in self._outputs(entry)]))

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()

    def _graph(self, name: str, order: Order) -> Graph:
        graph = self._graphs.get(name)
        if graph is None:
            hint = did_you_mean(name, self._graphs) or f"known: {', '.join(sorted(self._graphs))}"
            raise self._no(f"there is no graph {name!r}", hint=hint)
        if order.edit is not None and not graph.slots.image:
            other = self._graphs.get(graph.change_with)
            if other is None or not other.slots.image:
                raise self._no(f"the graph {name!r} has no slot for a picture", hint="add slots.image to it")
            return other
        return graph

    async def _values(self, graph: Graph, order: Order, checkpoint: str) -> dict[str, object]:
        seed = random.randrange(SEEDS) if order.seed is None else order.seed  # noqa: S311 - a picture's
        values: dict[str, object] = {"prompt": order.prompt, "seed": seed, "count": order.count}
        if order.size:
            width, _, height = order.size.partition("x")
            values |= {"width": int(width), "height": int(height)}
        if graph.slots.model:
            values["model"] = await self._checkpoint(graph, checkpoint)
        if order.edit is not None:
            values["image"] = await self._upload(order.edit)
        return values

    async def _checkpoint(self, graph: Graph, wanted: str) -> object:
        """Return the checkpoint that was named, else the graph's own where the server has it, else its first."""
        listed = await self._json("GET", f"models/{graph.checkpoints}")
        names = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
        own = graph.value("model")
        if wanted and wanted not in names:
            hint = did_you_mean(wanted, names) or f"it has: {', '.join(names[:10]) or 'none'}"
            raise self._no(f"{self._service} has no checkpoint {wanted!r}", hint=hint)
        if wanted or own in names:
            return wanted or own
        if not names:
            raise self._no(
                f"{self._service} has no checkpoint", hint=f"put one into models/{graph.checkpoints}"
            )
        return names[0]

    async def _upload(self, edit: Enclosed) -> str:
        form = aiohttp.FormData()
        suffix = edit.media_type.rpartition("/")[2]
        name = f"quarterdeck-{uuid.uuid4().hex}.{suffix}"
        form.add_field("image", content_of(edit), filename=name, content_type=edit.media_type)
        told = await self._json("POST", "upload/image", data=form)
        kept = told.get("name") if isinstance(told, dict) else None
        if not isinstance(kept, str):
            raise no_picture(self._service, "something else than an upload's name")
        folder = told.get("subfolder")
        return f"{folder}/{kept}" if folder else kept

    async def _screen(
        self, client: str, stack: contextlib.AsyncExitStack
    ) -> aiohttp.ClientWebSocketResponse | None:
        """Look at the server's events; None where that is not to be had."""
        try:
            opening = self._open().ws_connect(
                f"ws?clientId={client}", headers=self._headers(), max_msg_size=PICTURE_BYTES, timeout=CLOSE
            )
            return await stack.enter_async_context(opening)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def _queue(self, graph: Mapping[str, object], client: str) -> str:
        told = await self._json("POST", "prompt", json={"prompt": graph, "client_id": client})
        id_ = told.get("prompt_id") if isinstance(told, dict) else None
        if not isinstance(id_, str):
            raise no_picture(self._service, "something else than an order's id")
        return id_

    async def _follow(
        self, id_: str, screen: aiohttp.ClientWebSocketResponse | None, tell: Tell
    ) -> Mapping[str, Any]:
        """Return the history's entry once the order is done."""
        if screen is not None:
            with contextlib.suppress(aiohttp.ClientError, OSError, ValueError):
                await self._watch(id_, screen, tell)
        while (entry := await self._entry(id_)) is None:
            await self._pause()
        status = entry.get("status") or {}
        if status.get("status_str") == "error":
            raise self._failed(status)
        return entry

    async def _watch(self, id_: str, screen: aiohttp.ClientWebSocketResponse, tell: Tell) -> None:
        """Tell how far it is until the order is done, or the socket drops."""
        told = -TOLD_EVERY
        async for message in screen:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue  # previews
            event = json.loads(message.data)
            data = event.get("data") or {}
            if data.get("prompt_id") != id_:
                continue
            match event.get("type"):
                case "progress" if data.get("max"):
                    percent = round(100 * data.get("value", 0) / data["max"])
                    if percent >= told + TOLD_EVERY or percent < told:
                        told = percent
                        await tell(f"{percent} %")
                case "executing" if data.get("node") is None:
                    return
                case "execution_success" | "execution_interrupted":
                    return
                case "execution_error":
                    raise self._no(
                        f"{self._service} failed: {errors.brief(str(data.get('exception_message')))}"
                    )

    async def _entry(self, id_: str) -> Mapping[str, Any] | None:
        told = await self._json("GET", f"history/{id_}")
        entry = told.get(id_) if isinstance(told, dict) else None
        return entry if isinstance(entry, dict) else None

    def _failed(self, status: Mapping[str, Any]) -> ServiceError:
        for message in status.get("messages") or ():
            match message:
                case ["execution_error", {"exception_message": str(why)}]:
                    return self._no(f"{self._service} failed: {errors.brief(why)}")
                case ["execution_interrupted", _]:
                    return Unavailable(f"the order was stopped at {self._service}", service=self._service)
        return self._no(f"{self._service} failed without a reason")

    def _outputs(self, entry: Mapping[str, Any]) -> list[Mapping[str, str]]:
        found: list[Mapping[str, str]] = [
            image
            for node in (entry.get("outputs") or {}).values()
            for image in node.get("images") or ()
            if isinstance(image, dict) and isinstance(image.get("filename"), str)
        ]
        kept = [one for one in found if one.get("type") == "output"] or found
        if not kept:
            raise self._no(f"{self._service} made no picture", hint="the graph needs a node that saves one")
        return kept

    async def _fetch(self, image: Mapping[str, str]) -> Made:
        place = {name: str(image.get(name) or "") for name in ("filename", "subfolder", "type")}
        return Made(content=await self._bytes("GET", "view", PICTURE_BYTES, params=place))

    async def _take_back(self, id_: str) -> None:
        """Stop the order there; a server that does not answer keeps its own counsel."""
        with contextlib.suppress(ServiceError, TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._bytes("POST", "queue", ANSWER_BYTES, json={"delete": [id_]})
                await self._bytes("POST", "interrupt", ANSWER_BYTES, json={"prompt_id": id_})

    async def _json(self, method: str, path: str, **more: Any) -> Any:
        raw = await self._bytes(method, path, ANSWER_BYTES, **more)
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise no_picture(self._service, "something that is no JSON") from error

    async def _bytes(self, method: str, path: str, limit: int, **more: Any) -> bytes:
        try:
            async with self._open().request(
                method, path, headers=self._headers(), allow_redirects=False, **more
            ) as answer:
                content = bytearray()
                async for piece in answer.content.iter_any():
                    content += piece
                    if len(content) > limit:
                        raise no_picture(self._service, f"more than {limit} bytes")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(error, OSError) and not isinstance(error, (aiohttp.ClientError, TimeoutError)):
                raise errors.unreachable(self._service, str(error)) from error
            failed = failure_of(error, service=self._service, method=method)
            failed.hint = failed.hint or f"is ComfyUI listening at {self._connection.base_url}?"
            raise failed from error
        refusal = refusal_of(
            answer.status, answer.headers, service=self._service, method="GET", detail=_reason(bytes(content))
        )
        if refusal is not None:
            raise refusal
        return bytes(content)

    def _headers(self) -> dict[str, str]:
        key = self._connection.key
        own = {"Authorization": f"Bearer {key}"} if key else {}
        return {**own, **self._connection.headers}

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(
                self._connection.base_url, idle_timeout_s=self._connection.timeouts.idle_s
            )
        return self._session

    def _no(self, message: str, *, hint: str = "") -> Rejected:
        return Rejected(message, service=self._service, status=400, detail=message, hint=hint)


def _reason(raw: bytes) -> str:
    """Return what ComfyUI says is wrong with a graph, the first node's reasons included."""
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    error = told.get("error")
    said = [str(error.get("message") or "")] if isinstance(error, dict) else [str(error or "")]
    for node in (told.get("node_errors") or {}).values():
        said += [f"{one.get('message')}: {one.get('details')}" for one in node.get("errors") or ()]
    return errors.brief("; ".join(filter(None, said)))
