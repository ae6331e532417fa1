"""Say how a run, a part of one, or a step ended; all of it is plain JSON on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, cast

from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck_workflows.language.spec import Outcome

Kind = Literal["unavailable", "rate_limited", "timeout", "denied", "input", "cancelled", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Hold why a step failed: what `steps.ID.error` and `error` show. `step` is its id, `place` where it stands."""

    kind: str = "failed"
    message: str
    hint: str = ""
    step: str = ""
    place: str = ""

    def json(self) -> dict[str, Json]:
        """Return it as it stands on disk, and in expressions."""
        return {
            "kind": self.kind,
            "message": self.message,
            "hint": self.hint,
            "step": self.step,
            "place": self.place,
        }

    @classmethod
    def read(cls, value: Json) -> Failure:
        """Rebuild it."""
        found = cast("Mapping[str, str]", value if isinstance(value, Mapping) else {})
        names = ("kind", "message", "hint", "step", "place")
        given = {name: str(found.get(name) or "") for name in names}
        given["message"] = given["message"] or "it failed"
        return cls(**{**given, "kind": given["kind"] or "failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Say how a durable run ended. `at` is where in that run it stopped, empty unless it failed.

    Of a part of a run: `steps` and `vars` are what it adds to those of the run, `rest` the round to go on with.
    """

    state: Outcome
    output: Json = None
    message: str = ""
    at: str = ""
    failure: Failure | None = None
    steps: Mapping[str, Json] = field(default_factory=dict)
    vars: Mapping[str, Json] = field(default_factory=dict)
    rest: int | None = None
    is_stop: bool = False

    def json(self) -> dict[str, Json]:
        """Return it as it stands on disk."""
        return {
            "state": self.state,
            "output": self.output,
            "message": self.message,
            "at": self.at,
            "failure": self.failure.json() if self.failure else None,
            "steps": self.steps,
            "vars": self.vars,
            "rest": self.rest,
            "is_stop": self.is_stop,
        }

    @classmethod
    def read(cls, value: Json) -> Ending:
        """Rebuild it."""
        found = cast("Mapping[str, Json]", value)
        failure = found.get("failure")
        return cls(
            state=cast("Outcome", found["state"]),
            output=found.get("output"),
            message=str(found.get("message") or ""),
            at=str(found.get("at") or ""),
            failure=Failure.read(failure) if failure else None,
            steps=cast("Mapping[str, Json]", found.get("steps") or {}),
            vars=cast("Mapping[str, Json]", found.get("vars") or {}),
            rest=cast("int | None", found.get("rest")),
            is_stop=bool(found.get("is_stop")),
        )


class Failed(Exception):
    """End a step, and what it stands in. `at` is where in this durable run it stopped."""

    def __init__(self, failure: Failure, at: str) -> None:
        super().__init__(failure.message)
        self.failure, self.at = failure, at


class Stopped(Exception):
    """End the whole run, by a `stop` step or because people said no."""

    def __init__(self, outcome: Outcome, message: str, at: str = "") -> None:
        super().__init__(message)
        self.outcome, self.message, self.at = outcome, message, at


def stopped_at(result: Json) -> str:
    """Return where a durable run stopped, from its result; empty when it did not fail."""
    if not isinstance(result, Mapping) or result.get("state") != "failed":
        return ""
    return str(result.get("at") or "")
