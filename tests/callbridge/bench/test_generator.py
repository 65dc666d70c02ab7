"""The load generator against endpoints of every kind, over real sockets."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as websocket_server
from websockets.http11 import Request, Response

from callbridge.bench import call as one_call
from callbridge.bench import generator as generating
from callbridge.bench import socket as client
from callbridge.bench.call import LoadCall, Phrasebook
from callbridge.bench.caller import Notes
from callbridge.bench.doors import LoadStreams, PlainDoor
from callbridge.bench.generator import Generator, LoadPlan
from callbridge.bench.numbered import form
from callbridge.bench.results import Window
from callbridge.bench.toned import forms
from callbridge.errors import CallbridgeError
from callbridge.media import wire
from telecodecs import MissingLibrary, codec

Handler = Callable[[ServerConnection], Awaitable[None]]


def payload(message: str | bytes) -> str | None:
    frame = json.loads(message)
    return frame["media"]["payload"] if frame["event"] == "media" else None


def audio(text: str) -> str:
    return json.dumps({"event": "media", "media": {"payload": text}})  # with spaces, as people do


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        if text := payload(message):
            await socket.send(audio(text))


@asynccontextmanager
async def endpoint(handler: Handler, **options: Any) -> AsyncGenerator[str]:
    async with websocket_server(
        handler, "127.0.0.1", 0, compression=None, close_timeout=0.1, **options
    ) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/media"


@asynccontextmanager
async def calling(url: str, calls: int) -> AsyncGenerator[Generator]:
    """A generator with so many calls."""
    made = Generator(LoadPlan(url=url))
    door = PlainDoor(url, codec("PCMU").encoding, made.new_call, None)
    try:
        await made.have(calls, door)
        yield made
    finally:
        await made.have(0, door)


async def measured(handler: Handler, calls: int = 3, seconds: float = 0.3) -> Window:
    """A window with its tables."""
    async with endpoint(handler) as url, calling(url, calls) as made:
        window, tables = await made.measure(seconds)
    filled = {name: table.tobytes() for name, table in tables.items()}
    return msgspec.structs.replace(window, **filled)


def echoes(window: Window) -> "np.ndarray[Any, np.dtype[np.float64]]":
    return np.frombuffer(window.echoes).reshape(-1, 3)


# ---- good endpoints -----------------------------------------------------------------------------


async def test_every_frame_comes_back_once_under_its_number() -> None:
    window = await measured(echo)
    assert window.calls == 3
    assert (window.lost, window.foreign, window.dropped) == (0, 0, 0)
    rows = echoes(window)
    assert set(rows[:, 0]) == {0.0, 1.0, 2.0}
    assert (rows[:, 2] > 0).all()
    for call in range(3):
        numbers = rows[rows[:, 0] == call, 1]
        assert (np.diff(numbers) == 1).all()
    # In flight at either end of the window: at most a frame a call.
    assert abs(window.sent - len(rows)) <= 3
    assert len(np.frombuffer(window.lateness)) == window.sent


async def test_frames_that_never_come_back_are_lost() -> None:
    async def forgetful(socket: ServerConnection) -> None:
        frames = 0
        async for message in socket:
            if text := payload(message):
                frames += 1
                if frames % 10:
                    await socket.send(audio(text))

    window = await measured(forgetful, calls=2, seconds=1.6)
    numbers = echoes(window)[:, 1]
    assert window.lost > 0
    assert not any((numbers + 1) % 10 == 0)


class InPairs:
    """An endpoint that says two frames in one message, when it has heard the second."""

    def __init__(self) -> None:
        self._held = b""

    def answer(self, message: str | bytes) -> str | None:
        if text := payload(message):
            self._held += b64decode(text)
        if len(self._held) < 320:
            return None
        said, self._held = audio(b64encode(self._held).decode()), b""
        return said


async def in_pairs(socket: ServerConnection) -> None:
    endpoint = InPairs()
    async for message in socket:
        if said := endpoint.answer(message):
            await socket.send(said)


async def test_the_second_of_two_frames_in_one_message_has_its_place_to_wait_for() -> None:
    window = await measured(in_pairs, calls=1, seconds=0.6)
    rows = echoes(window)
    assert (np.diff(rows[:, 1]) == 1).all()
    seconds = rows[rows[:, 1] % 2 == 1]
    assert len(seconds) >= 10
    assert (seconds[:, 2] >= 0.020 - 1e-6).all()
    assert set(np.frombuffer(window.messages).reshape(-1, 3)[:, 2]) == {0.04}


class Paper:
    """A socket on which messages stay."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.messages.append(data)

    def close(self) -> None:
        raise AssertionError("nobody hangs up")


