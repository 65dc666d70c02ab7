"""G.711 against the Recommendation's own tables, written out here as they are printed there."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from telecodecs import CodecError, Pcm
from telecodecs.g711 import (
    Codes,
    decode_alaw,
    decode_alaw_batch,
    decode_ulaw,
    decode_ulaw_batch,
    encode_alaw,
    encode_alaw_batch,
    encode_ulaw,
    encode_ulaw_batch,
)

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = bytes(range(256))


class Interval(NamedTuple):
    """One line of the tables: decision values `low` and `high`, octet, and quantised value."""

    low: int
    high: int
    octet: int
    value: int


# Columns 1 to 3 of the tables: (intervals, their size) of each segment, from the lowest, and the
# segment's end point as a check.
ULAW_SEGMENTS = [
    ((1, 1), (15, 2), 31),
    ((16, 4), 95),
    ((16, 8), 223),
    ((16, 16), 479),
    ((16, 32), 991),
    ((16, 64), 2015),
    ((16, 128), 4063),
    ((16, 256), 8159),
]
ALAW_SEGMENTS = [
    ((32, 2), 64),
    ((16, 4), 128),
    ((16, 8), 256),
    ((16, 16), 512),
    ((16, 32), 1024),
    ((16, 64), 2048),
    ((16, 128), 4096),
]


def decision_values(segments: list[tuple[tuple[int, int] | int, ...]]) -> list[int]:
    values = [0]
    for *runs, end in segments:
        for run in runs:
            assert isinstance(run, tuple)
            count, size = run
            values += [values[-1] + size * step for step in range(1, count + 1)]
        assert values[-1] == end
    return values


def ulaw_table() -> list[Interval]:
    """Table 2a. Its note: the octet of interval n is 255 - n; y(0) = 0, else the middle."""
    edges = decision_values([*ULAW_SEGMENTS])
    return [
        Interval(low, high, 255 - n, (low + high) // 2 if n else 0)
        for n, (low, high) in enumerate(pairwise(edges))
    ]


def alaw_table() -> list[Interval]:
    """Table 1a. Its note: 128 + n with the even bits inverted; values are the middles."""
    edges = decision_values([*ALAW_SEGMENTS])
    return [
        Interval(low, high, (128 + n) ^ 0b01010101, (low + high) // 2)
        for n, (low, high) in enumerate(pairwise(edges))
    ]


class Law(NamedTuple):
    table: list[Interval]
    shift: int
    encode: Callable[[Pcm], bytes]
    decode: Callable[[bytes], Pcm]
    encode_batch: Callable[[Pcm], Codes]
    decode_batch: Callable[[Codes], Pcm]


ULAW = Law(ulaw_table(), 2, encode_ulaw, decode_ulaw, encode_ulaw_batch, decode_ulaw_batch)
ALAW = Law(alaw_table(), 3, encode_alaw, decode_alaw, encode_alaw_batch, decode_alaw_batch)

both_laws = pytest.mark.parametrize("law", [ULAW, ALAW], ids=["ulaw", "alaw"])


def test_the_tables_above_have_the_printed_lines() -> None:
    # A few of the lines that the Recommendation prints in full.
    assert len(ULAW.table) == len(ALAW.table) == 128
    assert ULAW.table[0] == (0, 1, 0b11111111, 0)
    assert ULAW.table[1] == (1, 3, 0b11111110, 2)
    assert ULAW.table[16] == (31, 35, 0b11101111, 33)
    assert ULAW.table[127] == (7903, 8159, 0b10000000, 8031)
    assert ALAW.table[0] == (0, 2, 0b11010101, 1)
    assert ALAW.table[127] == (3968, 4096, 0b10101010, 4032)


@both_laws
def test_all_octets_expand_to_the_quantised_value(law: Law) -> None:
    expected: dict[int, int] = {}
    for line in law.table:
        expected[line.octet] = line.value << law.shift
        expected[line.octet ^ 0x80] = -line.value << law.shift
    assert law.decode(EVERY_CODE).tolist() == [expected[octet] for octet in range(256)]


@both_laws
def test_every_sample_compresses_by_the_table(law: Law) -> None:
    positive = {reduced: line.octet for line in law.table for reduced in range(line.low, line.high)}
    loudest = law.table[-1].octet
    expected = bytes(
        positive.get(reduced, loudest) if reduced >= 0 else positive.get(~reduced, loudest) ^ 0x80
        for reduced in (EVERY_SAMPLE >> law.shift).tolist()
    )
    assert law.encode(EVERY_SAMPLE) == expected


@both_laws
def test_the_complement_of_a_sample_has_the_code_of_the_other_sign(law: Law) -> None:
    codes = np.frombuffer(law.encode(EVERY_SAMPLE), np.uint8)
    mirrored = np.frombuffer(law.encode(~EVERY_SAMPLE), np.uint8)
    assert np.array_equal(codes ^ 0x80, mirrored)


def test_faint_noise_is_not_made_louder() -> None:
    faint = np.array([0, -1, 1, -2, -1, 0, -3], np.int16)
    assert not decode_ulaw(encode_ulaw(faint)).any()


@both_laws
def test_codes_survive_a_round_trip(law: Law) -> None:
    again = law.encode(law.decode(EVERY_CODE))
    # μ-law has two zeros; the negative one, 0x7F, comes back as the positive one.
    assert again == (EVERY_CODE.replace(b"\x7f", b"\xff") if law is ULAW else EVERY_CODE)


@both_laws
def test_a_batch_is_the_frames_one_by_one(law: Law) -> None:
    frames = np.random.default_rng(711).integers(-32768, 32768, (7, 160)).astype(np.int16)
    codes = law.encode_batch(frames)
    assert codes.dtype == np.uint8
    assert [row.tobytes() for row in codes] == [law.encode(row) for row in frames]
    decoded = law.decode_batch(codes)
    assert decoded.dtype == np.int16
    assert decoded.tolist() == [law.decode(row.tobytes()).tolist() for row in codes]
    assert np.array_equal(law.decode_batch(codes[::2, 1::3]), decoded[::2, 1::3])


@both_laws
def test_strided_and_read_only_samples_are_taken(law: Law) -> None:
    strided = EVERY_SAMPLE[::-3]
    strided.flags.writeable = False
    assert law.encode(strided) == law.encode(strided.copy())
    assert law.encode_batch(EVERY_SAMPLE.reshape(256, 256).T).T.tobytes() == law.encode(
        EVERY_SAMPLE
    )


@both_laws
def test_nothing_is_nothing(law: Law) -> None:
    assert law.encode(np.zeros(0, np.int16)) == b""
    assert law.decode(b"").shape == (0,)
    assert law.decode_batch(law.encode_batch(np.zeros((0, 160), np.int16))).shape == (0, 160)


@both_laws
@pytest.mark.parametrize(
    "wrong",
    [np.zeros(160), np.zeros(160, np.int32), np.zeros(160, ">i2"), np.zeros((160, 2), np.int16)],
    ids=["float", "int32", "swapped", "stereo"],
)
def test_what_is_not_mono_int16_is_refused(law: Law, wrong: Pcm) -> None:
    with pytest.raises(CodecError, match="expected int16"):
        law.encode(wrong)


@both_laws
def test_a_batch_of_another_form_is_refused(law: Law) -> None:
    with pytest.raises(CodecError, match="expected int16"):
        law.encode_batch(np.zeros(160, np.int16))
    with pytest.raises(CodecError, match="uint8"):
        law.decode_batch(np.zeros(160, np.uint8))
