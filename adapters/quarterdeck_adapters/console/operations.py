"""Offer the console to the program's own verb: look at a conversation, write into it, press a button."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from quarterdeck.core.errors import UsageError
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json, Operation, Progress
from quarterdeck_adapters.console.adapter import ConsoleAdapter
from quarterdeck_adapters.console.parse import conversation_of

Stream = Callable[[Mapping[str, Json]], AsyncIterator[Json]]


class ConsoleDoor:
    """Read the parameters of the console's operations; `owner` is who writes unless `identity` says otherwise."""

    def __init__(self, adapter: ConsoleAdapter, owner: Identity, files: Path) -> None:
        self._adapter, self._owner, self._files = adapter, owner, files

    def operations(self) -> list[Operation]:
        """Return `console.post` and `console.press`; both answer `{"cause": key}`, the answer's key."""
        return [
            Operation(name="console.post", handler=self._post, effect="write"),
            Operation(name="console.press", handler=self._press, effect="write"),
        ]

    def streams(self) -> dict[str, Stream]:
        """Return `console.attach`: first `{"kind": "attached", …}`, then what appears, without end."""
        return {"console.attach": self._attach}

    async def _attach(self, parameters: Mapping[str, Json]) -> AsyncIterator[Json]:
        identity, conversation = self._place(parameters)
        with self._adapter.attach(identity, conversation.id) as session:
            yield {"kind": "attached", "conversation": conversation.id, "identity": str(identity)}
            async for item in session.items():
                yield item

    async def _post(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        identity, conversation = self._place(parameters)
        text = parameters.get("text")
        if not isinstance(text, str):
            raise UsageError("a message needs text", hint='write {"text": "…"}')
        attachments = [self._attachment(one) for one in _list(parameters.get("attachments"))]
        return {"cause": await self._adapter.post(conversation, identity, text, attachments)}

    async def _press(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        identity, conversation = self._place(parameters)
        return {"cause": await self._adapter.press(conversation, identity, str(parameters.get("button")))}

    def _place(self, parameters: Mapping[str, Json]) -> tuple[Identity, Conversation]:
        written = parameters.get("identity")
        identity = Identity.parse(written) if isinstance(written, str) and written else self._owner
        return identity, conversation_of(str(parameters.get("conversation") or ""), identity)

    def _attachment(self, one: Json) -> Attachment:
        """Accept only files that lie in our own folder, where the client has put them."""
        if not isinstance(one, Mapping):
            raise UsageError("an attachment needs name, path and media_type")
        path = self._files / Path(str(one.get("path"))).name
        if not path.is_file() or path.is_symlink():
            raise UsageError(
                f"no file {path.name!r} was uploaded", hint="copy it into the files folder first"
            )
        return Attachment(
            name=str(one.get("name"))[:255],
            media_type=str(one.get("media_type") or "application/octet-stream"),
            size_bytes=path.stat().st_size,
            url=path.name,
        )


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []
