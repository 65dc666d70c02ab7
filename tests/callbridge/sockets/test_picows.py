"""The media WebSocket on picows: what only bare sockets can do to it, on both loops and over TLS.

What it has in common with plain ASGI is in `test_asgi`."""

import asyncio
import json
import logging
import os
import socket as sockets
import struct
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode

from callbridge import App, Call
from callbridge.media import stream
from callbridge.media.stream import WRITE_BUFFER, MediaStream
from callbridge.media.wire import MAX_FRAME_CHARS, encode_audio
from callbridge.sockets import closing
from callbridge.sockets import picows as fast
from callbridge.sockets.picows import StreamSocket
from callbridge.testing import tone
from callbridge.timing.loop import new_loop
from tests.callbridge.media import frames
from tests.callbridge.platform import Served, certified, eventually, serving
from tests.callbridge.sockets.test_asgi import begin, closed, echoed, echoing, listened

LOOPS = [asyncio.new_event_loop, new_loop]  # asyncio's own; uvloop where there is one
OnLoop = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=LOOPS)
def on_loop(request: pytest.FixtureRequest) -> OnLoop:
    """Runs a test on each of the loops."""

    def run(test: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(test)

    return run


def ours(served: Served) -> StreamSocket:
    """The server's end of the only stream."""
    (leg,) = served.app.service.calls.legs()
    assert leg.line.stream is not None
    transport = leg.line.stream._transport  # pyright: ignore[reportPrivateUsage]
    assert isinstance(transport, StreamSocket)
    return transport


def connections(ours: StreamSocket) -> set[Any]:
    """All that uvicorn knows of."""
    return ours._connections  # pyright: ignore[reportPrivateUsage]


async def gone(served: Served, ours: StreamSocket) -> None:
    """Returns when the stream is detached and its connection is lost to the last octet."""
    legs = served.app.service.calls.legs
    await eventually(
        lambda: not any(leg.stream for leg in legs()) and ours not in connections(ours)
    )


class Bare:
    """A client that does what it is told and nothing else: no pong, no close, no reading."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, text: str) -> None:
        self.frame(Opcode.TEXT, text.encode())

    def frame(self, opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> None:
        self.writer.write(Frame(opcode, data, fin).serialize(mask=True))

    async def receive(self) -> tuple[Opcode, bytes]:
        """The next frame of the server."""
        async with asyncio.timeout(5):
            first, size = await self.reader.readexactly(2)
            if size > 125:
                width = 2 if size == 126 else 8
                size = int.from_bytes(await self.reader.readexactly(width))
            return Opcode(first & 0x0F), await self.reader.readexactly(size)

    async def close_code(self) -> int:
        """Of the server's close frame; what comes before is skipped."""
        while (got := await self.receive())[0] is not Opcode.CLOSE:
            pass
        return Close.parse(got[1]).code

    async def start(self, served: Served) -> None:
        self.send(frames.CONNECTED)
        self.send(frames.start())
        await listened(served)


def request(answer: dict[str, str]) -> bytes:
    """The upgrade that opens a stream."""
    return (
        f"GET /media?{urlsplit(answer['stream_url']).query} HTTP/1.1\r\nHost: bridge\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\n\r\n"
    ).encode()


@asynccontextmanager
async def bare(served: Served, *, receive_buffer: int = 0) -> AsyncGenerator[Bare]:
    """A stream of a new call; a small `receive_buffer` is soon full."""
    sock = sockets.socket()
    if receive_buffer:
        sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", served.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    try:
        writer.write(request(await served.ring()))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        yield Bare(reader, writer)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


# ---- loops and TLS ------------------------------------------------------------------------------


async def conversation(served: Served) -> None:
    """A stream with small and large messages both ways, HTTP beside it, and a proper end."""
    async with served.stream(await served.ring()) as socket:
        await begin(served, socket)
        ours(served)
        await echoed(socket)
        assert (await served.http.get("/healthz")).text == "ok\n"
        await socket.send(encode_audio(bytes(160_000)))
        got = 0
        async with asyncio.timeout(5):
            while got < 8000:  # as much as its bot hears of so much at once
                got += len(json.loads(await socket.recv()).get("media", {}).get("payload", ""))
    assert socket.close_code == 1000


def test_a_conversation(on_loop: OnLoop) -> None:
    async def test() -> None:
        async with serving(echoing()) as served:
            await conversation(served)

    on_loop(test())


def test_a_conversation_over_tls(on_loop: OnLoop, tmp_path: Path) -> None:
    async def test() -> None:
        certificate, tls = certified(tmp_path)
        async with serving(echoing(), certificate=certificate, tls=tls) as served:
            await conversation(served)

    on_loop(test())


def test_clients_that_leave_while_they_are_let_in_leave_nothing_behind(on_loop: OnLoop) -> None:
    """Between the upgrade's request, uvicorn's hands, ours, and picows'."""

    async def test() -> None:
        async with serving(echoing(), media_auth="none") as served:
            answer = await served.ring()
            for pause in (None, 0, 0.001):
                for _ in range(20):
                    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
                    sock: sockets.socket = writer.get_extra_info("socket")
                    sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.write(request(answer))
                    if pause is not None:
                        await asyncio.sleep(pause)
                    writer.transport.abort()
            await eventually(lambda: not any(leg.stream for leg in served.app.service.calls.legs()))
            async with served.stream(answer) as socket:
                await begin(served, socket)
                await eventually(
                    lambda: len(connections(ours(served))) == 2
                )  # this, and for webhooks
                await echoed(socket)

    on_loop(test())


# ---- a client that does not read ----------------------------------------------------------------


def talking() -> App:
    """A bot with a lot to say: five seconds at once are 640 kB on the wire."""
    app = App()

    @app.call
    async def talk(call: Call) -> None:
        await call.play(tone(60.0))

    return app


def test_one_that_stops_reading_is_closed_and_really_gone(
    on_loop: OnLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STUCK_S", 0.2)
    monkeypatch.setattr(fast, "CLOSE_WITHIN_S", 0.1)

    async def test() -> None:
        async with (
            serving(
                talking(), lead_ms=5000, codec="L16", codec_rate=48000, send_buffer=8192
            ) as served,
            bare(served, receive_buffer=4096) as client,
        ):
            client.send(frames.CONNECTED)
            client.send(frames.start())
            (leg,) = served.app.service.calls.legs()
            await eventually(lambda: leg.tally()["write_stalls"] == 1)
            stuck = ours(served)
            assert stuck.buffered() > WRITE_BUFFER
            await gone(served, stuck)
            assert leg.streams_lost == 1

    on_loop(test())


async def test_one_that_reads_again_in_time_misses_nothing() -> None:
    async with (
        serving(talking(), lead_ms=5000, codec="L16", codec_rate=48000, send_buffer=8192) as served,
        bare(served, receive_buffer=4096) as client,
    ):
        client.send(frames.CONNECTED)
        client.send(frames.start())
        (leg,) = served.app.service.calls.legs()
        await eventually(lambda: leg.tally()["write_stalls"] == 1)
        heard = 0
        while heard < 1_000_000:  # characters of base64: more than the lead
            opcode, text = await client.receive()
            assert opcode is Opcode.TEXT
            heard += len(json.loads(text).get("media", {}).get("payload", ""))
        assert leg.stream is not None


async def test_pings_of_one_that_does_not_read_fill_no_memory() -> None:
    async with serving(echoing()) as served, bare(served, receive_buffer=4096) as client:
        await client.start(served)
        ping = Frame(Opcode.PING, b"p" * 125).serialize(mask=True) * 1000
        for _ in range(100):  # 12.5 MB: more than the kernel keeps for a socket
            client.writer.write(ping)
            await client.writer.drain()
        socket = ours(served)
        await eventually(lambda: socket.buffered() > WRITE_BUFFER)
        client.send(frames.dtmf("#", "after them all"))
        (leg,) = served.app.service.calls.legs()
        await eventually(lambda: len(leg.keys) == 1)
        assert socket.buffered() < WRITE_BUFFER + 1000


async def test_one_that_answers_no_close_is_gone_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fast, "CLOSE_WITHIN_S", 0.05)
    async with serving(echoing()) as served, bare(served) as client:
        await client.start(served)
        (leg,) = served.app.service.calls.legs()
        socket = ours(served)
        assert leg.stream is not None
        leg.stream.close(1000, "that was it")
        assert await client.close_code() == 1000
        client.send(frames.media(bytes(160), 1))  # heard by nobody
        await gone(served, socket)


async def test_its_leg_does_not_wait_for_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "CLOSE_WITHIN_S", 60.0)
    async with serving(echoing()) as served:
        async with bare(served) as client:
            await client.start(served)
            (leg,) = served.app.service.calls.legs()
            socket = ours(served)
            assert leg.stream is not None
            leg.stream.close(1000, "that was it")
            await eventually(lambda: leg.stream is None)
            assert socket in connections(socket)
        await gone(served, socket)


