"""Find the actions there are: each plain module beside this folder has `ACTIONS`."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from typing import Final, get_args

from quarterdeck.core.action import Action, Idempotency
from quarterdeck.core.command import Effect
from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.core.text import did_you_mean
from quarterdeck.runtime.documents.json_schema import schema_fault

PACKAGE: Final = "quarterdeck_workflows.actions"
ID: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*(?:\.[a-z][a-z0-9]*(?:_[a-z0-9]+)*)+")
SUMMARY_LIMIT: Final = 100  # characters


class Actions:
    """Hold every action by its id."""

    def __init__(self, actions: Iterable[Action]) -> None:
        """Take them.

        Raises:
            SetupError: two have the same id, or one is declared wrongly.
        """
        self._actions: dict[str, Action] = {}
        for action in actions:
            self.add(action)

    def add(self, action: Action) -> None:
        """Take one more, such as a connector's.

        Raises:
            SetupError: its id is taken, or it is declared wrongly.
        """
        id_ = action.spec.id
        if problem := next(_problems(action), ""):
            raise SetupError(f"the action {id_!r} is declared wrongly: {problem}", key=id_)
        if id_ in self._actions:
            raise SetupError(f"two actions are called {id_!r}", key=id_, hint="give one another id")
        self._actions[id_] = action

    def all(self) -> tuple[Action, ...]:
        """Return every action, by id."""
        return tuple(self._actions[id_] for id_ in sorted(self._actions))

    def get(self, id_: str) -> Action | None:
        """Return the action of this id."""
        return self._actions.get(id_)

    def find(self, id_: str) -> Action:
        """Return the action of this id.

        Raises:
            NotFound: there is none; the hint names the nearest.
        """
        if id_ not in self._actions:
            hint = did_you_mean(id_, self._actions) or "docs/actions.md lists them"
            raise NotFound(f"there is no action {id_[:80]!r}", hint=hint)
        return self._actions[id_]


def discover(package: str = PACKAGE) -> Actions:
    """Collect `ACTIONS` of each module in `package`; folders hold what they share.

    Raises:
        SetupError: a module declares none, or one wrongly.
    """
    return Actions(_found(package))


def _found(package: str) -> Iterator[Action]:
    home = importlib.import_module(package)
    for module in pkgutil.iter_modules(home.__path__):
        if module.ispkg:
            continue
        found = importlib.import_module(f"{package}.{module.name}")
        actions = getattr(found, "ACTIONS", ())
        if not isinstance(actions, tuple) or not actions:
            raise SetupError(
                f"{found.__file__} declares no actions",
                hint="write ACTIONS = (Declared(…),)",
                file=found.__file__,
            )
        yield from actions


def _problems(action: Action) -> Iterator[str]:
    spec = action.spec
    if not ID.fullmatch(spec.id):
        yield "an id is noun.verb, in small letters"
    if not spec.summary or len(spec.summary) > SUMMARY_LIMIT:
        yield f"its summary must have 1 to {SUMMARY_LIMIT} characters"
    if spec.effect not in get_args(Effect):
        yield f"the effect {spec.effect!r} is none of {', '.join(get_args(Effect))}"
    if spec.idempotency not in get_args(Idempotency):
        yield f"the idempotency {spec.idempotency!r} is none of {', '.join(get_args(Idempotency))}"
    if spec.timeout_s <= 0:
        yield "its timeout is no time"
    for name, schema in (("input", spec.input), ("output", spec.output)):
        if fault := schema_fault(schema):
            yield f"its {name} is no JSON Schema: {fault}"
    if spec.input.get("type") != "object" or spec.input.get("additionalProperties") is not False:
        yield "its input must be an object with no other keys than it names"
