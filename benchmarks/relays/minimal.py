"""Relay a model's stream into Telegram with aiohttp and nothing else: what any bot must do at the least."""

import asyncio
import os
import time

import aiohttp
import orjson
import uvloop

API = f"{os.environ['BENCH_API']}/bot{os.environ['TELEGRAM_BOT_TOKEN']}"
EDIT_S = 1.0


async def main() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        tasks: set[asyncio.Task[None]] = set()

        async def call(method: str, **body: object) -> dict:  # type: ignore[type-arg]
            async with session.post(f"{API}/{method}", json=body) as answer:
                return (await answer.json())["result"]  # type: ignore[no-any-return]

        async def relay(message: dict) -> None:  # type: ignore[type-arg]
            chat, text, shown, posted = message["chat"]["id"], "", "", None
            question = {
                "model": "m",
                "stream": True,
                "messages": [{"role": "user", "content": message["text"]}],
            }
            due_s = 0.0
            async with session.post(f"{os.environ['BENCH_MODEL']}/chat/completions", json=question) as answer:
                async for line in answer.content:
                    if not line.startswith(b"data: {"):
                        continue
                    text += orjson.loads(line[6:])["choices"][0]["delta"].get("content", "")
                    if posted is None:
                        posted = await call("sendMessage", chat_id=chat, text=text)
                        shown, due_s = text, time.monotonic() + EDIT_S
                    elif time.monotonic() >= due_s:
                        await call(
                            "editMessageText", chat_id=chat, message_id=posted["message_id"], text=text
                        )
                        shown, due_s = text, time.monotonic() + EDIT_S
            if posted is not None and text != shown:
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
                await call("editMessageText", chat_id=chat, message_id=posted["message_id"], text=text)

        offset = 0
        while True:
            for update in await call("getUpdates", offset=offset, timeout=10, limit=100):  # type: ignore[var-annotated]
                offset = update["update_id"] + 1
                task = asyncio.create_task(relay(update["message"]))
                tasks.add(task)
                task.add_done_callback(tasks.discard)


uvloop.run(main())
