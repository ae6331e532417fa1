"""Answer Slack with slack-bolt as its documentation shows it, on uvloop."""

import asyncio
import os

import uvloop
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

IN_ACK = bool(os.environ["BENCH_IN_ACK"])
app = AsyncApp(
    client=AsyncWebClient(os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["BENCH_API"]),
    signing_secret=os.environ.get("SLACK_SIGNING_SECRET", "unused"),
)


@app.command("/echo")
async def echo(ack, command, say) -> None:  # type: ignore[no-untyped-def]
    if IN_ACK:
        await ack(text=command["text"], response_type="in_channel")
        return
    await ack()
    await say(command["text"])


@app.event("message")
async def message(event, say) -> None:  # type: ignore[no-untyped-def]
    await say(event["text"].removeprefix("/echo "))


async def main() -> None:
    if token := os.environ.get("SLACK_APP_TOKEN"):
        await AsyncSocketModeHandler(app, token).start_async()
        return
    server = app.server(port=int(os.environ["BENCH_PORT"]), path="/slack/events", host="127.0.0.1")
    from aiohttp import web

    runner = web.AppRunner(server.web_app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["BENCH_PORT"])).start()
    await asyncio.Event().wait()


uvloop.run(main())
