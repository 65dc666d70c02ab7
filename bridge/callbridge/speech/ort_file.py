"""The weights inside an ORT file, without an ONNX runtime.

An ORT file is one table of FlatBuffers. A table is a row of fields behind a signed distance back to
its vtable, which says where in the table each field lies, if it is there at all. Strings, lists and
other tables lie elsewhere: their field is the distance to them.

Source: microsoft/onnxruntime `onnxruntime/core/flatbuffers/schema/ort.fbs` (fields are numbered as
they stand there); flatbuffers.dev, "FlatBuffer Internals"."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_IDENTIFIER = b"ORTM"
# The fields on the way to a tensor, by table.
_SESSION_MODEL = 1
_MODEL_GRAPH = 7
_GRAPH_INITIALIZERS, _GRAPH_NODES = 0, 2
_TENSOR_NAME, _TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_RAW = 0, 2, 3, 4
_NODE_OPERATOR, _NODE_INPUTS, _NODE_OUTPUTS, _NODE_ATTRIBUTES = 5, 8, 9, 10
_ATTRIBUTE_NAME, _ATTRIBUTE_GRAPH = 0, 7
_DTYPES = {1: "<f4", 2: "u1"}  # of ONNX's types those that weights have


class OrtNode(NamedTuple):
    operator: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class OrtGraph:
    """`tensors` by name, in a branch also those around it; `nodes` by the name of their first
    output; `branches` are those of an `If`."""

    tensors: dict[str, NDArray[Any]]
    nodes: dict[str, OrtNode]
    branches: dict[str, "OrtGraph"]


def read(model: bytes) -> OrtGraph:
    """Raises ValueError for what is no ORT file; the tensors are views of it."""
    if model[4:8] != _IDENTIFIER:
        raise ValueError("no ORT file")
    try:
        session = _Table(model, *struct.unpack_from("<I", model))
        return _graph(session.table(_SESSION_MODEL).table(_MODEL_GRAPH), {})
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"no ORT file: {error}") from None


def _graph(graph: "_Table", around: dict[str, NDArray[Any]]) -> OrtGraph:
    tensors = around | dict(_tensors(graph))
    nodes: dict[str, OrtNode] = {}
    branches: dict[str, OrtGraph] = {}
    for node in graph.tables(_GRAPH_NODES):
        outputs = node.texts(_NODE_OUTPUTS)
        nodes[outputs[0]] = OrtNode(node.text(_NODE_OPERATOR), node.texts(_NODE_INPUTS))
        for attribute in node.tables(_NODE_ATTRIBUTES):
            if attribute.has(_ATTRIBUTE_GRAPH):
                inner = _graph(attribute.table(_ATTRIBUTE_GRAPH), tensors)
                branches[attribute.text(_ATTRIBUTE_NAME)] = inner
    return OrtGraph(tensors, nodes, branches)


def _tensors(graph: "_Table") -> Iterator[tuple[str, NDArray[Any]]]:
    for tensor in graph.tables(_GRAPH_INITIALIZERS):
        if dtype := _DTYPES.get(tensor.number(_TENSOR_TYPE)):
            shape = tensor.array(_TENSOR_DIMS, "<i8").tolist()
            yield tensor.text(_TENSOR_NAME), tensor.array(_TENSOR_RAW, dtype, "u1").reshape(shape)


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of the file. All methods raise struct.error or ValueError beyond its end."""

    data: bytes
    at: int

    def has(self, field: int) -> bool:
        return self._offset(field) > 0

    def number(self, field: int) -> int:
        """A 32-bit one; 0 if it is not there."""
        offset = self._offset(field)
        value: int = struct.unpack_from("<i", self.data, self.at + offset)[0] if offset else 0
        return value

    def table(self, field: int) -> "_Table":
        if not self.has(field):
            raise ValueError("no ORT file: a table is missing")
        return _Table(self.data, self._elsewhere(self.at + self._offset(field)))

    def tables(self, field: int) -> list["_Table"]:
        return [_Table(self.data, at) for at in self._items(field)]

    def text(self, field: int) -> str:
        offset = self._offset(field)
        return self._text(self._elsewhere(self.at + offset)) if offset else ""

    def texts(self, field: int) -> tuple[str, ...]:
        return tuple(self._text(at) for at in self._items(field))

    def array(self, field: int, dtype: str, stored: str = "") -> NDArray[Any]:
        """A list of numbers, stored as numbers of that type or as others (octets)."""
        start, length = self._list(field)
        size = length * np.dtype(stored or dtype).itemsize
        if start + size > len(self.data):
            raise ValueError("no ORT file: it ends too early")
        return np.frombuffer(self.data, dtype, size // np.dtype(dtype).itemsize, start)

    def _items(self, field: int) -> list[int]:
        """Where the items of a list of strings or tables are."""
        start, length = self._list(field)
        return [self._elsewhere(start + 4 * n) for n in range(length)]

    def _list(self, field: int) -> tuple[int, int]:
        """Where a list begins, and how many items it has."""
        offset = self._offset(field)
        if not offset:
            return 0, 0
        at = self._elsewhere(self.at + offset)
        (length,) = struct.unpack_from("<I", self.data, at)
        return at + 4, length

    def _offset(self, field: int) -> int:
        """Of a field in the table; 0 if it is not there."""
        (back,) = struct.unpack_from("<i", self.data, self.at)
        vtable, entry = self.at - back, 4 + 2 * field
        (size,) = struct.unpack_from("<H", self.data, vtable)
        offset: int = struct.unpack_from("<H", self.data, vtable + entry)[0] if entry < size else 0
        return offset

    def _elsewhere(self, at: int) -> int:
        """What the distance that stands at `at` leads to."""
        distance: int = struct.unpack_from("<I", self.data, at)[0]
        return at + distance

    def _text(self, at: int) -> str:
        (length,) = struct.unpack_from("<I", self.data, at)
        if at + 4 + length > len(self.data):
            raise ValueError("no ORT file: it ends too early")
        return self.data[at + 4 : at + 4 + length].decode()