# ---- pings --------------------------------------------------------------------------------------


async def test_silence_without_pong_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "PING_AFTER_S", 0.3)
    monkeypatch.setattr(fast, "PONG_WITHIN_S", 0.3)
    async with serving(echoing()) as served, bare(served) as client:
        await client.start(served)
        socket = ours(served)
        assert (await client.receive())[0] is Opcode.PING
        assert await client.close_code() == 1001
        await gone(served, socket)


@pytest.mark.parametrize("answer", ["pong", "frame"])
async def test_a_frame_is_as_good_as_a_pong(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "PING_AFTER_S", 0.5)
    monkeypatch.setattr(fast, "PONG_WITHIN_S", 0.5)
    async with serving(echoing()) as served, bare(served) as client:
        await client.start(served)
        for number in range(2):
            opcode, data = await client.receive()
            assert opcode is Opcode.PING
            if answer == "pong":
                client.frame(Opcode.PONG, data)
            else:
                client.send(frames.dtmf("1", str(number)))
        assert (await client.receive())[0] is Opcode.PING  # and no close
        (leg,) = served.app.service.calls.legs()
        assert len(leg.keys) == (2 if answer == "frame" else 0)


# ---- what is illegal ----------------------------------------------------------------------------

UNMASKED = Frame(Opcode.TEXT, b"{}").serialize(mask=False)
RESERVED_OPCODE = b"\x83\x80\0\0\0\0"
LONE_CONTINUATION = Frame(Opcode.CONT, b"{}").serialize(mask=True)
NEW_IN_FRAGMENTS = Frame(Opcode.TEXT, b"{", fin=False).serialize(mask=True) * 2
HUGE = b"\x81\xff" + (2**40).to_bytes(8) + b"mask"


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (UNMASKED, 1002),
        (RESERVED_OPCODE, 1002),
        (LONE_CONTINUATION, 1002),
        (NEW_IN_FRAGMENTS, 1002),
        (HUGE, closing.TOO_BIG),
    ],
    ids=["unmasked", "reserved opcode", "lone continuation", "new in fragments", "huge"],
)
async def test_what_is_illegal_ends_its_own_stream(
    octets: bytes, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast, "CLOSE_WITHIN_S", 0.05)
    async with serving(echoing()) as served, bare(served) as client:
        await client.start(served)
        socket = ours(served)
        client.writer.write(octets)
        assert await client.close_code() == code
        (leg,) = served.app.service.calls.legs()
        await gone(served, socket)
        assert leg.streams_lost == 1
        assert (await served.http.get("/healthz")).status_code == 200


