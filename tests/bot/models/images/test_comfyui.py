"""Order pictures from a ComfyUI server that plays the real one's routes: queue, events, history, view, upload."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from quarterdeck.core.errors import Rejected, Unavailable

ID = "0b6c"


class Server:
    """Be ComfyUI: `socket` is works, drops or refused; `fails` says what an execution ends with."""

    def __init__(self, kit: Any, *, socket: str = "works", fails: str = "", holds: bool = False) -> None:
        self.kit, self.socket, self.fails, self.holds = kit, socket, fails, holds
        self.graph: Mapping[str, Any] = {}
        self.uploaded: list[bytes] = []
        self.taken_back: list[str] = []
        self.queued = asyncio.Event()
        self.asked = 0

    async def play(self, request: web.Request, body: Mapping[str, Any]) -> web.StreamResponse:
        """Answer one request."""
        match request.path:
            case "/ws":
                return await self._events(request)
            case "/models/checkpoints":
                return web.json_response(["dream.safetensors", "real.safetensors"])
            case "/upload/image":
                self.uploaded.append(body["image"])
                return web.json_response({"name": "kept.png", "subfolder": "", "type": "input"})
            case "/prompt":
                return self._queue(body)
            case "/view":
                assert {"filename": "q_1.png", "subfolder": "", "type": "output"} == dict(request.query)
                return web.Response(body=self.kit.picture(), content_type="image/png")
            case "/queue" | "/interrupt":
                self.taken_back.append(request.path)
                return web.Response()
        assert f"/history/{ID}" == request.path
        return self._history()

    def _queue(self, body: Mapping[str, Any]) -> web.Response:
        self.graph = body["prompt"]
        if self.fails == "graph":
            wrong = {"errors": [{"message": "Value not in list", "details": "sampler_name: 'magic'"}]}
            error = {
                "type": "prompt_outputs_failed_validation",
                "message": "Prompt outputs failed validation",
            }
            return web.json_response({"error": error, "node_errors": {"sampler": wrong}}, status=400)
        self.queued.set()
        return web.json_response({"prompt_id": ID, "number": 1, "node_errors": {}})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self.socket == "refused":
            return web.Response(status=404)
        screen = web.WebSocketResponse()
        await screen.prepare(request)
        await self.queued.wait()
        await screen.send_bytes(b"\0\0\0\1\0\0\0\1preview")
        for value in (5, 10):
            data = {"value": value, "max": 20, "node": "sampler", "prompt_id": ID}
            await screen.send_str(json.dumps({"type": "progress", "data": data}))
        if self.socket == "drops" or self.holds:
            if self.holds:
                await asyncio.Event().wait()
            await screen.close()
            return screen
        done = {"type": "executing", "data": {"node": None, "prompt_id": ID}}
        if self.fails == "execution":
            data = {"prompt_id": ID, "exception_message": "CUDA out of memory"}
            done = {"type": "execution_error", "data": data}
        await screen.send_str(json.dumps(done))
        await screen.receive()
        return screen

    def _history(self) -> web.Response:
        self.asked += 1
        if self.asked == 1 and self.socket != "works":
            return web.json_response({})  # not done yet
        if self.fails == "execution":
            message = ["execution_error", {"exception_message": "CUDA out of memory"}]
            return web.json_response(
                {ID: {"outputs": {}, "status": {"status_str": "error", "messages": [message]}}}
            )
        images = [
            {"filename": "q_1.png", "subfolder": "", "type": "output"},
            {"filename": "p.png", "subfolder": "", "type": "temp"},
        ]
        status = {"status_str": "success", "completed": True, "messages": []}
        return web.json_response({ID: {"outputs": {"saved": {"images": images}}, "status": status}})


async def _desk(open_studio: Any, make: Any, server: Server, model: str = "text-to-image") -> Any:
    studio = await open_studio(server.play)
    return make({"comfyui": {"base_url": studio.url}}, [f"comfyui/{model}"])


async def test_a_graph_is_filled_queued_and_followed(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """Words, size, seed and a checkpoint that the server has go into their slots; progress is told."""
    server = Server(studio_kit)
    made = await _desk(open_studio, make, server)
    said: list[str] = []

    async def tell(sentence: str) -> None:
        said.append(sentence)

    drawing = await made.desk.generate("A lighthouse", size="1000x520", seed=7, progress=tell)

    inputs = {id_: node["inputs"] for id_, node in server.graph.items()}
    assert (1, 0) == (len(drawing.files), drawing.microusd)
    assert ("A lighthouse", 7) == (inputs["words"]["text"], inputs["sampler"]["seed"])
    assert (1000, 520, 1) == tuple(inputs["canvas"][name] for name in ("width", "height", "batch_size"))
    assert "dream.safetensors" == inputs["weights"]["ckpt_name"]
    assert ["Drawing with comfyui/text-to-image", "25 %", "50 %"] == said


@pytest.mark.parametrize("socket", ["drops", "refused"])
async def test_the_history_is_asked_where_the_socket_is_of_no_use(
    socket: str, open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """A dropped socket costs progress, never the picture."""
    server = Server(studio_kit, socket=socket)
    made = await _desk(open_studio, make, server)

    drawing = await made.desk.generate("A lighthouse")

    assert (1, 2) == (len(drawing.files), server.asked)


async def test_another_checkpoint_is_named_with_the_graph(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """One that is not there is refused with those that are."""
    server = Server(studio_kit)
    made = await _desk(open_studio, make, server, "text-to-image@real.safetensors")

    await made.desk.generate("A lighthouse")

    assert "real.safetensors" == server.graph["weights"]["inputs"]["ckpt_name"]
    missing = await _desk(open_studio, make, Server(studio_kit), "text-to-image@unreal.safetensors")
    with pytest.raises(Rejected) as caught:
        await missing.desk.generate("A lighthouse")
    assert "real.safetensors" in caught.value.hint


async def test_a_picture_that_is_to_be_changed_is_uploaded(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """The graph that takes pictures stands in for the one that does not."""
    server = Server(studio_kit)
    made = await _desk(open_studio, make, server)

    await made.desk.generate("Make it night", edit=studio_kit.enclosed())

    assert [studio_kit.picture()] == server.uploaded
    assert "kept.png" == server.graph["before"]["inputs"]["image"]


@pytest.mark.parametrize(
    ("fails", "says"), [("graph", "sampler_name: 'magic'"), ("execution", "CUDA out of memory")]
)
async def test_its_own_words_say_what_failed(
    fails: str, says: str, open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """A graph that is wrong, and one that breaks."""
    made = await _desk(open_studio, make, Server(studio_kit, fails=fails))

    with pytest.raises(Rejected) as caught:
        await made.desk.generate("A lighthouse")

    assert says in caught.value.message


async def test_an_unknown_graph_is_refused_with_those_there_are(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """A typing mistake is one look away from its repair."""
    made = await _desk(open_studio, make, Server(studio_kit), "text-to-imag")

    with pytest.raises(Rejected) as caught:
        await made.desk.generate("A lighthouse")

    assert "text-to-image" in caught.value.hint


async def test_an_order_that_nobody_waits_for_is_taken_back(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """`/cancel` frees the card for the next one."""
    server = Server(studio_kit, holds=True)
    made = await _desk(open_studio, make, server)
    is_drawing = asyncio.Event()

    async def tell(sentence: str) -> None:
        if sentence == "50 %":
            is_drawing.set()

    work = asyncio.create_task(made.desk.generate("A lighthouse", progress=tell))
    await is_drawing.wait()

    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert ["/queue", "/interrupt"] == server.taken_back
    assert "cancelled" == made.recorder.rows[0].outcome


async def test_a_server_that_is_not_there_is_named(make: Any) -> None:
    """The hint asks whether it runs."""
    made = make({"comfyui": {"base_url": "http://127.0.0.1:9"}}, ["comfyui/text-to-image"])

    with pytest.raises(Unavailable) as caught:
        await made.desk.generate("A lighthouse")

    assert "127.0.0.1:9" in caught.value.hint
