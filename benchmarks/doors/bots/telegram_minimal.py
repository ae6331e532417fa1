"""Answer Telegram with aiohttp and nothing else: what any bot must do at the least."""

import asyncio
import hmac
import os

import aiohttp
import uvloop
from aiohttp import web

API = f"{os.environ['BENCH_API']}/bot{os.environ['TELEGRAM_BOT_TOKEN']}"


async def main() -> None:
    async with aiohttp.ClientSession() as session:
        tasks: set[asyncio.Task[None]] = set()

        async def post(update: dict) -> None:  # type: ignore[type-arg]
            message = update["message"]
            body = {"chat_id": message["chat"]["id"], "text": message["text"].removeprefix("/echo ")}
            async with session.post(f"{API}/sendMessage", json=body) as answer:
                await answer.read()

        def answer_later(update: dict) -> None:  # type: ignore[type-arg]
            task = asyncio.create_task(post(update))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async def hook(request: web.Request) -> web.Response:
            told = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
            if not hmac.compare_digest(told.encode(), os.environ["BENCH_SECRET"].encode()):
                return web.Response(status=401)
            answer_later(await request.json())
            return web.Response()

        if os.environ["BENCH_WAY"] == "poll":
            offset = 0
            while True:
                async with session.post(
                    f"{API}/getUpdates", json={"offset": offset, "timeout": 10, "limit": 100}
                ) as found:
                    for update in (await found.json())["result"]:
                        offset = update["update_id"] + 1
                        answer_later(update)
        app = web.Application()
        app.router.add_post("/telegram/webhook", hook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(os.environ["BENCH_PORT"])).start()
        await asyncio.Event().wait()


uvloop.run(main())
