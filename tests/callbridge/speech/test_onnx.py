"""Weights out of ONNX files: by name and branch, and never from half a file."""

import pytest

from callbridge.speech import onnx


def number(value: int) -> bytes:
    octets = bytearray()
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*octets, value])


def field(of: int, value: bytes) -> bytes:
    return number(of << 3 | 2) + number(len(value)) + value


def constant(name: bytes, data: bytes) -> bytes:
    """A node whose attribute is a tensor, with fields of the other wire types in between."""
    tensor = (
        b"\x08\x80\x01"  # dims: 128
        + b"\x10\x01"  # data_type: float
        + field(8, name)
        + field(9, data)
    )
    attribute = field(1, b"value") + b"\x15\x00\x00\x80\x3f" + field(5, tensor)
    return field(1, b"\x61" + bytes(8) + field(5, attribute))


def model(**branches: bytes) -> bytes:
    choices = [
        field(5, field(1, name.encode()) + field(6, graph)) for name, graph in branches.items()
    ]
    return b"\x08\x08" + field(7, field(1, b"".join(choices)))


MODEL = model(
    then_branch=constant(b"weight", b"then"),
    else_branch=constant(b"weight", b"else")
    + constant(b"bias", b"\x01" * 300)
    + constant(b"", b"4"),
)


def test_constants_are_found_by_branch_and_name() -> None:
    found = onnx.tensors(MODEL, branch="else_branch")
    assert {name: bytes(data) for name, data in found.items()} == {
        "weight": b"else",
        "bias": b"\x01" * 300,
    }
    assert bytes(onnx.tensors(MODEL, branch="then_branch")["weight"]) == b"then"


def test_a_branch_that_is_not_there_has_no_constants() -> None:
    assert onnx.tensors(MODEL, branch="other") == {}


@pytest.mark.parametrize("cut", [3, 5, 40, len(MODEL) - 1])
def test_half_a_file_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="ends too early"):
        onnx.tensors(MODEL[:cut], branch="else_branch")


def test_what_is_no_protobuf_is_refused() -> None:
    with pytest.raises(ValueError, match="wire type"):
        onnx.tensors(b"\x0b" + bytes(9), branch="else_branch")
