"""Describe one fire of a schedule: an event that goes the ordinary way by inbox, router and authoriser."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from quarterdeck.core.event import Event, Posted
from quarterdeck.core.message import Conversation, ConversationKind, Message
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json, Schedule
from quarterdeck.core.value import dataclass
from quarterdeck.schedule.firing.misfire import ON_TIME


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
    not_after: datetime | None = None  # later it is missed, whatever held it up

    @property
    def event_key(self) -> str:
        """Name the event over all platforms."""
        return f"{self.conversation.platform}:{self.owner.workspace}:{self.key}"

    @property
    def is_planned(self) -> bool:
        """Tell a planned fire from one that was asked for beside the plan."""
        return self.key == f"cron:{self.schedule_id}:{self.planned.isoformat()}"

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
            not_after=_limit(schedule, planned),
        )

    @classmethod
    def from_json(cls, payload: Json) -> Fire:
        """Read what `json` wrote."""
        values = cast("Mapping[str, str]", payload)
        limit = values.get("not_after")
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
            not_after=datetime.fromisoformat(limit) if limit else None,
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
            "not_after": self.not_after.isoformat() if self.not_after else None,
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


def planned_of(event: Event) -> tuple[str, datetime] | None:
    """Return the schedule and the planned time that an event stands for; None: it is no planned fire."""
    if not (isinstance(event, Posted) and event.origin.startswith("schedule:")):
        return None
    schedule_id, planned = event.message.raw.get("schedule"), event.message.raw.get("planned")
    if not isinstance(schedule_id, str) or not isinstance(planned, str):
        return None
    is_planned = event.id == f"cron:{schedule_id}:{planned}"
    return (schedule_id, datetime.fromisoformat(planned)) if is_planned else None


def _limit(schedule: Schedule, planned: datetime) -> datetime | None:
    if schedule.lateness_s is None:
        return None
    return planned + max(timedelta(seconds=schedule.lateness_s), ON_TIME)
