"""Answer Slack with aiohttp and nothing else: what any bot must do at the least."""

import asyncio
import hashlib
import hmac
import json
import os
import time
from urllib.parse import parse_qsl

import aiohttp
import uvloop
from aiohttp import web

SECRET = os.environ.get("SLACK_SIGNING_SECRET", "").encode()
API, IN_ACK = os.environ["BENCH_API"], bool(os.environ["BENCH_IN_ACK"])
HEADERS = {"Authorization": f"Bearer {os.environ['SLACK_BOT_TOKEN']}"}


async def main() -> None:
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        tasks: set[asyncio.Task[None]] = set()

        async def post(channel: str, text: str) -> None:
            async with session.post(
                f"{API}chat.postMessage", json={"channel": channel, "text": text}
            ) as answer:
                await answer.read()

        def answer_later(channel: str, text: str) -> None:
            task = asyncio.create_task(post(channel, text))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async def events(request: web.Request) -> web.Response:
            body = await request.read()
            stamp = request.headers["X-Slack-Request-Timestamp"]
            wanted = (
                "v0=" + hmac.new(SECRET, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
            )
            if abs(time.time() - int(stamp)) > 300 or not hmac.compare_digest(
                wanted, request.headers["X-Slack-Signature"]
            ):
                return web.Response(status=401)
            fields = dict(parse_qsl(body.decode()))
            if IN_ACK:
                return web.json_response({"response_type": "in_channel", "text": fields["text"]})
            answer_later(fields["channel_id"], fields["text"])
            return web.Response()

        if token := os.environ.get("SLACK_APP_TOKEN"):
            async with session.post(
                f"{API}apps.connections.open", headers={"Authorization": f"Bearer {token}"}
            ) as found:
                url = (await found.json())["url"]
            async with session.ws_connect(url) as socket:
                async for frame in socket:
                    said = json.loads(frame.data)
                    if said["type"] == "events_api":
                        await socket.send_str(json.dumps({"envelope_id": said["envelope_id"]}))
                        event = said["payload"]["event"]
                        answer_later(event["channel"], event["text"].removeprefix("/echo "))
            return
        app = web.Application()
        app.router.add_post("/slack/events", events)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(os.environ["BENCH_PORT"])).start()
        await asyncio.Event().wait()


uvloop.run(main())
