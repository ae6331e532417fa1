"""Draw with the first model of the role `image` that does (the `Images` port).

An order is fitted to what the vendor takes, its price is set aside, and what comes back is looked at before it is
kept. What was refused for its content is not shown to the next vendor; what may have been made is not ordered twice
from the same.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from quarterdeck.core.budget import OverBudget
from quarterdeck.core.errors import (
    QuarterdeckError,
    Rejected,
    ServiceError,
    SetupError,
    Unavailable,
    Unknown,
    UsageError,
)
from quarterdeck.core.image import LONGEST_PROMPT, MOST_PICTURES, Drawing
from quarterdeck.core.model import Connected, Enclosed
from quarterdeck.core.ports import Clock, Web
from quarterdeck.core.reply import File
from quarterdeck.core.value import dataclass
from quarterdeck.models.calling.breaker import Breaker, RetryBudget
from quarterdeck.models.calling.fallback import ATTEMPTS, RETRY_WITHIN_S, pause_s
from quarterdeck.models.calling.meter import Purpose
from quarterdeck.models.choosing import Choice
from quarterdeck.models.images.check import PICTURE_LIMIT_BYTES, Picture, checked
from quarterdeck.models.images.fit import fit
from quarterdeck.models.images.guide import how_to_connect
from quarterdeck.models.images.order import Made, Order, Painted, Size, Tell, read_size
from quarterdeck.models.images.painters import Painters
from quarterdeck.models.images.refusal import Refused
from quarterdeck.models.images.till import Till
from quarterdeck.models.images.ways import ImageWays
from quarterdeck.models.providers.catalog import Provider
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.runtime.process.tasks import in_thread

TOTAL_S: Final = 180.0
FETCH_S: Final = 60.0
_UNFIT: Final = re.compile(r"[^a-z0-9]+")


class Files(Protocol):
    """Keep what the bot made."""

    async def keep(self, name: str, content: bytes, media_type: str) -> File:
        """Write `content`; `name` is how people see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """Hold a checked order, not yet said in any vendor's words."""

    prompt: str
    size: Size | None
    count: int
    seed: int | None
    edit: Enclosed | None
    purpose: Purpose
    tell: Tell


