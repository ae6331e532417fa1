"""Bring interactions to the bot's web server, signed, and take the answer as the first response.

Before the first one Discord makes sure that the server checks signatures: a PING with a good one must be answered with
PONG, one with a bad signature with 401 (docs "Interactions", Setting Up an Endpoint, 2026-11-21).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from aiohttp import BodyPartReader, ClientError, ClientResponse, ClientSession, ClientTimeout, MultipartReader

from quarterdeck.core.ports import Clock
from quarterdeck.testing.simulator.discord.content import Body, Upload
from quarterdeck.testing.simulator.discord.interactions import PING, PONG, Interaction, Interactions
from quarterdeck.testing.simulator.discord.refusal import Refused
from quarterdeck.testing.simulator.discord.rest import read_json
from quarterdeck.testing.simulator.discord.signing import Signer
from quarterdeck.testing.simulator.discord.world import APPLICATION_ID
from quarterdeck.testing.simulator.faults import Faults
from quarterdeck.testing.simulator.platform import FaultKind

PATH: Final = "/discord/interactions"
LOST: Final[tuple[FaultKind, ...]] = ("lost_answer",)
GIVE_UP_S: Final = 10.0  # the 3 seconds run on the simulator's clock


class Door:
    """Deliver over HTTP once there is an address."""

    def __init__(
        self,
        clock: Clock,
        faults: Faults,
        signer: Signer,
        interactions: Interactions,
        refused: Callable[[str], None],
    ) -> None:
        self._clock, self._faults, self._signer = clock, faults, signer
        self._interactions, self._refused = interactions, refused
        self._session: ClientSession | None = None
        self._is_checked = False
        self.url = ""

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()

    async def deliver(self, one: Interaction, body: dict[str, Any]) -> None:
        """Deliver an interaction, or let it go wrong as ordered; nobody tries again."""
        if not self._is_checked:
            self._is_checked = True
            await self._check()

        async def send() -> None:
            await self._send(one, body)

        async def disconnect() -> None:
            return

        if not await self._faults.pass_on("INTERACTION_CREATE", send, disconnect):
            self._interactions.give_up(one)

    async def _send(self, one: Interaction, body: dict[str, Any]) -> None:
        fault = self._faults.take("INTERACTION_CREATE", LOST)
        try:
            async with self._post(body, is_genuine=True) as response:
                answer = await read_answer(response)
                status = response.status
        except (ClientError, OSError, TimeoutError):
            self._interactions.give_up(one)
            return
        if fault is not None or not 200 <= status < 300:
            self._interactions.give_up(one)
            return
        if not answer.json:
            return  # it will use the callback
        try:
            await self._interactions.respond(one.id, one.token, answer)
        except Refused as refused:
            self._refused(f"interaction response: {refused}")
            self._interactions.give_up(one)

    async def _check(self) -> None:
        ping: dict[str, Any] = {
            "id": "1",
            "application_id": str(APPLICATION_ID),
            "type": PING,
            "token": "x",
            "version": 1,
        }
        try:
            async with self._post(ping, is_genuine=True) as response:
                answer = await read_answer(response)
                if response.status != 200 or answer.json.get("type") != PONG:
                    self._refused(
                        f"interactions endpoint: PING was answered with {response.status}, not with PONG"
                    )
            async with self._post(ping, is_genuine=False) as response:
                if response.status != 401:
                    self._refused(
                        f"interactions endpoint: a bad signature was answered with {response.status}"
                    )
        except (ClientError, OSError, TimeoutError) as error:
            self._refused(f"interactions endpoint: {type(error).__name__}")

    def _post(self, body: dict[str, Any], *, is_genuine: bool) -> Any:
        if self._session is None:
            self._session = ClientSession(timeout=ClientTimeout(total=GIVE_UP_S))
        raw = json.dumps(body, separators=(",", ":")).encode()
        timestamp = str(self._clock.now_ms() // 1000)
        headers = self._signer.headers(raw, timestamp, is_genuine=is_genuine)
        return self._session.post(self.url, data=raw, headers=headers, allow_redirects=False)


async def read_answer(response: ClientResponse) -> Body:
    """Return what the bot's server answered, with files where there are some."""
    if response.content_type == "multipart/form-data":
        return await read_parts(MultipartReader.from_response(response).stream)
    raw = await response.read()
    if not raw or response.content_type != "application/json":
        return Body({})
    value = read_json(raw)
    return Body(value if isinstance(value, dict) else {})


async def read_parts(parts: MultipartReader) -> Body:
    """Return an answer with files."""
    value: Any = {}
    uploads: list[Upload] = []
    async for part in parts:
        if not isinstance(part, BodyPartReader):
            continue
        if part.name == "payload_json":
            value = read_json(bytes(await part.read(decode=True)))
        elif part.name:
            number = part.name.removeprefix("files[").removesuffix("]")
            mime = part.headers.get("Content-Type", "application/octet-stream")
            content = bytes(await part.read(decode=True))
            uploads.append(Upload(int(number), part.filename or "file", content, mime))
    return Body(value, tuple(uploads))
