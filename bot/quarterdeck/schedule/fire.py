"""Describe one fire of a schedule: an event that goes the ordinary way by inbox, router and authoriser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from quarterdeck.core.event import Posted
from quarterdeck.core.message import Conversation, ConversationKind, Message
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Fire:
    """Hold all that a fire needs, so that an edit of the schedule does not touch one that is under way.

    `key` is the id of its durable run and of its event: a planned time has one key, however often it is dealt
    with.
    """

    key: str
    schedule_id: str
    planned: datetime
    what: str
    owner: Identity
    conversation: Conversation

    @classmethod
    def planned_at(cls, schedule: Schedule, planned: datetime) -> Fire:
        """Return the fire of a planned time, which is in UTC."""
        return cls._of(schedule, planned, key=f"cron:{schedule.id}:{planned.isoformat()}")

    @classmethod
    def asked_for(cls, schedule: Schedule, now: datetime, *, key: str) -> Fire:
        """Return a fire beside the plan; `key` is of the request, and the same request twice is one fire."""
        return cls._of(schedule, now, key=f"cron:{schedule.id}:asked:{key}")

    @classmethod
    def _of(cls, schedule: Schedule, planned: datetime, *, key: str) -> Fire:
        return cls(
            key=key,
            schedule_id=schedule.id,
            planned=planned,
            what=schedule.what,
            owner=schedule.owner,
            conversation=schedule.conversation,
        )

    @classmethod
    def from_json(cls, payload: Json) -> Fire:
        """Read what `json` wrote."""
        values = cast("Mapping[str, str]", payload)
        return cls(
            key=values["key"],
            schedule_id=values["schedule"],
            planned=datetime.fromisoformat(values["planned"]),
            what=values["what"],
            owner=Identity.parse(values["owner"]),
            conversation=Conversation(
                id=values["conversation"],
                platform=values["platform"],
                kind=cast(ConversationKind, values["kind"]),
            ),
        )

    def json(self) -> Json:
        """Write it as plain JSON, for the durable run."""
        return {
            "key": self.key,
            "schedule": self.schedule_id,
            "planned": self.planned.isoformat(),
            "what": self.what,
            "owner": str(self.owner),
            "conversation": self.conversation.id,
            "platform": self.conversation.platform,
            "kind": self.conversation.kind,
        }

    def event(self, now: datetime) -> Posted:
        """Return the event: the owner says `what` in the conversation, with the owner's rights at that time.

        `origin` names the schedule, so that refusals and the audit can say which way the command came.
        """
        message = Message(
            id=self.key,
            conversation=self.conversation,
            author=self.owner,
            text=self.what,
            sent_at=now,
            mentions_bot=True,
            raw={"schedule": self.schedule_id, "planned": self.planned.isoformat()},
        )
        return Posted(
            id=self.key,
            platform=self.conversation.platform,
            workspace=self.owner.workspace,
            received_at=now,
            conversation=self.conversation,
            actor=self.owner,
            origin=f"schedule:{self.schedule_id}",
            message=message,
        )
