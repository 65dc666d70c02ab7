"""How frames lie in a payload, beside a second reading of RFC 4867 that writes bits as text."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecodecs import CodecError
from telecodecs.amrwb_payload import LOST, MOST_FRAMES, NO_DATA, SID, pack, unpack

BIT_RATES = (6600, 8850, 12650, 14250, 15850, 18250, 19850, 23050, 23850)
BITS = [*(rate // 50 for rate in BIT_RATES), 40]
KINDS = [*range(SID + 1), LOST, NO_DATA]
NO_REQUEST = 15


def frame(kind: int, seed: int = 0) -> bytes:
    """Of storage: F=0, the type, Q=1, two zeros; then its bits, padded with zeros to octets."""
    size = BITS[kind] if kind <= SID else 0
    bits = "".join(random.Random(f"{kind} {seed}").choices("01", k=size))
    return octets(f"0{kind:04b}100{bits}")


def octets(bits: str) -> bytes:
    padded = bits + "0" * (-len(bits) % 8)
    return bytes(int(padded[at : at + 8], 2) for at in range(0, len(padded), 8))


def efficient(frames: list[bytes], request: int = NO_REQUEST) -> bytes:
    """Section 4.3: request, contents, speech, each field next to the one before it."""
    contents, speech = "", ""
    for number, each in enumerate(frames):
        kind = each[0] >> 3
        size = BITS[kind] if kind <= SID else 0
        contents += f"{int(number < len(frames) - 1)}{kind:04b}{each[0] >> 2 & 1}"
        speech += "".join(f"{octet:08b}" for octet in each[1:])[:size]
    return octets(f"{request:04b}{contents}{speech}")


def aligned(frames: list[bytes], request: int = NO_REQUEST) -> bytes:
    """Section 4.4: the same, each field filled up to octets."""
    last = len(frames) - 1
    contents = "".join(
        f"{int(number < last)}{each[0] >> 3:04b}{each[0] >> 2 & 1}00"
        for number, each in enumerate(frames)
    )
    return octets(f"{request:04b}0000{contents}") + b"".join(each[1:] for each in frames)


def test_frames_of_each_type_have_the_octets_of_the_specification() -> None:
    assert [len(frame(kind)) - 1 for kind in KINDS] == [
        17, 23, 32, 36, 40, 46, 50, 58, 60, 5, 0, 0
    ]  # fmt: skip


@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=12),
    st.integers(0, 15),
    st.integers(0, 1000),
)
def test_both_forms_are_told_apart_and_read(kinds: list[int], request: int, seed: int) -> None:
    frames = [frame(kind, seed + number) for number, kind in enumerate(kinds)]
    wished = request if request < SID else None
    for payload in (aligned(frames, request), efficient(frames, request)):
        read = unpack(payload)
        assert read.frames == frames
        assert read.mode_request == wished


@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=12))
def test_what_is_written_is_octet_aligned(kinds: list[int]) -> None:
    frames = [frame(kind) for kind in kinds]
    assert pack(frames) == aligned(frames)


def test_a_frame_that_is_marked_as_damaged_counts_as_lost() -> None:
    damaged = bytes([2 << 3]) + frame(2)[1:]
    good = frame(2)
    for payload in (aligned([good, damaged]), efficient([good, damaged])):
        assert unpack(payload).frames == [good, bytes([LOST << 3 | 4])]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [aligned, efficient])
def test_a_payload_that_lacks_an_octet_or_has_one_more_is_refused(
    form: Callable[[list[bytes]], bytes], kind: int
) -> None:
    whole = form([frame(2), frame(kind)])
    for payload in (whole[:-1], whole + b"\0", whole + b"\xff"):
        with pytest.raises(CodecError, match=f"{len(payload)} octets are no AMR-WB payload"):
            unpack(payload)


def test_zeros_that_are_none_are_refused() -> None:
    whole = aligned([frame(2)])
    with pytest.raises(CodecError):
        unpack(bytes([whole[0], whole[1] | 1]) + whole[2:])
    assert 4 + 6 + BITS[2] == 8 * 33 - 1  # so that the last bit is padding
    whole = efficient([frame(2)])
    with pytest.raises(CodecError):
        unpack(whole[:-1] + bytes([whole[-1] | 1]))


@pytest.mark.parametrize("kind", [10, 11, 12, 13])
def test_a_type_that_does_not_exist_is_refused(kind: int) -> None:
    for contents in (f"11110000{0:01b}{kind:04b}100", f"1111{0:01b}{kind:04b}1"):
        for octets_behind in (0, 5, 17, 60):
            with pytest.raises(CodecError):
                unpack(octets(contents) + bytes(octets_behind))


def test_an_empty_payload_is_refused() -> None:
    with pytest.raises(CodecError, match="at least one frame"):
        unpack(b"")


def test_a_payload_holds_half_a_minute_and_no_more() -> None:
    silent = frame(NO_DATA)
    for form in (aligned, efficient):
        assert len(unpack(form([silent] * MOST_FRAMES)).frames) == MOST_FRAMES
        with pytest.raises(CodecError):
            unpack(form([silent] * (MOST_FRAMES + 1)))


def test_rubbish_is_refused_or_read_and_raises_nothing_else() -> None:
    chance = random.Random(4867)
    refused = 0
    for number in range(20000):
        kinds = chance.choices(KINDS, k=chance.randint(1, 4))
        frames = [frame(kind, number) for kind in kinds]
        whole = chance.choice((aligned, efficient))(frames)
        cut = whole[: chance.randrange(len(whole))]
        flipped = bytearray(whole)
        flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        for payload in (cut, bytes(flipped), chance.randbytes(chance.randrange(80))):
            try:
                assert all(len(each) <= 61 for each in unpack(payload).frames)
            except CodecError:
                refused += 1
    assert refused > 30000
