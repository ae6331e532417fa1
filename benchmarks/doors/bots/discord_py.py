"""Answer Discord with discord.py as its documentation shows it, on uvloop."""

import os
import warnings

import uvloop
import yarl

warnings.simplefilter("ignore")
import discord  # noqa: E402
from discord.ext import commands  # noqa: E402

discord.http.Route.BASE = os.environ["BENCH_API"]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["BENCH_GATEWAY"])
intents = discord.Intents.default()
intents.message_content = True
bot = commands.Bot(command_prefix="/", intents=intents)


@bot.command()
async def echo(context, *, text) -> None:  # type: ignore[no-untyped-def]
    await context.channel.send(text)


async def main() -> None:
    async with bot:
        await bot.start(os.environ["DISCORD_TOKEN"])


uvloop.run(main())
