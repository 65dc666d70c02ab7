"""Weights out of ORT files: by name and branch, and never from half a file."""

import struct
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from callbridge.speech import ort_file


class Builder:
    """Writes tables of FlatBuffers one behind the other: first what holds, then what is held."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0\0\0\0ORTM")

    def table(self, fields: dict[int, object]) -> int:
        last = max(fields)
        vtable = len(self.data)
        offsets = [0] * (last + 1)
        for place, number in enumerate(sorted(fields)):
            offsets[number] = 4 + 4 * place
        self.data += struct.pack(f"<HH{last + 1}H", 6 + 2 * last, 4 + 4 * len(fields), *offsets)
        at = len(self.data)
        self.data += struct.pack("<i", at - vtable) + bytes(4 * len(fields))
        for number, value in fields.items():
            place = at + offsets[number]
            if isinstance(value, int):
                struct.pack_into("<i", self.data, place, value)
            else:
                struct.pack_into("<I", self.data, place, self.held(value) - place)
        return at

    def held(self, value: object) -> int:
        if isinstance(value, dict):
            return self.table(cast("dict[int, object]", value))
        at = len(self.data)
        if isinstance(value, str):
            self.data += struct.pack("<I", len(value)) + value.encode()
        elif isinstance(value, np.ndarray):
            array = cast("NDArray[Any]", value)
            self.data += struct.pack("<I", len(array)) + array.tobytes()
        elif isinstance(value, list):
            items = cast("list[object]", value)
            self.data += struct.pack("<I", len(items)) + bytes(4 * len(items))
            for n, item in enumerate(items):
                place = at + 4 + 4 * n
                struct.pack_into("<I", self.data, place, self.held(item) - place)
        return at


def tensor(name: str, kind: int, shape: tuple[int, ...], octets: bytes) -> dict[int, object]:
    raw = np.frombuffer(octets, np.uint8)
    return {0: name, 2: np.array(shape, np.int64), 3: kind, 4: raw}


def model() -> bytes:
    weights = np.arange(6, dtype=np.float32)
    inner = {0: [tensor("inside", 2, (2,), b"\x07\x08")]}
    outer = {
        0: [tensor("weights", 1, (2, 3), weights.tobytes()), tensor("shape", 7, (1,), bytes(8))],
        2: [
            {5: "MatMul", 8: ["x", "weights"], 9: ["y"]},
            {5: "If", 8: ["which"], 9: ["z"], 10: [{0: "else_branch", 7: inner}]},
        ],
    }
    builder = Builder()
    root = builder.table({0: "1.18", 1: {7: outer}})
    struct.pack_into("<I", builder.data, 0, root)
    return bytes(builder.data)


MODEL = model()


def test_tensors_and_nodes_are_found_by_name() -> None:
    graph = ort_file.read(MODEL)
    assert graph.tensors["weights"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert set(graph.tensors) == {"weights"}  # a shape is no weight
    assert graph.nodes["y"] == ("MatMul", ("x", "weights"))


def test_a_branch_sees_what_is_around_it() -> None:
    inner = ort_file.read(MODEL).branches["else_branch"]
    assert inner.tensors["inside"].tolist() == [7, 8]
    assert set(inner.tensors) == {"inside", "weights"}
    assert inner.nodes == {}


@pytest.mark.parametrize("cut", range(8, len(MODEL), 7))
def test_half_a_file_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="no ORT file"):
        ort_file.read(MODEL[:cut])


@pytest.mark.parametrize("data", [b"", b"\x08\x08onnx", b"\0" * 100])
def test_what_is_no_ort_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no ORT file"):
        ort_file.read(data)
