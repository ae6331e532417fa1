"""Start workflows by what people write, how they react, and which buttons they press."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Final, cast

from quarterdeck.core.access import Way
from quarterdeck.core.errors import Busy, Denied, QuarterdeckError, Unavailable
from quarterdeck.core.event import Event, Posted, Pressed, Reacted
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import RunOf
from quarterdeck_workflows.actions.chat import PRESS
from quarterdeck_workflows.language.functions import search
from quarterdeck_workflows.language.spec import OnButton, OnMessage, OnReaction, Trigger, Workflow
from quarterdeck_workflows.triggers.index import Index
from quarterdeck_workflows.triggers.occasion import Beginning, Occasion

GONE: Final = "This button does nothing any more."
LATE_S: Final = 900.0  # what was said longer ago, while the bot was away, starts nothing any more
LONGEST: Final = 10_000  # characters of a message that are looked at
_SHADES: Final = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")

Begun = Sequence[tuple[Workflow, Trigger, Mapping[str, Json]]]

log = logging.getLogger(__name__)


class Heard:
    """Listen to messages and reactions (the port that the router's intake asks)."""

    def __init__(self, index: Index, beginning: Beginning) -> None:
        self._index, self._beginning = index, beginning

    async def __call__(self, event: Event) -> Reply | None:
        """Start what this event starts; returns the message of the first run, None where it starts nothing.

        Who may not start a workflow triggers nothing, and is told nothing: the words may not have been meant for it.

        Raises:
            Busy, Unavailable: the database is; the same event may come again.
        """
        if event.origin:
            return None
        if isinstance(event, Pressed):
            return await self._press(event) if event.value.startswith(f"{PRESS} ") else None
        if not isinstance(event, Posted | Reacted) or self._is_late(event):
            return None
        found = self._message(event) if isinstance(event, Posted) else self._reaction(event)
        answer: Reply | None = None
        for number, (workflow, trigger, values) in enumerate(found):
            shown_as = event.key if answer is None else f"{event.key}~{number}"
            begun = await self._begin(workflow, trigger, values, event, shown_as)
            answer = answer or begun
        return answer

    async def _begin(
        self,
        workflow: Workflow,
        trigger: Trigger,
        values: Mapping[str, Json],
        event: Event,
        shown_as: str,
    ) -> Reply | None:
        people = self._beginning.bot.people
        occasion = Occasion(
            way=cast("Way", trigger.kind),
            key=event.key,
            values={**values, "conversation": event.conversation.id, "person": str(event.actor)},
            who=event.actor,
            person=await people.person_of(event.actor, event.actor_name, event.groups),
            conversation=event.conversation,
            shown_as=shown_as,
            confirms=isinstance(trigger, OnButton),
        )
        try:
            run = await self._beginning.begin(workflow, trigger, occasion)
        except (Busy, Unavailable):
            raise
        except Denied as error:
            if isinstance(trigger, OnButton):
                return Reply(text=error.message, status="denied", private_to=event.actor)
            log.info("Not started: not allowed", extra={"workflow": workflow.name, "trigger": trigger.kind})
            return None
        except QuarterdeckError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            return Reply(text=f"{workflow.name} did not start: {error.message}{hint}", status="error")
        return None if run is None else self._shown(run, event)

    def _shown(self, run: RunOf, event: Event) -> Reply:
        if run.conversation.id != event.conversation.id:
            return Reply(text=f"`{run.id}` has begun.", run_id=run.id, status="pending")
        return self._beginning.shown(run)

    async def _press(self, event: Pressed) -> Reply:
        name, _, value = event.value.removeprefix(f"{PRESS} ").partition(" ")
        values: Mapping[str, Json] = {"button": name, "value": value, "message_id": event.message_id}
        for workflow, trigger in self._index.of(OnButton):
            if trigger.name == name:
                begun = await self._begin(workflow, trigger, values, event, event.key)
                return begun or Reply(text=GONE, status="not_found", private_to=event.actor)
        return Reply(text=GONE, status="not_found", private_to=event.actor)

    def _message(self, event: Posted) -> Begun:
        triggers = self._index.of(OnMessage)
        message, found = event.message, list[tuple[Workflow, Trigger, Mapping[str, Json]]]()
        for workflow, trigger in triggers:
            if not _is_here(trigger.conversations, event) or (trigger.mention and not _is_to_us(event)):
                continue
            match = search(trigger.pattern, message.text[:LONGEST])
            if match is not None:
                text, groups = match
                values: Mapping[str, Json] = {
                    "text": message.text[:LONGEST],
                    "match": text,
                    "groups": groups,
                    "message_id": message.id,
                }
                found.append((workflow, trigger, values))
        return found

    def _reaction(self, event: Reacted) -> Begun:
        if not event.added:
            return []
        emoji = plain(event.emoji)
        values: Mapping[str, Json] = {"emoji": event.emoji, "message_id": event.message_id}
        return [
            (workflow, trigger, values)
            for workflow, trigger in self._index.of(OnReaction)
            if plain(trigger.emoji) == emoji and _is_here(trigger.conversations, event)
        ]

    def _is_late(self, event: Posted | Reacted) -> bool:
        at = event.message.sent_at if isinstance(event, Posted) else event.received_at
        return event.is_late and (self._beginning.bot.clock.now() - at).total_seconds() > LATE_S


def plain(emoji: str) -> str:
    """Return an emoji without what only changes its looks."""
    return _SHADES.sub("", emoji.strip().strip(":"))


def _is_here(conversations: tuple[str, ...], event: Event) -> bool:
    return not conversations or event.conversation.id in conversations


def _is_to_us(event: Posted) -> bool:
    return event.message.mentions_bot or event.conversation.kind == "direct"
