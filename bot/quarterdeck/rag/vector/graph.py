"""Make the packaged model compute in 8-bit integers. Runs in the librarian process only.

The packaged ONNX file stores its weights as 8-bit integers with one scale a column, and computes in floats. ONNX
Runtime has a node that takes exactly such weights, `com.microsoft.DynamicQuantizeMatMul`, and is 1.7 to 3 times
as fast with it. So each weight's Cast and Mul go and its MatMul becomes that node. The guards against NaN behind
each softmax go too (a sixth of the time): they matter only where a whole row is padding, and we never pad.

The file format is protocol buffers, of which these few lines read and write what is needed (onnx.proto3, ONNX
1.23): packing the `onnx` package in for this would cost 20 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MODEL_GRAPH, MODEL_OPSETS = 7, 8
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_INPUT, NODE_OUTPUT, NODE_TYPE, NODE_DOMAIN = 1, 2, 4, 7
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME = 1, 2, 8
INT8 = 3  # TensorProto.DataType
DOMAIN = b"com.microsoft"


class NotOurModel(Exception):
    """Say that the file is built in another way than the one known here."""


@dataclass(slots=True)
class Node:
    """Hold one operation of the graph; `rest` is what is not looked at, packed."""

    type: bytes
    inputs: list[bytes]
    outputs: list[bytes]
    domain: bytes
    rest: bytes

    @classmethod
    def unpack(cls, data: bytes) -> Node:
        """Read a NodeProto."""
        node = cls(b"", [], [], b"", b"")
        for number, _, value, raw in fields(data):
            match number, value:
                case (1, bytes()):
                    node.inputs.append(value)
                case (2, bytes()):
                    node.outputs.append(value)
                case (4, bytes()):
                    node.type = value
                case (7, bytes()):
                    node.domain = value
                case _:
                    node.rest += raw
        return node

    def pack(self) -> bytes:
        """Write the NodeProto."""
        parts = [packed(NODE_INPUT, name) for name in self.inputs]
        parts += [packed(NODE_OUTPUT, name) for name in self.outputs]
        parts += [packed(NODE_TYPE, self.type), packed(NODE_DOMAIN, self.domain), self.rest]
        return b"".join(parts)


def quantized(model: bytes) -> bytes:
    """Return the packaged model with integer arithmetic; it may then be run on unpadded input only.

    Raises:
        NotOurModel: there is nothing in it to make faster.
    """
    out, graphs = [], 0
    for number, _, value, raw in fields(model):
        if number == MODEL_GRAPH and isinstance(value, bytes):
            raw = packed(MODEL_GRAPH, _rewrite(value))
            graphs += 1
        out.append(raw)
    if graphs != 1:
        raise NotOurModel(f"it holds {graphs} graphs")
    version = _varint(2 << 3 | VARINT) + _varint(1)
    return b"".join((*out, packed(MODEL_OPSETS, packed(1, DOMAIN) + version)))


def _rewrite(graph: bytes) -> bytes:
    nodes: list[Node] = []
    integers: set[bytes] = set()
    for number, _, value, _ in fields(graph):
        if number == GRAPH_NODE and isinstance(value, bytes):
            nodes.append(Node.unpack(value))
        elif number == GRAPH_INITIALIZER and isinstance(value, bytes):
            name, type_ = _tensor(value)
            if type_ == INT8:
                integers.add(name)
    makers = {output: node for node in nodes for output in node.outputs}
    scales = _use_integers(nodes, makers, integers)
    if not scales:
        raise NotOurModel("it has no 8-bit weights in the known form")
    kept = _without_guards(_needed(nodes, graph), makers)
    out = [packed(GRAPH_NODE, node.pack()) for node in kept]
    for number, _, value, raw in fields(graph):
        if number == GRAPH_INITIALIZER and isinstance(value, bytes) and _tensor(value)[0] in scales:
            out.append(packed(GRAPH_INITIALIZER, _one_dimensional(value)))
        elif number != GRAPH_NODE:
            out.append(raw)
    return b"".join(out)


def _use_integers(nodes: list[Node], makers: dict[bytes, Node], integers: set[bytes]) -> set[bytes]:
    """Change `MatMul(a, Mul(Cast(weights), scale))` in place; return the names of the scales."""
    scales = set()
    for node in nodes:
        scaled = makers.get(node.inputs[1]) if node.type == b"MatMul" else None
        cast = makers.get(scaled.inputs[0]) if scaled and scaled.type == b"Mul" else None
        if scaled and cast and cast.type == b"Cast" and cast.inputs[0] in integers:
            scales.add(scaled.inputs[1])
            node.type, node.domain = b"DynamicQuantizeMatMul", DOMAIN
            node.inputs = [node.inputs[0], cast.inputs[0], scaled.inputs[1]]
    return scales


def _needed(nodes: list[Node], graph: bytes) -> list[Node]:
    """Return the nodes whose outputs somebody still reads."""
    read = {name for node in nodes for name in node.inputs}
    read |= {
        _name(value) for number, _, value, _ in fields(graph) if number == 12 and isinstance(value, bytes)
    }
    kept = [node for node in nodes if any(output in read for output in node.outputs)]
    return kept if len(kept) == len(nodes) else _needed(kept, graph)


def _without_guards(nodes: list[Node], makers: dict[bytes, Node]) -> list[Node]:
    """Let readers of `Where(IsNaN(x), 0, x)` read x."""
    instead: dict[bytes, bytes] = {}
    for node in nodes:
        test = makers.get(node.inputs[0]) if node.type == b"Where" else None
        if test and test.type == b"IsNaN" and test.inputs[0] == node.inputs[2]:
            instead[node.outputs[0]] = node.inputs[2]
    kept = [node for node in nodes if node.outputs[0] not in instead]
    for node in kept:
        node.inputs = [instead.get(name, name) for name in node.inputs]
    return [node for node in kept if node.type != b"IsNaN" or _is_read(node, kept)]


def _is_read(node: Node, nodes: list[Node]) -> bool:
    return any(node.outputs[0] in other.inputs for other in nodes)


def _tensor(data: bytes) -> tuple[bytes, int]:
    """Return a TensorProto's name and type; its content is not copied."""
    name, type_ = b"", 0
    for number, _, value, _ in fields(data):
        if number == TENSOR_NAME and isinstance(value, bytes):
            name = value
        elif number == TENSOR_TYPE and isinstance(value, int):
            type_ = value
    return name, type_