def test_the_first_of_two_frames_in_one_message_has_waited_for_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a clock of its own: on a busy machine real frames leave late, and then wait less."""
    sound, notes, endpoint, paper = form(codec("PCMU")), Notes(), InPairs(), Paper()
    call = LoadCall(0, Phrasebook(sound, sound), notes, gone=lambda: None)
    call.client = cast(client.Client, paper)
    call.begin("stream")
    for n in range(8):
        sent_at = 10 + 0.020 * n
        monkeypatch.setattr(one_call, "monotonic", lambda at=sent_at: at)
        call.send()
        if said := endpoint.answer(paper.messages[-1]):
            call.on_text(said.encode(), sent_at + 0.003)
    waited = np.frombuffer(notes.echoes).reshape(-1, 3)[:, 2]
    assert waited.tolist() == pytest.approx([0.023] * len(waited))
    assert len(waited) == 8


@pytest.mark.parametrize(("name", "codec_ms"), [("OPUS", 6.5), ("AMR-WB", 5.9)])
def test_latency_through_a_codec_of_packets_is_that_of_codec_and_endpoint(
    name: str, codec_ms: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        sent, heard = forms(codec(name), codec(name))
    except MissingLibrary as error:
        pytest.skip(str(error))
    notes, paper = Notes(), Paper()
    call = LoadCall(0, Phrasebook(sent, heard), notes, gone=lambda: None)
    call.client = cast(client.Client, paper)
    call.begin("stream")
    for n in range(100):
        sent_at = 10 + 0.020 * n
        monkeypatch.setattr(one_call, "monotonic", lambda at=sent_at: at)
        call.send()
        call.on_text(audio(payload(paper.messages[-1]) or "").encode(), sent_at + 0.003)
        if n == 20:
            call.count_from_here()
    took = np.frombuffer(notes.echoes).reshape(-1, 3)
    assert took[:, 1].tolist() == list(range(int(took[0, 1]), 99))
    assert len(took) > 85
    assert took[:, 2].tolist() == pytest.approx([0.003 + codec_ms / 1000] * len(took), abs=0.0015)
    assert (notes.lost, notes.foreign) == (0, 0)


@pytest.mark.parametrize(("caller", "asked"), [("PCMA", "PCMU"), ("PCMU", "PCMA")])
def test_frames_are_in_the_codec_of_the_start_frame_not_in_the_callers(
    caller: str, asked: str
) -> None:
    """An answer may ask for the other law of G.711 with `stream_codec`."""
    sound, paper = form(codec(caller)), Paper()
    call = LoadCall(0, Phrasebook(sound, form(codec(asked))), Notes(), gone=lambda: None)
    call.client = cast(client.Client, paper)
    streams = LoadStreams(lambda: call, None)
    streams.calls["stream"] = call
    call.begin("stream")
    body = wire.StartBody(call_control_id="v3:x", media_format=wire.MediaFormat(asked, 8000))
    streams.send("stream", wire.encode_incoming(wire.Start("stream", body)))
    call.send()
    frame = wire.decode_incoming(paper.messages[-1])
    assert isinstance(frame, wire.Media)
    levels = np.abs(codec(asked).decode(frame.media.payload).astype(int))
    assert levels.min() > 7500, "the law of the other one would make most of them soft"
    assert levels.max() < 8500


async def test_a_message_in_fragments_is_one_message() -> None:
    async def breaking(socket: ServerConnection) -> None:
        async for message in socket:
            if text := payload(message):
                whole = audio(text)
                await socket.send([whole[:20], whole[20:50], whole[50:]])

    window = await measured(breaking)
    assert len(echoes(window)) >= window.sent - 3
    assert window.foreign == 0


async def test_pings_are_answered() -> None:
    latency: list[float] = []

    async def pinging(socket: ServerConnection) -> None:
        pong = await socket.ping()
        await echo_until(socket, pong)
        latency.append(await pong)
        await echo(socket)

    async def echo_until(socket: ServerConnection, pong: Awaitable[float]) -> None:
        while not asyncio.ensure_future(pong).done():
            if text := payload(await socket.recv()):
                await socket.send(audio(text))

    await measured(pinging, calls=1)
    assert latency


async def test_marks_come_back_when_their_audio_is_over_and_at_once_after_a_clear() -> None:
    returned: list[tuple[str, int]] = []

    async def marking(socket: ServerConnection) -> None:
        frames = 0
        async for message in socket:
            frame = json.loads(message)
            if frame["event"] == "mark":
                returned.append((frame["mark"]["name"], frames))
            elif text := payload(message):
                frames += 1
                await socket.send(audio(text))
                if frames in (5, 12):
                    mark = {"event": "mark", "mark": {"name": f"n{frames}"}}
                    await socket.send(json.dumps(mark))
                if frames == 12:
                    await socket.send('{"event":"clear"}')

    await measured(marking, calls=1, seconds=0.5)
    assert [name for name, _ in returned] == ["n5", "n12"]
    assert returned[0][1] >= 6  # it was played first


# ---- bad endpoints ------------------------------------------------------------------------------


async def refused(handler: Handler, **options: Any) -> str:
    async with endpoint(handler, **options) as url:
        with pytest.raises(CallbridgeError) as caught:
            async with calling(url, 1):
                pass
    return str(caught.value).replace(url, "URL")


async def test_an_endpoint_that_closes_is_quoted() -> None:
    async def closing(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(1008, "no bot here")

    assert await refused(closing) == (
        "the endpoint took the stream and closed it: 1008 no bot here"
    )


async def test_an_endpoint_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generating, "ECHO_S", 0.2)

    async def silent(socket: ServerConnection) -> None:
        await socket.wait_closed()

    assert await refused(silent) == ("the endpoint took the stream and sent no audio within 0.2 s")


async def test_an_endpoint_that_speaks_but_does_not_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generating, "ECHO_S", 0.3)

    async def talking(socket: ServerConnection) -> None:
        async for _ in socket:
            await socket.send(audio("f39/" * 60))

    assert "no echo of what it hears" in await refused(talking)


async def test_a_refused_upgrade_is_quoted() -> None:
    def forbid(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.FORBIDDEN, "a token is needed\n")

    assert await refused(echo, process_request=forbid) == (
        "URL takes no WebSocket: HTTP 403, a token is needed"
    )


async def answering(answer: bytes | None) -> str:
    """What is said of a server that answers every connection with these bytes, or not at all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is not None:
            writer.write(answer)
            writer.close()
        else:
            await reader.read()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/media"
    async with server:
        with pytest.raises(CallbridgeError) as caught:
            async with calling(url, 1):
                pass
    return str(caught.value).replace(url, "URL")


