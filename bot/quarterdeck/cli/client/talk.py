"""Hold one end of a conversation with the bot: say something, press a button, see what appears.

The other end is the console adapter, in whichever process holds the data folder. The answer to what was said is the
post with the same cause; attaching comes first, so that no answer can be missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar, cast, get_args

from quarterdeck.cli.client.upload import QUOTES, Upload, copy_in
from quarterdeck.cli.host import Door
from quarterdeck.core.errors import QuarterdeckError, Unavailable, UsageError
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Button, Card, Citation, File, Reply, Status
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.process.tasks import in_thread

MESSAGE_LIMIT: Final = 256 * 1024  # bytes of one message; longer texts are files
STATUSES: Final = frozenset(get_args(Status))

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Hold the next part of an answer that is still being written."""

    cause: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Hold a reply that stands in the conversation now; `cause` is the key of what it answers."""

    cause: str
    reply: Reply


Item = Piece | Post
See = Callable[[Item], None]


class Talk:
    """Speak in one conversation; make it with `open_talk`. `files` is the folder that uploads are copied into."""

    def __init__(self, door: Door, *, identity: str, conversation: str, files: Path) -> None:
        self._door, self._files = door, files
        self.identity, self.conversation = identity, conversation
        self._items: asyncio.Queue[Item | None] = asyncio.Queue()
        self._end: QuarterdeckError = _hung_up()

    async def say(self, line: str) -> str:
        """Post `line`, press the button of `/press ID`, or send the file of `/upload PATH`.

        `/upload "PATH" WORDS` sends the words along with the file, such as a command that takes one.
        Returns the key that the answer will have as its cause.

        Raises:
            QuarterdeckError: it cannot be said, or was refused.
        """
        word, _, rest = line.strip().partition(" ")
        match word:
            case "/press":
                return await self._press(rest.strip())
            case "/upload":
                return await self._upload(rest.strip())
            case _:
                return await self._post(checked(line))

    async def answer_to(self, cause: str, see: See) -> Post:
        """Return the answer to what was said under `cause`; other things that appear go to `see`.

        Raises:
            QuarterdeckError: the bot ended.
        """
        while True:
            item = await self._next()
            if isinstance(item, Post) and item.cause == cause:
                return item
            see(item)

    async def meanwhile(self, work: Coroutine[object, object, T], see: See) -> T:
        """Return what `work` returns; until then, what appears goes to `see`.

        Raises:
            QuarterdeckError: the bot ended.
        """
        working = asyncio.create_task(work)
        watching = asyncio.create_task(self._watch(see))
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                watching.result()
            return await working
        finally:
            for task in (working, watching):
                task.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def follow(self, items: AsyncIterator[Json]) -> None:
        """Take in what appears, until the bot ends."""
        try:
            async for item in items:
                self._items.put_nowait(_item_of(cast("Mapping[str, Json]", item)))
        except QuarterdeckError as error:
            self._end = error
        finally:
            self._items.put_nowait(None)

    async def _watch(self, see: See) -> None:
        while True:
            see(await self._next())

    async def _next(self) -> Item:
        item = await self._items.get()
        if item is None:
            self._items.put_nowait(None)  # whoever asks next hears it too
            raise self._end
        return item

    async def _post(self, text: str, uploads: Sequence[Upload] = ()) -> str:
        attachments: list[Json] = [
            {"name": one.name, "path": one.path.name, "media_type": one.media_type} for one in uploads
        ]
        return await self._do("console.post", text=text, attachments=attachments)

    async def _press(self, button_id: str) -> str:
        if not button_id:
            raise UsageError("/press needs the id of a button", hint="write /press ID")
        return await self._do("console.press", button=checked(button_id))

    async def _upload(self, path: str) -> str:
        if not path:
            raise UsageError("/upload needs the path of a file", hint="write /upload PATH")
        path, words = _with_words(checked(path))
        upload = await in_thread(copy_in, path, self._files)
        try:
            return await self._post(words, [upload])
        except QuarterdeckError:
            upload.path.unlink(missing_ok=True)
            raise

    async def _do(self, operation: str, **parameters: Json) -> str:
        place = {"identity": self.identity, "conversation": self.conversation}
        result = await self._door.call(operation, {**place, **parameters})
        return str(cast("Mapping[str, Json]", result)["cause"])


@asynccontextmanager
async def open_talk(door: Door, *, identity: str, conversation: str, files: Path) -> AsyncIterator[Talk]:
    """Attach to a conversation; without `identity` and `conversation`, as the owner and in the owner's own.

    Raises:
        QuarterdeckError: identity or conversation cannot be one.
    """
    items = door.stream("console.attach", {"identity": identity, "conversation": conversation})
    attached = cast("Mapping[str, Json] | None", await anext(items, None))
    if attached is None:
        raise _hung_up()
    talk = Talk(
        door,
        identity=str(attached["identity"]),
        conversation=str(attached["conversation"]),
        files=files,
    )
    following = asyncio.create_task(talk.follow(items), name="console items")
    try:
        yield talk
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def checked(text: str) -> str:
    """Return `text` if it can be a message.

    Raises:
        UsageError: it is too long, holds null characters, or is no valid Unicode.
    """
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise UsageError(f"character {error.start + 1} is no valid Unicode") from error
    if size_bytes > MESSAGE_LIMIT:
        raise too_long()
    if "\0" in text:
        raise UsageError(f"character {text.index(chr(0)) + 1} is a null character", hint="take it out")
    return text


def too_long() -> UsageError:
    """Return the error of a message that is longer than `MESSAGE_LIMIT`."""
    return UsageError(
        f"a message has at most {MESSAGE_LIMIT // 1024} KiB", hint="send it as a file: /upload PATH"
    )


def _item_of(item: Mapping[str, Json]) -> Item:
    cause = str(item["cause"])
    if item["kind"] == "piece":
        return Piece(cause=cause, text=str(item["text"]))
    return Post(cause=cause, reply=_reply_of(cast("Mapping[str, Json]", item["body"])))


def _reply_of(body: Mapping[str, Json]) -> Reply:
    """Read a post's body; a status that this version does not know is shown as an answer."""
    status = str(body["status"])
    run_id = body["run_id"]
    buttons = tuple(Button(id=str(one["id"]), label=str(one["label"])) for one in _objects(body["buttons"]))
    return Reply(
        text=str(body["text"]),
        card=Card(buttons=buttons) if buttons else None,
        files=tuple(File(name=str(one["name"]), path=str(one["path"])) for one in _objects(body["files"])),
        citations=tuple(_citation_of(one) for one in _objects(body["citations"])),
        status=cast("Status", status) if status in STATUSES else "answered",
        run_id=None if run_id is None else str(run_id),
    )


def _citation_of(one: Mapping[str, Json]) -> Citation:
    number = one["n"]
    return Citation(
        n=number if isinstance(number, int) else 0,
        document=str(one["document"]),
        heading=str(one["heading"]),
        url=str(one["url"]),
    )


def _objects(value: Json) -> Sequence[Mapping[str, Json]]:
    return cast("Sequence[Mapping[str, Json]]", value)


def _hung_up() -> QuarterdeckError:
    return Unavailable("the bot has ended the conversation", service="quarterdeck", hint="start it again")


def _with_words(written: str) -> tuple[str, str]:
    """Split `"PATH" WORDS`; without quotes all of it is the path."""
    end = written.find(written[0], 1) if written[0] in QUOTES else -1
    return (written[: end + 1], written[end + 1 :].strip()) if end > 0 else (written, "")