def _name(data: bytes) -> bytes:
    return next(
        (value for number, _, value, _ in fields(data) if number == 1 and isinstance(value, bytes)), b""
    )


def _one_dimensional(tensor: bytes) -> bytes:
    """Return a TensorProto of shape [1, n] as one of shape [n]."""
    dimensions: list[int] = []
    out = []
    for number, _, value, raw in fields(tensor):
        if number != TENSOR_DIMS:
            out.append(raw)
        elif isinstance(value, int):
            dimensions.append(value)
        else:
            dimensions.extend(_varints(value))
    if len(dimensions) != 2 or dimensions[0] != 1:
        raise NotOurModel(f"a scale has the shape {dimensions}")
    return b"".join((_varint(TENSOR_DIMS << 3 | VARINT), _varint(dimensions[1]), *out))


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes, bytes]]:
    """Yield each field of a message: number, wire type, value, and the field as it is packed."""
    position, end = 0, len(data)
    while position < end:
        start = position
        key, position = _read(data, position)
        number, wire = key >> 3, key & 7
        value: int | bytes
        if wire == VARINT:
            value, position = _read(data, position)
        elif wire in (BYTES, FIXED64, FIXED32):
            length = {FIXED64: 8, FIXED32: 4}.get(wire, 0)
            if wire == BYTES:
                length, position = _read(data, position)
            value = data[position : position + length]
            position += length
        else:
            raise NotOurModel(f"wire type {wire} is none of protocol buffers")
        yield number, wire, value, data[start:position]


def packed(number: int, value: bytes) -> bytes:
    """Return a length-delimited field."""
    return b"".join((_varint(number << 3 | BYTES), _varint(len(value)), value))


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
