"""`dataclass` of the bot: what it declares behaves as what `dataclasses` declares."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from typing import Any

import pytest

from quarterdeck.core.value import dataclass

OPTIONS = [
    {},
    {"slots": True},
    {"kw_only": True, "slots": True},
    {"frozen": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"eq": False, "slots": True},
    {"frozen": True, "eq": False},
]

Declare = Callable[[type], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What `pickle` finds by its name."""

    name: str
    parts: tuple[str, ...] = ()


def point(declare: Declare) -> Any:
    """Return a class with every sort of field."""

    class Point:
        """Something with fields."""

        x: int
        y: int = 2
        names: list[str] = field(default_factory=list)
        secret: str = field(default="hush", repr=False)
        note: str = field(default="", compare=False)
        seen: int = field(default=7, init=False)
        made: list[int] = field(default_factory=list, init=False)

        def total(self) -> int:
            return self.x + self.y

    return declare(Point)


def outcome(call: Callable[[], object]) -> object:
    """Return what a call gives, or how it fails."""
    try:
        return call()
    except (TypeError, AttributeError) as error:  # a frozen field is an attribute error
        return type(error), str(error)


def said(cls: Any) -> list[object]:
    """Return all that can be seen of objects of a class."""
    made = cls(x=1, names=["a"])
    cases: list[Callable[[], object]] = [
        lambda: repr(made),
        lambda: repr(cls(1, 5, ["b"], "shown?", "n")),
        lambda: made == cls(x=1, names=["a"], note="another"),
        lambda: made == cls(x=2, names=["a"]),
        lambda: made == "something else",
        lambda: hash(cls(x=1)) and None,
        lambda: cls(),
        lambda: cls(1, x=1),
        lambda: cls(x=1, z=3),
        lambda: setattr(made, "y", 9),
        lambda: delattr(made, "y"),
        lambda: repr(made),
        lambda: repr(replace(cls(x=1), x=4)),
        lambda: asdict(cls(x=3)),
        lambda: cls.__match_args__,
        lambda: repr(copy.copy(cls(x=3))),
        lambda: repr(copy.deepcopy(cls(x=3, names=["q"]))),
        lambda: [(one.name, one.init, one.repr, one.compare, one.kw_only) for one in fields(cls)],
        lambda: cls(x=1).total(),
        lambda: cls.__doc__,
        lambda: str(inspect.signature(cls)),
        lambda: cls(x=1).names is cls(x=1).names,
    ]
    return [outcome(case) for case in cases]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_objects_look_and_behave_alike(options: dict[str, bool]) -> None:
    """Nobody who reads a class needs to know which of the two declared it."""
    assert said(point(dataclasses.dataclass(**options))) == said(point(dataclass(**options)))  # type: ignore[call-overload]


def test_a_frozen_object_cannot_be_changed_and_can_be_a_key() -> None:
    """Values are shared between tasks and threads."""
    kept = Kept(name="a")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        kept.name = "b"  # type: ignore[misc]

    assert "found" == {kept: "found"}[Kept(name="a")]


def test_a_value_goes_through_pickle() -> None:
    """Workers are other processes."""
    kept = Kept(name="a", parts=("b", "c"))

    assert kept == pickle.loads(pickle.dumps(kept))


@pytest.mark.parametrize("declare", [dataclasses.dataclass, dataclass], ids=["standard", "ours"])
def test_a_class_builds_on_another(declare: Any) -> None:
    """Fields of the base come first, and each class sets its own."""

    @declare(frozen=True, slots=True, kw_only=True)
    class Event:
        id: str

    @declare(frozen=True, slots=True, kw_only=True)
    class Posted(Event):
        text: str = ""

    Event(id="1")

    assert ["id='2'", "text='hi'"] == repr(Posted(id="2", text="hi")).split("Posted(")[1][:-1].split(", ")
    assert Event(id="1") != Posted(id="1")


@pytest.mark.parametrize("declare", [dataclasses.dataclass, dataclass], ids=["standard", "ours"])
def test_what_a_class_says_itself_stays(declare: Any) -> None:
    """Its own representation, equality and hash, and its look at its own values."""

    @declare(frozen=True, slots=True)
    class Word:
        text: str

        def __post_init__(self) -> None:
            if not self.text:
                raise ValueError("empty")

        def __repr__(self) -> str:
            return self.text

        def __eq__(self, other: object) -> bool:
            return str(self).lower() == str(other).lower()

        def __hash__(self) -> int:
            return hash(self.text.lower())

    with pytest.raises(ValueError, match="empty"):
        Word("")

    assert ["Hi", True, 1] == [repr(Word("Hi")), Word("Hi") == Word("hi"), len({Word("Hi"), Word("hi")})]
