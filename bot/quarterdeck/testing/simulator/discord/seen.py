"""Show a message as a person sees it."""

from __future__ import annotations

from typing import Any, Final

from quarterdeck.testing.simulator.discord.marks import flat, links_in, shown
from quarterdeck.testing.simulator.discord.people import label_of, pressable
from quarterdeck.testing.simulator.discord.world import BOT, LOADING, Message, World
from quarterdeck.testing.simulator.platform import SeenButton, SeenMessage

DANGER: Final = 4
SHOWN_TEXT: Final = 10
THINKING: Final = "quarterdeck is thinking…"


def seen_message(world: World, message: Message, is_in_thread: bool) -> SeenMessage:
    """Return a message as a person sees it."""
    texts = texts_of(message)
    buttons = [
        SeenButton(label=label_of(component, choice), danger=component.get("style") == DANGER)
        for component, choice in pressable(message)
    ]
    found = [link for text in texts for link in links_in(text)]
    found += [str(embed["url"]) for embed in message.embeds if embed.get("url")]
    found += [str(one["url"]) for one in flat(message.components) if one.get("type") == 2 and one.get("url")]
    text = "\n".join(shown(world, text) for text in texts if text)
    if message.flags & LOADING:
        text = THINKING
    return SeenMessage(
        id=str(message.id),
        author=BOT if message.author == BOT else message.author,
        text="" if message.is_deleted else text,
        to=message.to,
        thread=str(message.channel.id) if is_in_thread else "",
        edits=message.edits,
        is_deleted=message.is_deleted,
        buttons=tuple(buttons),
        reactions=tuple(emoji for emoji, who in message.reactions.items() for _ in who),
        files=tuple(str(one["filename"]) for one in message.attachments),
        links=tuple(found),
        pings=message.pings,
    )


def texts_of(message: Message) -> list[str]:
    """Return the texts of a message: its content, its embeds, the texts among its components."""
    texts = [message.content]
    for embed in message.embeds:
        texts += embed_texts(embed)
    texts += [
        str(one.get("content") or "") for one in flat(message.components) if one.get("type") == SHOWN_TEXT
    ]
    return texts


def embed_texts(embed: dict[str, Any]) -> list[str]:
    """Return the texts of an embed, from the top down."""
    fields = [f"{one['name']}\n{one['value']}" for one in embed.get("fields") or ()]
    footer = (embed.get("footer") or {}).get("text")
    author = (embed.get("author") or {}).get("name")
    return [
        str(text) for text in (author, embed.get("title"), embed.get("description"), *fields, footer) if text
    ]
