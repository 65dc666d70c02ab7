"""How AMR-WB frames lie in a payload: octet-aligned or bandwidth-efficient.

Which of the two it is, SDP would say; here the payload itself does. The octet-aligned form has four
bits of zero behind its first four and a length that must come out to the octet, and so is tried
first: the other form all but never looks like that.

Source: RFC 4867, sections 4.3 (bandwidth-efficient), 4.4 (octet-aligned) and 5 (storage); 3GPP
TS 26.201, table 2, for the bits of a frame. Interleaving, CRC and sorting, which are options of
section 4.4, are not read."""

from collections.abc import Iterable
from dataclasses import dataclass

from telecodecs.errors import CodecError

# Bits of a frame by its type: nine modes from 6.60 to 23.85 kbit/s, then comfort noise (SID).
BITS = (132, 177, 253, 285, 317, 365, 397, 461, 477, 40)
SID, LOST, NO_DATA = 9, 14, 15
MOST_FRAMES = 1500  # 30 s
_SIZES = {kind: -(-bits // 8) for kind, bits in enumerate(BITS)} | {LOST: 0, NO_DATA: 0}
_NO_REQUEST = 15
_HEAD = bytes([_NO_REQUEST << 4])
_FOLLOWED, _GOOD = 0x80, 0x04  # bits of an entry of the table of contents, as octets have them
_LOST_FRAME = bytes([LOST << 3 | _GOOD])


@dataclass(frozen=True, slots=True)
class AmrWbPayload:
    """`frames` have the form of storage: an octet of header, then the bits, padded to octets.

    `mode_request` (CMR) is the mode that the other side would rather hear, None for no wish."""

    frames: list[bytes]
    mode_request: int | None


def pack(frames: Iterable[bytes]) -> bytes:
    """Frames in the form of storage -> an octet-aligned payload, without a mode request."""
    every = list(frames)
    if len(every) == 1:
        return _HEAD + every[0]
    contents = bytearray(frame[0] | _FOLLOWED for frame in every)
    contents[-1] &= ~_FOLLOWED
    return _HEAD + contents + b"".join(frame[1:] for frame in every)


def unpack(payload: bytes) -> AmrWbPayload:
    """Raises CodecError for what has neither form, or frames of a type that does not exist."""
    if not payload:
        raise CodecError("an AMR-WB payload has at least one frame")
    frames = _octet_aligned(payload) or _bandwidth_efficient(payload)
    if frames is None:
        raise CodecError(f"{len(payload)} octets are no AMR-WB payload, in neither of its forms")
    request = payload[0] >> 4
    return AmrWbPayload(frames, request if request < SID else None)


def _octet_aligned(payload: bytes) -> list[bytes] | None:
    if payload[0] & 0x0F:
        return None
    at = 1
    contents: list[int] = []
    followed = True
    while followed:
        if at == len(payload) or len(contents) == MOST_FRAMES:
            return None
        entry = payload[at]
        followed = entry >= _FOLLOWED
        if entry & 0x03 or entry >> 3 & 0x0F not in _SIZES:
            return None
        contents.append(entry & ~_FOLLOWED)
        at += 1
    frames: list[bytes] = []
    for entry in contents:
        size = _SIZES[entry >> 3]
        frames.append(_frame(entry, payload[at : at + size]))
        at += size
    return frames if at == len(payload) else None


def _bandwidth_efficient(payload: bytes) -> list[bytes] | None:
    """Fields follow each other by the bit: 4 of request, 6 for every frame, then the frames."""
    bits = int.from_bytes(payload)
    left = 8 * len(payload) - 4
    contents: list[int] = []
    followed = True
    while followed:
        left -= 6
        if left < 0 or len(contents) == MOST_FRAMES:
            return None
        entry = bits >> left << 2 & 0xFF
        followed = entry >= _FOLLOWED
        if entry >> 3 & 0x0F not in _SIZES:
            return None
        contents.append(entry & ~_FOLLOWED)
    frames: list[bytes] = []
    for entry in contents:
        kind = entry >> 3
        size = BITS[kind] if kind <= SID else 0
        left -= size
        if left < 0:
            return None
        octets = _SIZES[kind]
        speech = (bits >> left & (1 << size) - 1) << 8 * octets - size
        frames.append(_frame(entry, speech.to_bytes(octets)))
    return frames if left < 8 and not bits & (1 << left) - 1 else None


def _frame(entry: int, speech: bytes) -> bytes:
    """One whose entry says that its bits are damaged counts as lost."""
    return entry.to_bytes() + speech if entry & _GOOD else _LOST_FRAME
