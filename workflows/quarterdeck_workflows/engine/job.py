"""Say what one durable run of a workflow is to do: the whole of it, or a part that has a run of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, cast

from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.durable import Queue

BODY = "workflow.v1"  # stands on disk
SERIAL = "serial"  # the queue of steps that exclude each other
QUEUE = Queue(name=SERIAL, is_partitioned=True, is_rare=True, poll_s=0.25)

Part = Literal["run", "steps", "rounds", "step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Hold the input of a durable run; it is on disk as `json` returns it.

    `root` is the run as people know it, the same in all its parts and after each `resume`. `definition` is the
    document itself, or `{"blob": digest}`. `part` says what is done: the whole run; `steps`: the list `number` of steps
    inside the step `node`; `rounds`: the loop `node` from round `number` on; `step`: the step `node` alone. `place` is
    where that stands, the beginning of the names of its steps; `prefix` stands before all places of a workflow that
    another one called. `gate` is the approval that it needs before it begins, where it needs one. `scope` has the
    values so far, or `{"blob": digest}`. `shown_as` names the message that shows the run, where it has one.
    """

    root: str
    workflow: str
    definition: Mapping[str, Json]
    identity: Identity
    conversation: Conversation
    scope: Mapping[str, Json]
    part: Part = "run"
    node: str = ""
    number: int = 0
    place: str = ""
    depth: int = 0
    prefix: str = ""
    gate: Mapping[str, Json] = field(default_factory=dict)
    shown_as: str = ""

    @property
    def definition_key(self) -> str:
        """Name the definition: the same for the same document of a run."""
        where = self.definition
        return str(where["blob"]) if "blob" in where else f"{self.root}|{self.workflow}"

    def json(self) -> dict[str, Json]:
        """Return it as it stands on disk."""
        return {
            "root": self.root,
            "workflow": self.workflow,
            "definition": self.definition,
            "identity": str(self.identity),
            "conversation": [self.conversation.id, self.conversation.platform, self.conversation.kind],
            "scope": self.scope,
            "part": self.part,
            "node": self.node,
            "number": self.number,
            "place": self.place,
            "depth": self.depth,
            "prefix": self.prefix,
            "gate": self.gate,
            "shown_as": self.shown_as,
        }

    @classmethod
    def read(cls, value: Json) -> Job:
        """Rebuild it."""
        found = cast("Mapping[str, Json]", value)
        place = cast("list[str]", found["conversation"])
        return cls(
            root=str(found["root"]),
            workflow=str(found["workflow"]),
            definition=cast("Mapping[str, Json]", found["definition"]),
            identity=Identity.parse(str(found["identity"])),
            conversation=Conversation(id=place[0], platform=place[1], kind=place[2]),  # type: ignore[arg-type]  # as written
            scope=cast("Mapping[str, Json]", found["scope"]),
            part=cast("Part", found["part"]),
            node=str(found["node"]),
            number=cast("int", found["number"]),
            place=str(found["place"]),
            depth=cast("int", found["depth"]),
            prefix=str(found.get("prefix") or ""),
            gate=cast("Mapping[str, Json]", found.get("gate") or {}),
            shown_as=str(found.get("shown_as") or ""),
        )
