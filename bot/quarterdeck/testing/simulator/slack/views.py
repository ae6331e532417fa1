"""Keep the forms (modals) that are open before people, and the triggers that allow to open them."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass

TRIGGER_S: Final = 3.0  # docs.slack.dev/interactivity/handling-user-interaction, 2026-11-21
PUSH_LIMIT: Final = 3  # views on one stack


@dataclass(slots=True, kw_only=True)
class Trigger:
    """Allow one form to be opened."""

    user: str
    at_s: float
    is_used: bool = False


@dataclass(slots=True, kw_only=True)
class OpenView:
    """Be one open form; `errors` by block_id."""

    id: str
    user: str
    view: dict[str, Any]
    hash: str
    root: str
    previous: str = ""
    errors: dict[str, str] = field(default_factory=dict)


class OpenForms:
    """Hold every person's stack of open forms; the last one is what they see."""

    def __init__(self, clock: Clock, next_id: Callable[[str], str]) -> None:
        self._clock, self._next_id = clock, next_id
        self._triggers: dict[str, Trigger] = {}
        self._stacks: dict[str, list[OpenView]] = {}

    def trigger(self, user: str) -> str:
        """Make a trigger for somebody who pressed or called something."""
        name = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[name] = Trigger(user=user, at_s=self._clock.monotonic())
        return name

    def spend(self, name: str) -> tuple[str, str]:
        """Return (the person, empty), or (empty, the error) when the trigger is no good."""
        trigger = self._triggers.get(name)
        if trigger is None:
            return "", "invalid_trigger_id"
        if trigger.is_used:
            return "", "exchanged_trigger_id"
        if self._clock.monotonic() - trigger.at_s > TRIGGER_S:
            return "", "expired_trigger_id"
        trigger.is_used = True
        return trigger.user, ""

    def stack(self, user: str) -> list[OpenView]:
        """Return what is open before somebody, the lowest first."""
        return self._stacks.setdefault(user, [])

    def top(self, user: str) -> OpenView | None:
        """Return the form that somebody sees."""
        stack = self.stack(user)
        return stack[-1] if stack else None

    def find(self, *, view_id: str = "", external_id: str = "") -> OpenView | None:
        """Return an open form by either id."""
        for stack in self._stacks.values():
            for one in stack:
                if (view_id and one.id == view_id) or (
                    external_id and one.view.get("external_id") == external_id
                ):
                    return one
        return None

    def open(self, user: str, view: dict[str, Any], *, pushes: bool = False) -> OpenView:
        """Put a form before somebody, on top of what is open or instead of it."""
        stack = self.stack(user)
        if not pushes:
            stack.clear()
        view_id = self._next_id("V")
        opened = OpenView(
            id=view_id,
            user=user,
            view=self._named(view),
            hash=self._hash(view),
            root=stack[0].id if stack else view_id,
            previous=stack[-1].id if stack else "",
        )
        stack.append(opened)
        return opened

    def change(self, opened: OpenView, view: dict[str, Any]) -> None:
        """Replace what an open form shows."""
        opened.view, opened.hash, opened.errors = self._named(view), self._hash(view), {}

    def close(self, user: str, *, all_of_them: bool = False) -> None:
        """Take the top form, or all, away."""
        stack = self.stack(user)
        if all_of_them:
            stack.clear()
        elif stack:
            stack.pop()

    def _named(self, view: dict[str, Any]) -> dict[str, Any]:
        """Return the view with an id for every block and element that has none."""
        copy: dict[str, Any] = json.loads(json.dumps(view))
        for block in copy.get("blocks", []):
            block.setdefault("block_id", self._next_id("b"))
            element = block.get("element")
            if isinstance(element, dict):
                element.setdefault("action_id", self._next_id("a"))
        return copy

    def _hash(self, view: dict[str, Any]) -> str:
        digest = hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()[:8]
        return f"{self._clock.now_ms() // 1000}.{digest}"