async def test_a_server_of_something_else() -> None:
    assert (await answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")).startswith(
        "URL answers, but not as a WebSocket server"
    )
    page = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
    assert await answering(page) == "URL takes no WebSocket: HTTP 200, hello"
    assert "not as a WebSocket server" in await answering(b"")


async def test_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "HANDSHAKE_S", 0.2)
    assert await answering(None) == "URL does not finish its handshake in 0.2 s"


async def test_nobody_there() -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(CallbridgeError, match=r"cannot be reached: .*refused"):
        async with calling(f"ws://127.0.0.1:{port}/media", 1):
            pass


async def test_an_endpoint_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKLOG", 2000)

    async def stuck(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await socket.wait_closed()

    async with endpoint(stuck) as url:
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        class Listener:
            def on_text(self, data: bytes, now: float) -> None:
                raise AssertionError("it says nothing")

            def on_closed(self, why: str) -> None:
                gone.set_result(why)

        made = await client.connect(url, {}, None, Listener())
        async with asyncio.timeout(10):
            while not gone.done():
                made.send(b"x" * 60_000)
                await asyncio.sleep(0)
        assert gone.result() == "the endpoint does not read"


async def test_calls_that_drop_are_counted() -> None:
    sockets: list[ServerConnection] = []

    async def keeping(socket: ServerConnection) -> None:
        sockets.append(socket)
        await echo(socket)

    async with endpoint(keeping) as url, calling(url, 3) as made:
        measuring = asyncio.create_task(made.measure(0.3))
        await asyncio.sleep(0)  # it has begun
        sockets[0].transport.abort()
        window, _ = await measuring
        assert (window.calls, window.dropped) == (3, 1)
        again, _ = await made.measure(0.1)
        assert (again.calls, again.dropped) == (2, 0)
