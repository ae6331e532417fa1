"""Put together what a model asks for, from pieces, and hand it out only when the answer is whole."""

from __future__ import annotations

from dataclasses import field
from typing import Final

from quarterdeck.core.errors import Rejected
from quarterdeck.core.model import ToolCall
from quarterdeck.core.value import dataclass

CALLS: Final = 64
ARGUMENTS_LIMIT: Final = 400_000  # characters, of one answer


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    mark: str = ""
    pieces: list[str] = field(default_factory=list)


class Calls:
    """Collect the tool calls of one answer by their place in it."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._calls: dict[object, _Call] = {}
        self._characters = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(
        self,
        place: object,
        *,
        id_: object = None,
        name: object = None,
        piece: object = None,
        mark: object = None,
    ) -> None:
        """Take what a piece of the stream says about the call at `place`.

        Raises:
            Rejected: there are too many, or they are too long.
        """
        call = self._calls.get(place)
        if call is None:
            if len(self._calls) >= CALLS:
                raise self._too_much(f"asked for more than {CALLS} tools at once")
            call = self._calls[place] = _Call()
        if isinstance(id_, str) and id_:
            call.id = id_
        if isinstance(name, str) and name and not call.name:
            call.name = name
        if isinstance(mark, str) and mark:
            call.mark = mark
        if isinstance(piece, str) and piece:
            self._characters += len(piece)
            if self._characters > ARGUMENTS_LIMIT:
                raise self._too_much(f"wrote more than {ARGUMENTS_LIMIT} characters of arguments")
            call.pieces.append(piece)

    def settle(self, place: object, arguments: object) -> None:
        """Replace what was collected by the arguments that the end of the call repeats whole."""
        call = self._calls.get(place)
        if call is not None and isinstance(arguments, str):
            call.pieces = [arguments]

    def whole(self) -> tuple[ToolCall, ...]:
        """Return the calls, in their order; only to be asked once the stream has said that it is over."""
        return tuple(
            ToolCall(
                id=call.id or f"call_{n}",
                name=call.name,
                arguments="".join(call.pieces) or "{}",
                mark=call.mark,
            )
            for n, call in enumerate(self._calls.values())
        )

    def _too_much(self, what: str) -> Rejected:
        message = f"{self._service} {what} and was stopped"
        return Rejected(message, service=self._service, status=200, detail="answer too long")
