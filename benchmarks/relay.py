"""A relay between the two ends of a media stream that notes when each frame passed.

It stands outside both processes, so neither can flatter itself; what it adds, it measures."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HOST = "127.0.0.1"
TEXT = 0x1  # RFC 6455, section 5.2: opcodes, and the header that `messages` reads
STEP_S = 0.020


class Piece(NamedTuple):
    at: float  # seconds of the machine's monotonic clock
    data: bytes


@dataclass(frozen=True, slots=True)
class Tape:
    """All bytes of one connection, in both directions."""

    to_bridge: list[Piece] = field(default_factory=list[Piece])
    to_carrier: list[Piece] = field(default_factory=list[Piece])


@dataclass(slots=True)
class Relay:
    port: int = 0
    tapes: list[Tape] = field(default_factory=list[Tape])  # of the connections that are open


class Message(NamedTuple):
    at: float  # when its last byte came
    text: bytes


@asynccontextmanager
async def relaying(to_port: int) -> AsyncGenerator[Relay]:
    relay = Relay()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tape = Tape()
        relay.tapes.append(tape)
        there, towards = await asyncio.open_connection(HOST, to_port)
        await asyncio.gather(
            _copy(reader, towards, tape.to_bridge), _copy(there, writer, tape.to_carrier)
        )
        relay.tapes.remove(tape)

    server = await asyncio.start_server(carry, HOST, 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pieces: list[Piece]
) -> None:
    try:
        while data := await reader.read(65536):
            pieces.append(Piece(monotonic(), data))
            writer.write(data)
    except ConnectionError:
        pass  # one end has gone; the other is told by our close
    finally:
        writer.close()


async def own_lateness(found: list[tuple[float, float]]) -> None:
    """When this process was to wake up, and how late it did: so much may be its own doing."""
    due = monotonic()
    while True:
        due = max(due + STEP_S, monotonic())
        await asyncio.sleep(due - monotonic())
        found.append((due, monotonic() - due))


def messages(pieces: list[Piece]) -> Iterator[Message]:
    """The text messages among the bytes of one direction of a WebSocket, handshake first."""
    rest = bytearray()
    head_over = False
    for at, data in pieces:
        rest += data
        if not head_over:
            end = rest.find(b"\r\n\r\n")
            if end < 0:
                continue
            del rest[: end + 4]
            head_over = True
        while (frame := _frame(rest)) is not None:
            opcode, payload, size = frame
            del rest[:size]
            if opcode == TEXT:
                yield Message(at, payload)


def _frame(data: bytearray) -> tuple[int, bytes, int] | None:
    """(opcode, payload, bytes taken) of the first frame, None if it is not whole yet."""
    if len(data) < 2:
        return None
    length, start = data[1] & 0x7F, 2
    if length >= 126:
        start = 4 if length == 126 else 10
        length = int.from_bytes(data[2:start], "big")
    mask_size = 4 if data[1] & 0x80 else 0
    size = start + mask_size + length
    if len(data) < size:
        return None
    payload = bytes(data[start + mask_size : size])
    if mask_size:
        payload = _unmask(payload, bytes(data[start : start + 4]))
    return data[0] & 0x0F, payload, size


def _unmask(payload: bytes, mask: bytes) -> bytes:
    key: NDArray[np.uint8] = np.resize(np.frombuffer(mask, np.uint8), len(payload))
    return (np.frombuffer(payload, np.uint8) ^ key).tobytes()
