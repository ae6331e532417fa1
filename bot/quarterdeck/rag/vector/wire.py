"""Read and write what ONNX files are made of: protocol buffers (onnx.proto3, ONNX 1.23).

These few lines do what is needed of it: packing the `onnx` package in for this would cost 20 MB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MODEL_VERSION, MODEL_GRAPH, MODEL_OPSETS = 1, 7, 8
GRAPH_NODE, GRAPH_NAME, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 1, 2, 5, 11, 12
KINDS: Final = {1: "<f4", 2: "<u1", 3: "<i1", 6: "<i4", 7: "<i8"}  # TensorProto.DataType
IR_VERSION: Final = 10
FLOAT, INT64 = 1, 7


class NotOurModel(Exception):
    """Say that the file is built in another way than the one known here."""


@dataclass(frozen=True, slots=True)
class Node:
    """Hold one operation of a graph; attributes are not read."""

    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message."""
    position, end = 0, len(data)
    while position < end:
        key, position = _read(data, position)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, position = _read(data, position)
            yield number, value
        elif wire in (BYTES, FIXED64, FIXED32):
            length = {FIXED64: 8, FIXED32: 4}.get(wire, 0)
            if wire == BYTES:
                length, position = _read(data, position)
            if position + length > end:
                raise NotOurModel("it is cut off")
            yield number, data[position : position + length]
            position += length
        else:
            raise NotOurModel(f"wire type {wire} is none of protocol buffers")


def graph_of(model: bytes) -> tuple[list[Node], dict[str, Array]]:
    """Return the nodes and the weights of a model.

    Raises:
        NotOurModel: it is no ONNX file, or keeps its weights elsewhere.
    """
    graphs = [value for number, value in fields(model) if number == MODEL_GRAPH and isinstance(value, bytes)]
    if len(graphs) != 1:
        raise NotOurModel(f"it holds {len(graphs)} graphs")
    nodes: list[Node] = []
    weights: dict[str, Array] = {}
    for number, value in fields(graphs[0]):
        if number == GRAPH_NODE and isinstance(value, bytes):
            nodes.append(_node(value))
        elif number == GRAPH_INITIALIZER and isinstance(value, bytes):
            name, array = _tensor(value)
            if array is not None:
                weights[name] = array
    return nodes, weights


def _node(data: bytes) -> Node:
    inputs, outputs, type_ = [], [], ""
    for number, value in fields(data):
        match number, value:
            case (1, bytes()):
                inputs.append(value.decode())
            case (2, bytes()):
                outputs.append(value.decode())
            case (4, bytes()):
                type_ = value.decode()
    return Node(type_, tuple(inputs), tuple(outputs))


def _tensor(data: bytes) -> tuple[str, Array | None]:
    """Return a weight's name and numbers; None where they are not in one piece of raw bytes."""
    shape: list[int] = []
    kind, name, raw = 0, "", None
    for number, value in fields(data):
        match number, value:
            case (1, int()):
                shape.append(value)
            case (1, bytes()):
                shape.extend(_varints(value))
            case (2, int()):
                kind = value
            case (8, bytes()):
                name = value.decode()
            case (9, bytes()):
                raw = value
    if raw is None or kind not in KINDS:
        return name, None
    try:
        return name, np.frombuffer(raw, KINDS[kind]).reshape(shape)
    except ValueError as error:
        raise NotOurModel(f"the weight {name} is cut off") from error


class GraphWriter:
    """Write a model node by node."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._weights: list[bytes] = []

    def weight(self, name: str, array: Array) -> str:
        """Add a constant and return its name."""
        kind = next(number for number, kind in KINDS.items() if np.dtype(kind) == array.dtype)
        dims = packed(1, b"".join(map(_varint, array.shape)))
        raw = np.ascontiguousarray(array).tobytes()
        self._weights.append(
            packed(GRAPH_INITIALIZER, dims + _field(2, kind) + packed(8, name.encode()) + packed(9, raw))
        )
        return name

    def node(
        self, kind: str, inputs: Sequence[str], *outputs: str, domain: str = "", **attributes: float
    ) -> str:
        """Add an operation and return the name of its first output."""
        parts = [packed(1, name.encode()) for name in inputs]
        parts += [packed(2, name.encode()) for name in outputs]
        parts += [packed(4, kind.encode()), packed(7, domain.encode())]
        parts += [packed(5, _attribute(name, value)) for name, value in attributes.items()]
        self._nodes.append(packed(GRAPH_NODE, b"".join(parts)))
        return outputs[0]

    def model(self, given: str, made: str, opsets: dict[str, int]) -> bytes:
        """Return the file: whole numbers `given` [1, length] go in, floats `made` come out."""
        ends = [_end(GRAPH_INPUT, given, INT64, 2), _end(GRAPH_OUTPUT, made, FLOAT, 2)]
        graph = b"".join((*self._nodes, packed(GRAPH_NAME, b"bert"), *self._weights, *ends))
        used = [packed(MODEL_OPSETS, packed(1, name.encode()) + _field(2, n)) for name, n in opsets.items()]
        return b"".join((_field(MODEL_VERSION, IR_VERSION), packed(MODEL_GRAPH, graph), *used))


def _attribute(name: str, value: float) -> bytes:
    if isinstance(value, int):
        return packed(1, name.encode()) + _field(3, value) + _field(20, 2)
    return packed(1, name.encode()) + _varint(2 << 3 | FIXED32) + struct.pack("<f", value) + _field(20, 1)


def _end(number: int, name: str, kind: int, rank: int) -> bytes:
    """Describe an input or output whose lengths nobody knows beforehand."""
    shape = b"".join(packed(1, packed(2, f"{name}{n}".encode())) for n in range(rank))
    return packed(number, packed(1, name.encode()) + packed(2, packed(1, _field(1, kind) + packed(2, shape))))


def packed(number: int, value: bytes) -> bytes:
    """Return a length-delimited field."""
    return b"".join((_varint(number << 3 | BYTES), _varint(len(value)), value))


def _field(number: int, value: int) -> bytes:
    return _varint(number << 3 | VARINT) + _varint(value)


def _read(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data):
            raise NotOurModel("it is cut off")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # negative numbers are written as if they had no sign
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varints(data: bytes) -> Iterator[int]:
    position = 0
    while position < len(data):
        value, position = _read(data, position)
        yield value
