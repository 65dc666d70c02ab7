"""The weights inside an ONNX file, without an ONNX runtime.

An ONNX file is one protobuf message; of its format only this much is needed: a field is a key
(number << 3 | wire type) and a value, and nested messages are values of wire type 2.

Source: onnx/onnx `onnx/onnx.proto`; protobuf.dev, "Encoding"."""

from collections.abc import Iterator

# The fields on the way to a tensor, by message.
_MODEL_GRAPH = 7
_GRAPH_NODE = 1
_NODE_ATTRIBUTE = 5
_ATTRIBUTE_NAME, _ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH = 1, 5, 6
_TENSOR_NAME, _TENSOR_RAW_DATA = 8, 9


def tensors(model: bytes, *, branch: str) -> dict[str, memoryview]:
    """Raw little-endian data of the named constants in one branch of the model's outermost `If`.

    `branch` is "then_branch" or "else_branch". Raises ValueError for what is no ONNX file."""
    found: dict[str, memoryview] = {}
    for graph in _values(memoryview(model), _MODEL_GRAPH):
        for attribute in _attributes(graph):
            if _text(attribute, _ATTRIBUTE_NAME) == branch:
                for inner in _values(attribute, _ATTRIBUTE_GRAPH):
                    found |= _constants(inner)
    return found


def _constants(graph: memoryview) -> dict[str, memoryview]:
    found: dict[str, memoryview] = {}
    for attribute in _attributes(graph):
        for tensor in _values(attribute, _ATTRIBUTE_TENSOR):
            name = _text(tensor, _TENSOR_NAME)
            for data in _values(tensor, _TENSOR_RAW_DATA):
                found[name] = data
    found.pop("", None)  # numbers of the graph itself, which have no name
    return found


def _attributes(graph: memoryview) -> Iterator[memoryview]:
    for node in _values(graph, _GRAPH_NODE):
        yield from _values(node, _NODE_ATTRIBUTE)


def _text(message: memoryview, number: int) -> str:
    return "".join(bytes(value).decode() for value in _values(message, number))


def _values(message: memoryview, number: int) -> Iterator[memoryview]:
    """The values of one field of a message; of wire type 2, as everything here is."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        size = 0
        match key & 7:
            case 0:  # a number
                _, at = _varint(message, at)
            case 1:
                size = 8
            case 2:  # bytes, text, a message
                size, at = _varint(message, at)
            case 5:
                size = 4
            case wire_type:
                raise ValueError(f"no protobuf message: wire type {wire_type}")
        if at + size > len(message):
            raise ValueError("no protobuf message: it ends too early")
        if key == number << 3 | 2:
            yield message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, seven bits to an octet, the lowest first; and where it ends."""
    value = shift = 0
    while at < len(message):
        octet = message[at]
        at += 1
        value |= (octet & 0x7F) << shift
        shift += 7
        if octet < 0x80:
            return value, at
    raise ValueError("no protobuf message: it ends too early")
