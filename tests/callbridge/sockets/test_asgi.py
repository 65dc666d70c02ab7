"""The media WebSocket over real sockets: who is let in, what is survived, what is left behind.

All of it both on picows and on plain ASGI."""

import asyncio
import json
import logging
import random
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from callbridge import App, Call
from callbridge.calls.leg import Leg
from callbridge.media.stream import MediaStream
from callbridge.media.wire import MAX_FRAME_CHARS, encode_audio
from callbridge.sockets import asgi as server
from callbridge.sockets import closing, door, tokens
from callbridge.sockets import picows as fast
from callbridge.sockets.scope import AsgiMessage, Scope
from callbridge.tape.events import KeyPressed
from callbridge.testing import tone
from telecodecs import codec
from tests.callbridge.media import frames
from tests.callbridge.media.test_wire import mutilated
from tests.callbridge.platform import SECRET, Served, event, eventually, serving


def echoing() -> App:
    app = App()

    @app.call
    async def echo(call: Call) -> None:
        async for pcm in call.audio():
            await call.write(pcm)

    return app


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture(params=["picows", "asgi"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """`serving`, each way."""
    return partial(serving, asgi=request.param == "asgi")


@pytest.fixture
async def served(serve: Serve) -> AsyncIterator[Served]:
    async with serve(echoing()) as served:
        yield served


async def start(socket: ClientConnection) -> None:
    await socket.send(frames.CONNECTED)
    await socket.send(frames.start())


async def begin(served: Served, socket: ClientConnection, calls: int = 1) -> None:
    """Start a stream; returns when the bots of so many calls listen."""
    await start(socket)
    await listened(served, calls)


async def listened(served: Served, calls: int = 1) -> None:
    legs = served.app.service.calls.legs
    await eventually(lambda: sum(bool(leg.line.listeners) for leg in legs()) == calls)


async def echoed(socket: ClientConnection, first: int = 1) -> bytes:
    """What comes back for ten frames of a voice."""
    payload = codec("PCMU").encode(tone(0.2))
    for chunk in range(10):
        await socket.send(frames.media(payload[160 * chunk : 160 * chunk + 160], first + chunk))
        await asyncio.sleep(0.005)
    back = b""
    async with asyncio.timeout(5):
        while len(back) < 1600:
            frame = json.loads(await socket.recv())
            if frame["event"] == "media":
                back += b64decode(frame["media"]["payload"])
    assert back == payload
    return back


async def refused(served: Served, query: str = "", header: str | None = None) -> tuple[int, str]:
    """Status and sentence of a refused upgrade."""
    with pytest.raises(InvalidStatus) as caught:
        async with served.socket(query, header):
            pass
    response = caught.value.response
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    return response.status_code, (response.body or b"").decode()


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the server closes it."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(5):
            while True:
                await socket.recv()
    return socket.close_code or 0, socket.close_reason or ""


# ---- minted tokens ------------------------------------------------------------------------------


async def test_the_socket_that_we_asked_for_is_a_conversation(served: Served) -> None:
    async with served.stream(await served.ring()) as socket:
        await begin(served, socket)
        await echoed(socket)


async def test_an_absent_header_is_no_refusal(served: Served) -> None:
    answer = await served.ring()
    async with served.socket(f"token={answer['stream_auth_token']}") as socket:
        await begin(served, socket)
        await echoed(socket)


async def test_without_a_token_401(served: Served) -> None:
    await served.ring()
    assert await refused(served) == (401, "the stream's address has no token\n")
    assert await refused(served, "token=") == (401, "the stream's address has no token\n")


async def test_a_forged_token_401(served: Served) -> None:
    answer = await served.ring()
    good = answer["stream_auth_token"]
    reference, expires, _ = good.split(".")
    for forged in (
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        tokens.mint(reference, int(expires), b"another secret of somebody"),
        f"{reference}.{int(expires) + 1}.{good.rpartition('.')[2]}",
        "x",
        "%00%ff",
    ):
        assert await refused(served, f"token={forged}") == (401, "the stream's token is not ours\n")


async def test_another_header_than_the_token_401(served: Served) -> None:
    good = (await served.ring())["stream_auth_token"]
    for header in ("another", good + "x"):
        assert (await refused(served, f"token={good}", header))[0] == 401


async def test_a_token_of_no_call_404(served: Served) -> None:
    token = tokens.mint("00000000000000ff", time.time() + 60, SECRET.encode())
    assert await refused(served, f"token={token}") == (404, "no call waits for this stream\n")


async def test_an_expired_token_409(served: Served) -> None:
    await served.ring()
    (leg,) = served.app.service.calls.legs()
    token = tokens.mint(leg.reference, time.time() - 1, SECRET.encode())
    assert await refused(served, f"token={token}") == (409, "the token has expired\n")


async def test_a_second_socket_of_a_live_stream_409(served: Served) -> None:
    answer = await served.ring()
    async with served.stream(answer) as socket:
        await begin(served, socket)
        with pytest.raises(InvalidStatus) as caught:
            async with served.stream(answer):
                pass
        assert caught.value.response.status_code == 409
        await echoed(socket)  # the first goes on


async def test_a_lost_stream_may_come_back_with_its_token(served: Served) -> None:
    answer = await served.ring()
    async with served.stream(answer) as socket:
        await begin(served, socket)
        await echoed(socket)
        socket.transport.abort()
    (leg,) = served.app.service.calls.legs()
    await eventually(lambda: leg.stream is None)
    async with served.stream(answer) as socket:
        await begin(served, socket)
        await echoed(socket)
        assert leg.line.streams == 2


async def test_another_path_is_no_stream(served: Served) -> None:
    answer = await served.ring()
    with pytest.raises(InvalidStatus) as caught:
        async with served.socket(f"token={answer['stream_auth_token']}", path="/elsewhere"):
            pass
    assert caught.value.response.status_code == 403


# ---- shared and none ----------------------------------------------------------------------------


async def test_a_shared_token_opens_streams_that_somebody_else_started(serve: Serve) -> None:
    async with serve(echoing(), media_auth="shared", media_token="sesame") as served:
        for header in (None, "sesam", ""):
            status, why = await refused(served, "", header)
            assert (status, "CALLBRIDGE_MEDIA_TOKEN" in why) == (401, True)
        async with served.socket(header="sesame") as socket:
            await begin(served, socket)
            await echoed(socket)
            (leg,) = served.app.service.calls.legs()
            assert (leg.call_control_id, leg.to) == (frames.CALL_CONTROL_ID, frames.TO)
            assert leg.custom_parameters == {"language": "de"}


async def test_without_authentication_the_start_tells_whose_stream_it_is(serve: Serve) -> None:
    async with serve(echoing(), media_auth="none") as served, served.socket() as socket:
        await begin(served, socket)
        await echoed(socket)


async def test_our_own_tokens_count_in_every_mode(serve: Serve) -> None:
    async with (
        serve(echoing(), media_auth="none") as served,
        served.stream(await served.ring()) as socket,
    ):
        await begin(served, socket)
        await echoed(socket)
        assert len(served.app.service.calls) == 1


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ([frames.CONNECTED, "{"], "malformed"),
        ([frames.CONNECTED] * door.FIRST_MESSAGES, "no start frame"),
    ],
)
async def test_a_stream_that_does_not_say_what_it_is_is_closed(
    serve: Serve, first: list[str], why: str
) -> None:
    async with serve(echoing(), media_auth="none") as served, served.socket() as socket:
        for text in first:
            await socket.send(text)
        assert (await closed(socket))[0] == closing.POLICY_VIOLATION
        assert len(served.app.service.calls) == 0


