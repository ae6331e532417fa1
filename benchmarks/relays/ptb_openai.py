"""Relay a model's stream into Telegram with python-telegram-bot and the OpenAI SDK, as documented."""

import asyncio
import os
import time

import uvloop
from openai import AsyncOpenAI
from telegram import Update
from telegram.ext import Application, MessageHandler, filters

EDIT_S = 1.0
model = AsyncOpenAI(base_url=os.environ["BENCH_MODEL"], api_key="x", max_retries=0)


async def relay(update: Update, context: object) -> None:
    assert update.message is not None
    text = shown = ""
    posted, due_s = None, 0.0
    question = [{"role": "user", "content": update.message.text}]
    async for chunk in await model.chat.completions.create(model="m", stream=True, messages=question):
        if not chunk.choices or not chunk.choices[0].delta.content:
            continue
        text += chunk.choices[0].delta.content
        if posted is None:
            posted = await update.message.reply_text(text)
            shown, due_s = text, time.monotonic() + EDIT_S
        elif time.monotonic() >= due_s:
            await posted.edit_text(text)
            shown, due_s = text, time.monotonic() + EDIT_S
    if posted is not None and text != shown:
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        await posted.edit_text(text)


async def main() -> None:
    builder = (
        Application.builder()
        .token(os.environ["TELEGRAM_BOT_TOKEN"])
        .base_url(f"{os.environ['BENCH_API']}/bot")
    )
    app = builder.connection_pool_size(256).pool_timeout(60).concurrent_updates(1000).build()
    app.add_handler(MessageHandler(filters.TEXT, relay))
    async with app:
        await app.start()
        await app.updater.start_polling(timeout=10)
        await asyncio.Event().wait()


uvloop.run(main())