class ImageDesk:
    """Take orders for pictures."""

    def __init__(
        self, registry: ModelRegistry, painters: Painters, till: Till, *, files: Files, web: Web, clock: Clock
    ) -> None:
        self._registry, self._painters, self._till = registry, painters, till
        self._files, self._web, self._clock = files, web, clock
        self._breakers: dict[str, Breaker] = {}
        self._budgets: dict[str, RetryBudget] = {}

    async def connected(self) -> Connected | None:
        """Return the model that would draw now, None when none is connected."""
        return await self._registry.connected("image")

    def how_to_connect(self) -> str:
        """Say how to connect a model that draws."""
        return how_to_connect(self._registry.catalog, self._registry.connections)

    async def close(self) -> None:
        """Close connections."""
        await self._painters.close()

    async def generate(
        self,
        prompt: str,
        *,
        size: str = "",
        count: int = 1,
        seed: int | None = None,
        edit: Enclosed | None = None,
        person_id: str = "",
        conversation_id: str = "",
        workflow: str = "",
        progress: Callable[[str], Awaitable[None]] | None = None,
    ) -> Drawing:
        """Return `count` pictures; see `Images.generate`."""
        wish = _Wish(
            prompt=_sound(prompt),
            size=read_size(size),
            count=_few(count),
            seed=seed,
            edit=None if edit is None else await _looked_at(edit),
            purpose=Purpose(
                role="image", person_id=person_id, conversation_id=conversation_id, workflow=workflow
            ),
            tell=progress or _hush,
        )
        choices = await self._registry.choices("image")
        if not choices:
            raise SetupError(
                "no model that draws is connected",
                hint="set models.roles.image, such as [openai/gpt-image-2.5-flare], or a key that "
                "`quarterdeck model list` names",
                key="models.roles.image",
            )
        failures: list[QuarterdeckError] = []
        for choice in choices:
            try:
                return await self._drawn(choice, wish)
            except Refused:
                raise
            except (ServiceError, SetupError, OverBudget) as error:
                failures.append(error)
        raise failures[0]

    async def _drawn(self, choice: Choice, wish: _Wish) -> Drawing:
        """Draw with one model; where some of several calls fail, what the others made is kept."""
        provider, connected = choice.provider, choice.connected
        row = provider.row.images
        if row is None:
            raise Rejected(
                f"{provider.row.name} draws no pictures",
                service=provider.row.name,
                status=404,
                hint="name another model in models.roles.image",
            )
        ways = row.of(connected.model)
        order = Order(model=connected.model, prompt=wish.prompt, seed=wish.seed, edit=wish.edit)
        orders, notes = fit(order, wish.size, wish.count, ways, provider.row.name)
        if label := self._registry.replaced(connected):
            notes.append(f"{label}.")
        await wish.tell(f"Drawing with {connected}")
        files: list[File] = []
        costs: list[int | None] = []
        revised = ""
        for one in orders:
            try:
                painted, pictures, microusd = await self._call(choice, ways, one, wish)
            except (ServiceError, OverBudget) as error:
                if not files:
                    raise
                notes.append(f"{len(files)} of {wish.count} pictures were made: {error.message}.")
                break
            costs.append(microusd)
            revised = revised or painted.revised
            for picture in pictures[: wish.count - len(files)]:
                files.append(await self._kept(picture, wish.prompt, len(files) + 1))
        return Drawing(
            files=tuple(files),
            prompt=wish.prompt,
            model=connected,
            microusd=None if None in costs else sum(one or 0 for one in costs),
            revised=revised,
            notes=tuple(notes),
        )

    async def _call(
        self, choice: Choice, ways: ImageWays, order: Order, wish: _Wish
    ) -> tuple[Painted, list[Picture], int | None]:
        """Make one call, again where it surely did not go through; breaker and retry budget as for text."""
        id_ = choice.provider.id
        breaker = self._breakers.setdefault(id_, Breaker(self._clock.monotonic))
        if rest_s := breaker.rest_s():
            message = f"{id_} failed several times in a row and is left alone for {rest_s:.0f} s"
            raise Unavailable(message, service=id_, retry_after_s=rest_s)
        budget = self._budgets.setdefault(id_, RetryBudget())
        budget.called()
        began_s, attempt = self._clock.monotonic(), 1
        while True:
            try:
                made = await self._paid(choice, ways, order, wish)
            except ServiceError as error:
                if error.retryable:
                    breaker.failed()
                if self._painters.rotate(choice.provider, error):
                    continue  # each key rests after it failed, so that this ends
                wait_s = pause_s(error, attempt)
                used_s = self._clock.monotonic() - began_s
                is_last = attempt >= ATTEMPTS or used_s + wait_s > RETRY_WITHIN_S
                if not error.retryable or is_last or not budget.take():
                    raise
                attempt += 1
                await self._clock.sleep(wait_s)
            else:
                breaker.succeeded()
                return made

    async def _paid(
        self, choice: Choice, ways: ImageWays, order: Order, wish: _Wish
    ) -> tuple[Painted, list[Picture], int | None]:
        """Make one call between setting its price aside and settling it."""
        ticket = await self._till.begin(choice.provider, choice.connected, ways, order.count, wish.purpose)
        outcome, is_lost = "cancelled", True
        painted = Painted(pictures=())
        microusd: int | None = None
        try:
            painted = await self._painted(choice.provider, order, wish.tell)
            is_lost, outcome = False, "broken"
            pictures = [await self._looked(choice.provider, one) for one in painted.pictures]
            outcome = "ok"
        except QuarterdeckError as error:
            outcome = outcome if painted.pictures else type(error).__name__
            is_lost = isinstance(error, Unknown)
            raise
        finally:
            made = len(painted.pictures)
            microusd = await self._till.end(
                ticket, outcome=outcome, made=made, usage=painted.usage, is_lost=is_lost and made == 0
            )
        return painted, pictures, microusd

    async def _painted(self, provider: Provider, order: Order, tell: Tell) -> Painted:
        name = provider.row.name
        try:
            async with asyncio.timeout(TOTAL_S):
                async with self._painters.slot(provider):
                    return await (await self._painters.open(provider)).draw(order, tell)
        except TimeoutError as error:
            raise Unknown(
                f"{name} did not finish in {TOTAL_S:g} s; the picture may have been made, and paid for",
                service=name,
                hint="ask for fewer or smaller pictures",
            ) from error

    async def _looked(self, provider: Provider, made: Made) -> Picture:
        """Fetch a picture that lies elsewhere, and look at it.

        Raises:
            ServiceError: it cannot be fetched, or is none.
        """
        name = provider.row.name
        content = made.content
        if made.url:
            try:
                answer = await self._web.request(
                    "GET", made.url, max_bytes=PICTURE_LIMIT_BYTES, timeout_s=FETCH_S
                )
            except QuarterdeckError as error:
                message = f"the picture that {name} made cannot be fetched: {error.message}"
                raise Rejected(message, service=name, status=0, hint=error.hint) from error
            if answer.status != 200:
                message = f"the picture that {name} made cannot be fetched: {answer.status}"
                raise Rejected(message, service=name, status=answer.status, hint="order it again")
            content = answer.body
        try:
            return await in_thread(checked, content)
        except UsageError as error:
            message = f"what {name} sent is no picture for us: {error.message}"
            raise Rejected(message, service=name, status=200, hint=error.hint) from error

    async def _kept(self, picture: Picture, prompt: str, n: int) -> File:
        words = _UNFIT.sub("-", prompt.lower()).strip("-")[:40].strip("-") or "picture"
        return await self._files.keep(f"{words}-{n}.{picture.suffix}", picture.content, picture.media_type)


def _sound(prompt: str) -> str:
    prompt = prompt.strip()
    if not prompt:
        raise UsageError("a picture needs words", hint="say what is to be seen on it")
    if len(prompt) > LONGEST_PROMPT:
        raise UsageError(
            f"{len(prompt)} characters are too many", hint=f"say it in at most {LONGEST_PROMPT} characters"
        )
    return prompt


def _few(count: int) -> int:
    if not 1 <= count <= MOST_PICTURES:
        raise UsageError(f"{count} pictures cannot be ordered", hint=f"order 1 to {MOST_PICTURES}")
    return count


async def _looked_at(edit: Enclosed) -> Enclosed:
    """Return the picture that is to be changed, read, and called what it is.

    Raises:
        UsageError: it is no picture.
    """
    content = edit.content
    if isinstance(content, Path):
        content = await in_thread(content.read_bytes)
    try:
        picture = await in_thread(partial(checked, content))
    except UsageError as error:
        raise UsageError(
            f"{edit.name or 'the file'} cannot be changed: {error.message}", hint=error.hint
        ) from error
    name = f"picture.{picture.suffix}"
    return replace(edit, content=picture.content, media_type=picture.media_type, name=name)


async def _hush(_: str) -> None:
    """Tell nobody."""