async def test_a_stream_that_says_nothing_is_closed(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (server, fast):
        monkeypatch.setattr(module, "START_WITHIN_S", 0.05)
    async with serve(echoing(), media_auth="none") as served, served.socket() as socket:
        await socket.send(frames.CONNECTED)
        assert await closed(socket) == (closing.POLICY_VIOLATION, "no start frame")


async def test_a_second_stream_of_one_adopted_call_is_closed(serve: Serve) -> None:
    async with (
        serve(echoing(), media_auth="none") as served,
        served.socket() as first,
        served.socket() as second,
    ):
        await begin(served, first)
        await echoed(first)
        await start(second)
        assert await closed(second) == (1008, "the call has a live stream already")
        await echoed(first, 11)


async def test_a_number_without_a_bot_is_not_adopted(serve: Serve) -> None:
    app = App()

    @app.call("+499999")
    async def other(call: Call) -> None:
        await call.hangup()

    async with serve(app, media_auth="none") as served, served.socket() as socket:
        await start(socket)
        assert await closed(socket) == (1008, f"no bot answers {frames.TO}")


# ---- what is survived ---------------------------------------------------------------------------


async def test_an_oversized_frame_closes_its_own_socket_and_nothing_else(served: Served) -> None:
    other = await served.ring()
    assert await served.webhook(
        b'{"data":{"event_type":"call.initiated","id":"second","payload":{"direction":"incoming",'
        b'"call_control_id":"second","to":"+1","from":"+2"}}}'
    ) == 200  # fmt: skip
    answer = await served.platform.command("answer")
    async with served.stream(other) as healthy, served.stream(answer) as socket:
        await begin(served, healthy)
        await socket.send(frames.CONNECTED)
        await socket.send(frames.start().replace(frames.CALL_CONTROL_ID, "second"))
        await listened(served, calls=2)
        with suppress(ConnectionClosed):  # while it is still sending
            await socket.send(frames.CONNECTED + " " * MAX_FRAME_CHARS)
        assert (await closed(socket))[0] == closing.TOO_BIG
        await echoed(healthy)
        assert (await served.http.get("/healthz")).status_code == 200


async def test_the_longest_legal_frame_is_taken(served: Served) -> None:
    """30 s of PCMU in one message; the contract's largest, of L16, has the same road to go."""
    async with served.stream(await served.ring()) as socket:
        await begin(served, socket)
        await socket.send(encode_audio(bytes(240_000)))
        (leg,) = served.app.service.calls.legs()
        await eventually(lambda: leg.tally()["frames_in"] == 1)
        assert leg.tally()["inbound_dropped"] == 0


async def test_ten_thousand_malformed_frames_leave_the_server_answering(served: Served) -> None:
    chance = random.Random(1)
    running = [text for text in frames.ALL if text != frames.STOP]
    async with served.stream(await served.ring()) as socket:
        await begin(served, socket)
        for number in range(10_000):
            octets = mutilated(running[number % len(running)], chance)
            await socket.send(octets if number % 2 else octets.decode(errors="replace"))
        (leg,) = served.app.service.calls.legs()
        await eventually(lambda: leg.tally()["malformed"] > 5000)
        tape = leg.tape.listen()
        await socket.send(frames.dtmf("#", "at the very end"))
        last = KeyPressed(digit="#", occurred_at="at the very end")
        await eventually(lambda: last in tape.events)
        assert (await served.http.get("/healthz")).status_code == 200


async def test_binary_messages_are_frames_too(served: Served) -> None:
    async with served.stream(await served.ring()) as socket:
        await socket.send(frames.CONNECTED.encode())
        await socket.send(frames.start().encode())
        await socket.send(b"\xff\x00")
        await listened(served)
        await echoed(socket)


async def test_a_message_may_come_in_fragments(served: Served) -> None:
    async with served.stream(await served.ring()) as socket:
        await socket.send([frames.CONNECTED[:5], "", frames.CONNECTED[5:]])
        start = frames.start().encode()
        await socket.send(fragments := [start[:20], start[20:21], start[21:]])
        assert b"".join(fragments) == start
        await listened(served)
        await echoed(socket)


async def test_fragments_may_not_add_up_to_more_than_a_frame_may_have(served: Served) -> None:
    async with served.stream(await served.ring()) as socket:
        await begin(served, socket)
        with suppress(ConnectionClosed):  # while it is still sending
            await socket.send([" " * 1_000_000] * (MAX_FRAME_CHARS // 1_000_000 + 1))
        assert (await closed(socket))[0] == closing.TOO_BIG
        (leg,) = served.app.service.calls.legs()
        await eventually(lambda: leg.stream is None)


async def test_pings_are_answered_and_pongs_nobody_asked_for_do_no_harm(served: Served) -> None:
    async with served.stream(await served.ring()) as socket:
        await begin(served, socket)
        async with asyncio.timeout(5):
            await (await socket.ping(b"x" * 125))
        await socket.pong(b"nobody asked")
        await echoed(socket)


@pytest.mark.parametrize("code", [1000, 1001, 4000])
async def test_who_closes_gets_the_same_code_back(served: Served, code: int) -> None:
    async with served.stream(await served.ring()) as socket:
        await begin(served, socket)
        await socket.close(code, "enough")
        assert socket.protocol.close_rcvd is not None
        assert socket.protocol.close_rcvd.code == code
        (leg,) = served.app.service.calls.legs()
        await eventually(lambda: leg.stream is None)


async def test_both_may_close_at_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served.stream(await served.ring()) as socket:
        await begin(served, socket)
        (leg,) = served.app.service.calls.legs()
        stream, detached = leg.stream, list[object]()
        assert stream is not None
        detach = Leg.detach

        def counted(leg: Leg, stream: MediaStream) -> None:
            detached.append(stream)
            detach(leg, stream)

        monkeypatch.setattr(Leg, "detach", counted)
        closing = asyncio.create_task(socket.close(1000))
        stream.close(1001, "going")
        stream.close(1001, "twice")
        async with asyncio.timeout(5):
            await closing
        await eventually(lambda: detached)
    assert detached == [stream]


async def test_a_server_that_goes_says_so(serve: Serve) -> None:
    async with AsyncExitStack() as clients:
        async with serve(echoing()) as served:
            answer = await served.ring()
            socket = await clients.enter_async_context(served.stream(answer))
            await begin(served, socket)
        assert await closed(socket) == (1012, "")


async def test_another_path_may_be_somebody_elses_websocket(serve: Serve) -> None:
    """On the same port, though not below ours."""
    app, outer = echoing(), FastAPI()

    @outer.websocket("/other")
    async def other(socket: WebSocket) -> None:  # pyright: ignore[reportUnusedFunction]
        await socket.accept()
        await socket.send_text((await socket.receive_text()).upper())
        await socket.close()

    outer.mount("", app)
    async with serve(app, outer=outer) as served:
        async with served.stream(await served.ring()) as media:
            await begin(served, media)
            async with served.socket(path="/other") as socket:
                await socket.send("hello")
                assert await socket.recv() == "HELLO"
            await echoed(media)
        assert (await served.http.get("/healthz")).text == "ok\n"


async def test_a_format_that_cannot_be_decoded_closes_with_a_sentence(served: Served) -> None:
    async with served.stream(await served.ring()) as socket:
        await socket.send(frames.CONNECTED)
        await socket.send(frames.start("EVS", 16000))
        code, why = await closed(socket)
        assert code == 1002
        assert "EVS" in why


async def test_a_codec_that_is_not_built_ends_the_call_at_once_and_blames_nothing_else(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """Twenty seconds of silence, and a log that blames the public URL."""
    answer = await served.ring()
    assert answer["stream_codec"] == "PCMU"
    began = time.monotonic()
    with caplog.at_level(logging.ERROR, "callbridge"):
        async with served.stream(answer) as socket:
            await socket.send(frames.CONNECTED)
            await socket.send(frames.start("G729", 8000))
            assert await closed(socket) == (
                1002,
                "the stream's codec G729 at 8000 Hz is not built here",
            )
        assert (await served.platform.commands.get())[0] == "hangup"
    assert time.monotonic() - began < 5.0
    (record,) = caplog.records
    assert record.getMessage().endswith("ask the platform for stream_codec=PCMU")
    assert vars(record)["why"] == "the stream's codec G729 at 8000 Hz is not built here"


async def test_a_client_that_vanishes_leaves_no_task_and_no_socket(served: Served) -> None:
    before = {task for task in asyncio.all_tasks() if not task.done()}
    async with served.stream(await served.ring()) as socket:
        await begin(served, socket)
        await echoed(socket)
        (leg,) = served.app.service.calls.legs()
        socket.transport.abort()
    await eventually(lambda: leg.stream is None)
    hangup = {"hangup_cause": "normal_clearing", "hangup_source": "caller"}
    assert await served.webhook(event("call.hangup", **hangup)) == 200
    await eventually(lambda: len(served.app.service.calls) == 0)
    await eventually(lambda: asyncio.all_tasks() <= before | {asyncio.current_task()})


@pytest.fixture
async def on_asgi() -> AsyncIterator[Served]:
    async with serving(echoing(), asgi=True) as served:
        yield served


class BareServer:
    """An ASGI server with no limits of its own; once `full`, its `send` does not return."""

    def __init__(self, served: Served, answer: dict[str, str]) -> None:
        self.incoming: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self.full = asyncio.Event()
        self.sent: list[AsgiMessage] = []
        self.put(type="websocket.connect")
        self.receive(frames.CONNECTED)
        self.receive(frames.start())
        scope: Scope = {
            "type": "websocket",
            "query_string": f"token={answer['stream_auth_token']}".encode(),
            "headers": [],
        }
        self.task = asyncio.create_task(
            served.app.service.sockets["/media"](scope, self.incoming.get, self.send)
        )

    def put(self, **message: Any) -> None:
        self.incoming.put_nowait(message)

    def receive(self, text: str) -> None:
        self.put(type="websocket.receive", text=text)

    async def send(self, message: AsgiMessage) -> None:
        self.sent.append(message)
        if self.full.is_set() and message["type"] != "websocket.accept":
            await asyncio.Event().wait()

    async def done(self) -> None:
        async with asyncio.timeout(5):
            await self.task


async def test_an_oversized_frame_is_refused_where_the_server_has_no_limit(on_asgi: Served) -> None:
    bare = BareServer(on_asgi, await on_asgi.ring())
    bare.receive(frames.CONNECTED + " " * MAX_FRAME_CHARS)
    await bare.done()
    assert bare.sent[-1]["type"] == "websocket.close"
    assert bare.sent[-1]["code"] == closing.TOO_BIG


async def test_a_long_reason_is_cut_to_what_a_close_frame_holds(on_asgi: Served) -> None:
    bare = BareServer(on_asgi, await on_asgi.ring())
    (leg,) = on_asgi.app.service.calls.legs()
    await eventually(lambda: leg.stream is not None)
    assert leg.stream is not None
    leg.stream.close(1002, "ä" * 100)
    await bare.done()
    assert bare.sent[-1]["reason"] == "ä" * 61  # 122 octets: no half of a character


async def test_what_a_socket_does_not_take_stops_the_pacer_and_is_counted() -> None:
    app = App()

    @app.call
    async def talk(call: Call) -> None:
        await call.play(tone(10.0))

    async with serving(app, lead_ms=5000, codec="L16", codec_rate=48000) as served:
        bare = BareServer(served, await served.ring())
        bare.full.set()
        (leg,) = served.app.service.calls.legs()
        await eventually(lambda: leg.tally()["write_stalls"] == 1)


async def test_a_stream_that_we_close_is_over_though_its_socket_takes_nothing(
    on_asgi: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side neither reads our close nor closes by itself."""
    monkeypatch.setattr(server, "CLOSE_WITHIN_S", 0.05)
    bare = BareServer(on_asgi, await on_asgi.ring())
    await listened(on_asgi)
    (leg,) = on_asgi.app.service.calls.legs()
    bare.full.set()
    bare.receive(frames.media(bytes(160), 1))
    await eventually(lambda: bare.sent[-1]["type"] == "websocket.send")
    stream = leg.stream
    assert stream is not None
    stream.close(1013, "the socket takes no audio")
    await bare.done()
    assert leg.stream is not stream


# ---- mounted ------------------------------------------------------------------------------------


async def test_mounted_in_another_application_it_works_the_same() -> None:
    """Starlette runs no lifespan of what is mounted."""
    app, outer = echoing(), FastAPI()
    outer.mount("/voice", app)
    async with serving(app, outer=outer, mount="/voice") as served:
        assert (await served.http.get("/readyz")).text == "ready\n"
        async with served.stream(await served.ring()) as socket:
            await begin(served, socket)
            await echoed(socket)
        assert "callbridge_calls" in (await served.http.get("/metrics")).text