async def test_a_frame_refused_as_too_long_is_not_collected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By one that goes on sending it."""
    read: list[int] = []
    give_up = StreamSocket.broken

    def broken(self: StreamSocket) -> None:
        give_up(self)
        transport = self._socket.underlying_transport  # pyright: ignore[reportPrivateUsage]
        assert isinstance(transport, asyncio.ReadTransport)
        read.append(transport.is_reading())

    monkeypatch.setattr(StreamSocket, "broken", broken)
    async with serving(echoing()) as served, bare(served) as client:
        await client.start(served)
        socket = ours(served)
        client.writer.write(HUGE + bytes(MAX_FRAME_CHARS))
        await gone(served, socket)
    assert read == [False]


async def test_a_close_without_a_code_is_answered_with_1000() -> None:
    async with serving(echoing()) as served, bare(served) as client:
        await client.start(served)
        socket = ours(served)
        client.frame(Opcode.CLOSE)
        assert await client.close_code() == 1000
        await gone(served, socket)


async def test_a_bug_of_ours_is_logged_and_ends_the_one_stream(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed = MediaStream.feed

    def broken(self: MediaStream, text: str | bytes) -> None:
        if b"bug" in (text.encode() if isinstance(text, str) else text):
            raise ZeroDivisionError("a bug of ours")
        feed(self, text)

    monkeypatch.setattr(MediaStream, "feed", broken)
    async with serving(echoing()) as served, served.stream(await served.ring()) as client:
        await begin(served, client)
        socket = ours(served)
        with caplog.at_level(logging.ERROR, "callbridge"):
            await client.send("bug")
            assert (await closed(client))[0] == 1011
        assert [str((record.exc_info or (0, 0))[1]) for record in caplog.records] == [
            "a bug of ours"
        ]
        await gone(served, socket)


async def test_a_message_after_our_close_reaches_nobody() -> None:
    async with serving(echoing()) as served, served.stream(await served.ring()) as client:
        await begin(served, client)
        (leg,) = served.app.service.calls.legs()
        socket = ours(served)
        assert leg.stream is not None
        leg.stream.close(1000)
        with suppress(ConnectionClosed):
            await client.send(frames.dtmf("1"))
        await gone(served, socket)
        assert not leg.keys
