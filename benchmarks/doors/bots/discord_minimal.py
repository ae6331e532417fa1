"""Answer Discord with aiohttp and nothing else: what any bot must do at the least."""

import asyncio
import json
import os

import aiohttp
import uvloop
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

API = os.environ["BENCH_API"]
KEY = Ed25519PublicKey.from_public_bytes(bytes.fromhex(os.environ["BENCH_PUBLIC_KEY"]))
HEADERS = {"Authorization": f"Bot {os.environ['DISCORD_TOKEN']}"}


async def interactions(request: web.Request) -> web.Response:
    body = await request.read()
    try:
        KEY.verify(
            bytes.fromhex(request.headers["X-Signature-Ed25519"]),
            request.headers["X-Signature-Timestamp"].encode() + body,
        )
    except InvalidSignature:
        return web.Response(status=401)
    return web.json_response(
        {"type": 4, "data": {"content": json.loads(body)["data"]["options"][0]["value"]}}
    )


async def main() -> None:
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        tasks: set[asyncio.Task[None]] = set()

        async def post(message: dict) -> None:  # type: ignore[type-arg]
            body = {"content": message["content"].removeprefix("/echo ")}
            async with session.post(f"{API}/channels/{message['channel_id']}/messages", json=body) as answer:
                await answer.read()

        app = web.Application()
        app.router.add_post("/discord/interactions", interactions)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(os.environ["BENCH_PORT"])).start()
        async with session.ws_connect(os.environ["BENCH_GATEWAY"], max_msg_size=0) as socket:
            async for frame in socket:
                said = json.loads(frame.data)
                if said["op"] == 10:
                    identify = {"token": os.environ["DISCORD_TOKEN"], "intents": 33280, "properties": {}}
                    await socket.send_json({"op": 2, "d": identify})
                elif said["t"] == "MESSAGE_CREATE":
                    task = asyncio.create_task(post(said["d"]))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)


uvloop.run(main())
