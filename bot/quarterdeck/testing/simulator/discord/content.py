"""Check what a message holds: text, embeds, files, nonce, flags (Create Message and its limits, 2026-11-21)."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.discord.components import check_components, numbered
from quarterdeck.testing.simulator.discord.marks import Mentions, find_mentions, previews_in, read_allowed
from quarterdeck.testing.simulator.discord.refusal import Form, Refused
from quarterdeck.testing.simulator.discord.world import (
    COMPONENTS_V2,
    EPHEMERAL,
    SUPPRESS_EMBEDS,
    Channel,
    Message,
    World,
)

CONTENT_LIMIT: Final = 2000
NONCE_LIMIT: Final = 25
FILES: Final = 10
FILE_LIMIT_BYTES: Final = 10 * 1024 * 1024
REQUEST_LIMIT_BYTES: Final = 25 * 1024 * 1024
EMBEDS: Final = 10
EMBEDS_LIMIT: Final = 6000
SILENT: Final = 1 << 12
FLAGS: Final = SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2 | EPHEMERAL


@dataclass(frozen=True, slots=True)
class Upload:
    """Hold one file of a request, `number` is that of its part `files[n]`."""

    number: int
    name: str
    content: bytes
    mime: str


@dataclass(frozen=True, slots=True)
class Body:
    """Hold the body of a request: JSON, and the files that came with it."""

    json: dict[str, Any]
    uploads: tuple[Upload, ...] = ()


@dataclass
class Content:
    """Hold what a message is to have; None leaves it as it is."""

    text: str | None = None
    embeds: list[dict[str, Any]] | None = None
    components: list[dict[str, Any]] | None = None
    flags: int = 0
    attachments: list[dict[str, Any]] | None = None
    uploads: tuple[Upload, ...] = ()
    mentions: Mentions | None = None
    more: dict[str, Any] = field(default_factory=dict)


def read_content(world: World, body: Body, *, is_new: bool, newer: bool = False) -> Content:
    """Return what a body asks for.

    Raises:
        Refused: Discord would not take it.
    """
    form, given = Form(), body.json
    flags = given.get("flags") or 0
    if not isinstance(flags, int):
        form.wrong("flags", "NUMBER_TYPE_COERCE", f'Value "{flags}" is not int.')
        flags = 0
    newer = newer or bool(flags & COMPONENTS_V2)
    content = Content(flags=flags & FLAGS, uploads=body.uploads, more=given)
    if "content" in given:
        text = form.text("content", given["content"], CONTENT_LIMIT)
        content.text = text.replace("\0", "").strip()
    if "embeds" in given:
        content.embeds = check_embeds(form, given["embeds"])
    if "components" in given:
        content.components = check_components(form, given["components"], newer=newer)
    if newer and (content.text or content.embeds):
        code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
        form.wrong(
            "content", code, "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
        )
    check_nonce(form, given.get("nonce"))
    allowed = read_allowed(given.get("allowed_mentions"), form)
    content.attachments = check_files(form, body)
    form.check()
    check_sizes(body.uploads)
    if content.text is not None:
        content.mentions = find_mentions(world, content.text, allowed)
    if is_new and not (content.text or content.embeds or content.components or body.uploads):
        raise Refused(400, 50006, "Cannot send an empty message")
    return content


def check_nonce(form: Form, nonce: object) -> None:
    """Note a nonce that is too long, or none."""
    if nonce is None or (isinstance(nonce, int) and not isinstance(nonce, bool)):
        return
    form.text("nonce", nonce, NONCE_LIMIT)


def check_embeds(form: Form, value: object) -> list[dict[str, Any]]:
    """Return the embeds; notes what is too much, alone or together."""
    embeds = form.items("embeds", value, EMBEDS)
    total = 0
    for at, embed in enumerate(embeds):
        path = f"embeds.{at}"
        if not isinstance(embed, dict):
            form.wrong(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
            return []
        footer, author = embed.get("footer") or {}, embed.get("author") or {}
        texts = [
            form.text(f"{path}.title", embed.get("title"), 256),
            form.text(f"{path}.description", embed.get("description"), 4096),
            form.text(f"{path}.footer.text", footer.get("text"), 2048),
            form.text(f"{path}.author.name", author.get("name"), 256),
        ]
        for number, entry in enumerate(form.items(f"{path}.fields", embed.get("fields"), 25)):
            place = f"{path}.fields.{number}"
            texts.append(form.text(f"{place}.name", entry.get("name"), 256, shortest=1, needed=True))
            texts.append(form.text(f"{place}.value", entry.get("value"), 1024, shortest=1, needed=True))
        total += sum(map(len, texts))
        embed.setdefault("type", "rich")
    if total > EMBEDS_LIMIT:
        form.wrong("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBEDS_LIMIT}")
    return embeds


def check_files(form: Form, body: Body) -> list[dict[str, Any]] | None:
    """Return what the body says of its files, and of those to keep; None when it says nothing."""
    said = body.json.get("attachments")
    if said is None:
        if len(body.uploads) > FILES:
            form.wrong("attachments", "BASE_TYPE_MAX_LENGTH", f"Must be {FILES} or fewer in length.")
        return None
    entries: list[dict[str, Any]] = form.items("attachments", said, FILES)
    numbers = {str(upload.number) for upload in body.uploads}
    named = {str(entry.get("id")) for entry in entries}
    for number in sorted(numbers - named):
        form.wrong(f"attachments.{number}", "BASE_TYPE_REQUIRED", "This field is required")
    return entries


def check_sizes(uploads: tuple[Upload, ...]) -> None:
    """Pass files that are small enough.

    Raises:
        Refused: one, or all of them, are too large.
    """
    sizes = [len(upload.content) for upload in uploads]
    if any(size > FILE_LIMIT_BYTES for size in sizes) or sum(sizes) > REQUEST_LIMIT_BYTES:
        raise Refused(413, 40005, "Request entity too large")


def apply(world: World, message: Message, content: Content, cdn: str, *, is_new: bool) -> None:
    """Put the content into a message; only a new one pings, and only a new text is looked up for previews."""
    if content.text is not None:
        message.content = content.text
    if content.embeds is not None:
        message.embeds = content.embeds
    if content.components is not None:
        message.components = numbered(content.components)
    if "flags" in content.more or is_new:
        message.flags = message.flags & ~SUPPRESS_EMBEDS | content.flags
    kept = message.attachments
    if content.attachments is not None:
        numbers = {str(entry.get("id")) for entry in content.attachments}
        kept = [one for one in kept if one["id"] in numbers]
    message.attachments = kept + [store(world, message.channel, upload, cdn) for upload in content.uploads]
    if content.mentions is not None:
        message.mentions = content.mentions.users
        message.mention_roles = content.mentions.roles
        message.mentions_everyone = content.mentions.everyone
        if is_new:
            message.pings = content.mentions.pings
    if content.text and not message.flags & SUPPRESS_EMBEDS:
        world.previewed += previews_in(content.text)


def store(world: World, channel: Channel, upload: Upload, cdn: str) -> dict[str, Any]:
    """Take a file in; returns it as an Attachment."""
    number = world.snowflake()
    world.files[number] = (upload.name, upload.content)
    url = f"{cdn}/attachments/{channel.id}/{number}/{upload.name}"
    return {
        "id": str(number),
        "filename": upload.name,
        "size": len(upload.content),
        "url": url,
        "proxy_url": url,
        "content_type": upload.mime,
    }
