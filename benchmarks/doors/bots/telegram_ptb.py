"""Answer Telegram with python-telegram-bot as its documentation shows it, on uvloop."""

import asyncio
import os

import uvloop
from aiohttp import web
from telegram import Update
from telegram.ext import Application, CommandHandler


async def echo(update, context) -> None:  # type: ignore[no-untyped-def]
    await update.message.reply_text(" ".join(context.args))


async def main() -> None:
    builder = (
        Application.builder()
        .token(os.environ["TELEGRAM_BOT_TOKEN"])
        .base_url(f"{os.environ['BENCH_API']}/bot")
    )
    if os.environ["BENCH_WAY"] == "hook":
        builder = builder.updater(None)
    app = builder.connection_pool_size(256).build()
    app.add_handler(CommandHandler("echo", echo))

    async def hook(request: web.Request) -> web.Response:
        if request.headers.get("X-Telegram-Bot-Api-Secret-Token") != os.environ["BENCH_SECRET"]:
            return web.Response(status=401)
        await app.update_queue.put(Update.de_json(await request.json(), app.bot))
        return web.Response()

    async with app:
        await app.start()
        if os.environ["BENCH_WAY"] == "poll":
            await app.updater.start_polling(timeout=10)
        else:
            server = web.Application()
            server.router.add_post("/telegram/webhook", hook)
            runner = web.AppRunner(server, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", int(os.environ["BENCH_PORT"])).start()
        await asyncio.Event().wait()


uvloop.run(main())
