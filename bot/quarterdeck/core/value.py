"""Declare classes that hold values as `dataclasses` does, at a tenth of the time and memory.

`dataclasses` writes and compiles six methods for every class while its module is imported, 0.7 ms a class. The bot has
hundreds, and a process makes objects of a quarter of them. Here `__init__` is compiled when it is first called or
looked at, and the other methods are the same few functions for all. `fields`, `replace`, `asdict`, `copy`, `pickle`,
`inspect.signature` and patterns work as there; `order`, `unsafe_hash` and `InitVar` are not offered.
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as dataclass  # what type checkers, editors and readers know
else:

    def dataclass(
        cls: type | None = None,
        /,
        *,
        frozen: bool = False,
        slots: bool = False,
        kw_only: bool = False,
        eq: bool = True,
    ) -> Any:
        """Declare the fields of a class; the options are those of `dataclasses.dataclass`."""

        def declare(cls: Any) -> type:
            own = dict(vars(cls))
            cls.__doc__ = cls.__doc__ or cls.__name__  # else the standard writes a signature there, 0.1 ms
            made = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
            for name, method in _methods(made, own, frozen=frozen, slots=slots, eq=eq).items():
                setattr(made, name, method)
            return made

        return declare if cls is None else declare(cls)


class _Absent:
    """Stand for a value that a factory is to make."""

    def __repr__(self) -> str:
        return "<factory>"


_ABSENT: Final = _Absent()
_compared: dict[type, Callable[[object], object]] = {}


def _methods(cls: type, own: dict[str, object], *, frozen: bool, slots: bool, eq: bool) -> dict[str, object]:
    """Return what the class gets besides what it has of its `own`."""
    methods: dict[str, object] = {"__init__": _Init(cls, is_frozen=frozen), "__repr__": _shown}
    if eq:
        has_hash = own.get("__hash__") is not None or ("__hash__" in own and "__eq__" not in own)
        methods |= {"__eq__": _is_equal} | ({} if has_hash else {"__hash__": _hashed if frozen else None})
    methods = {name: method for name, method in methods.items() if name == "__hash__" or name not in own}
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
    if frozen and slots:
        methods |= {"__getstate__": _state, "__setstate__": _restore}
    return methods


class _Init:
    """Stand for the `__init__` of a class until somebody calls it or looks at it."""

    __slots__ = ("_cls", "_is_frozen")

    def __init__(self, cls: type, *, is_frozen: bool) -> None:
        self._cls, self._is_frozen = cls, is_frozen

    def __get__(self, instance: object, owner: type) -> Callable[..., None]:
        real: Any = _compile_init(self._cls, is_frozen=self._is_frozen)
        self._cls.__init__ = real  # type: ignore[misc]
        bound: Callable[..., None] = real.__get__(instance, owner)
        return bound


def _compile_init(cls: type, *, is_frozen: bool) -> Callable[..., None]:
    """Write and compile the `__init__` of a class; it says of itself what one of `dataclasses` does."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": _ABSENT}
    in_order, by_name, body = list[str](), list[str](), list[str]()
    for one in fields(cls):
        value, parameter = _value_and_parameter(one, known)
        if one.init:
            (by_name if one.kw_only else in_order).append(parameter)
        if value:
            body.append(f"_set(_self, {one.name!r}, {value})" if is_frozen else f"_self.{one.name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("_self.__post_init__()")
    parameters = ", ".join(["_self", *in_order, *(["*", *by_name] if by_name else [])])
    written = [f"def __init__({parameters}):", *(f" {line}" for line in body or ["pass"]), "return __init__"]
    made: dict[str, Any] = {}
    exec(f"def make({', '.join(known)}):\n " + "\n ".join(written), vars(sys.modules[cls.__module__]), made)  # noqa: S102
    init: Callable[..., None] = made["make"](**known)
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {one.name: one.type for one in fields(cls) if one.init} | {"return": None}
    return init


def _value_and_parameter(one: Field[Any], known: dict[str, Any]) -> tuple[str, str]:
    """Return the expression for a field's value, empty where none is set, and its parameter; adds what both name."""
    default = f"_default_{one.name}"
    if one.default_factory is not MISSING:
        known[default] = one.default_factory
        made = f"{default}()"
        return (
            (f"{made} if {one.name} is _missing else {one.name}", f"{one.name}=_missing")
            if one.init
            else (made, "")
        )
    if one.default is not MISSING:
        known[default] = one.default
        return (one.name, f"{one.name}={default}") if one.init else (default, "")
    return (one.name, one.name) if one.init else ("", "")


@recursive_repr()
def _shown(self: Any) -> str:
    values = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(values)})"


def _values(cls: Any) -> Callable[[object], object]:
    """Return what takes the values by which objects of the class are compared."""
    names = [one.name for one in fields(cls) if one.compare]
    found = _compared[cls] = attrgetter(*names) if names else lambda _: ()
    return found


def _is_equal(self: object, other: object) -> object:
    cls = self.__class__
    if other.__class__ is not cls:
        return NotImplemented
    values = _compared.get(cls) or _values(cls)
    return values(self) == values(other)


def _hashed(self: object) -> int:
    cls = self.__class__
    return hash((_compared.get(cls) or _values(cls))(self))


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    if "__dataclass_fields__" in vars(type(self)) or name in self.__dataclass_fields__:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _refuse_to_delete(self: Any, name: str) -> None:
    if "__dataclass_fields__" in vars(type(self)) or name in self.__dataclass_fields__:
        raise FrozenInstanceError(f"cannot delete field {name!r}")
    object.__delattr__(self, name)


def _state(self: Any) -> list[object]:
    return [getattr(self, one.name) for one in fields(self)]


def _restore(self: Any, state: list[object]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
