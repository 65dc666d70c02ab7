"""What a call with a model that hears and speaks costs, beside an echo.

    python benchmarks/realtime.py [--json] [--frames 3000] [--calls 100]

One call inside of a process without the platform's socket, in time that is stepped. Where it says
"socket", the model is another process behind a real WebSocket of this machine, which answers 200 ms
of audio with 200 ms; else it does so in memory and costs next to nothing. Microseconds of CPU per
20 ms frame of the caller, each way included: medians of interleaved runs, so that other work on the
machine falls on all of them. "Idle" is a caller and a model who say nothing: their frames go on."""

import argparse
import asyncio
import gc
import json
import multiprocessing
import statistics
import time
import tracemalloc
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from inside import InsideCall, SteppedClock, caller_frames, inside
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from callbridge import Call
from callbridge.bots import realtime
from callbridge.realtime.events import AudioForm
from callbridge.realtime.socket import Connect, LinkListener, ModelLink, connect
from callbridge.timing.loop import new_loop
from telecodecs import codec

PTIME_S = 0.020
RUNS = 7
ANSWER_EVERY = 10  # frames
PAYLOAD = 8000 // 5  # octets of G.711 in 200 ms
Bot = Callable[[Call], Awaitable[None]]


def delta(number: int, payload: bytes) -> bytes:
    """Of an item that goes on for a minute: with 200 ms each."""
    item, audio = f"item_{number // 300}", b64encode(payload).decode()
    return json.dumps(
        {"type": "response.output_audio.delta", "item_id": item, "delta": audio}
    ).encode()


class Talker:
    """The model's side of a link: for each so many messages of the caller, a delta."""

    def __init__(self, payload: bytes, *, silent: bool) -> None:
        self._payload, self._silent = payload, silent
        self._heard = self._said = 0

    def hear(self) -> bytes | None:
        self._heard += 1
        if self._silent or self._heard % ANSWER_EVERY:
            return None
        self._said += 1
        return delta(self._said, self._payload)


class MemoryModel:
    """A link to a model that costs nothing."""

    def __init__(self, talker: Talker, listener: LinkListener) -> None:
        self._talker, self._listener = talker, listener

    def send(self, text: str, /) -> None:
        if (answer := self._talker.hear()) is not None:
            self._listener.on_text(answer)

    def buffered(self) -> int:
        return 0

    def close(self) -> None: ...


def in_memory(payload: bytes, *, silent: bool = False) -> Connect:
    async def open_link(url: str, headers: Mapping[str, str], who: LinkListener) -> ModelLink:
        return MemoryModel(Talker(payload, silent=silent), who)

    return open_link


# ---- another process ----------------------------------------------------------------------------


class SocketModel(WSListener):
    def __init__(self, talker: Talker) -> None:
        self._talker = talker

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT and (answer := self._talker.hear()) is not None:
            transport.send(WSMsgType.TEXT, answer)


def serve(port: "multiprocessing.Queue[int]", payload: bytes, silent: bool) -> None:
    async def run() -> None:
        def listener(_: WSUpgradeRequest) -> WSListener:
            return SocketModel(Talker(payload, silent=silent))

        server = await ws_create_server(listener, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@asynccontextmanager
async def another_process(payload: bytes, *, silent: bool) -> AsyncGenerator[str]:
    port: multiprocessing.Queue[int] = multiprocessing.Queue()
    process = multiprocessing.Process(target=serve, args=(port, payload, silent), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{await asyncio.to_thread(port.get, timeout=30)}/v1"
    finally:
        process.kill()


# ---- bots ---------------------------------------------------------------------------------------


async def nobody(call: Call) -> None:
    await call.over()


async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)


async def model(call: Call, link: Connect, url: str = "http://127.0.0.1:9/v1") -> None:
    await realtime.converse(call, api_key="any", base_url=url, connect=link)


async def transcoded(call: Call, link: Connect) -> None:
    """The same model at 24 kHz: what is saved by the wire's own form."""
    straight = realtime.openai_form
    realtime.openai_form = lambda *_: AudioForm("L16", 24000)
    try:
        await model(call, link)
    finally:
        realtime.openai_form = straight


# ---- figures ------------------------------------------------------------------------------------


async def microseconds(bot: Bot, frames: int, *, on_socket: bool = False) -> float:
    """Of CPU per frame, of all threads."""
    async with inside(bot) as (app, clock):
        call = InsideCall(app, clock, 1, codec("PCMU"))
        texts = caller_frames(frames + 100, codec("PCMU"))
        await asyncio.sleep(0.2 if on_socket else 0)  # the other process accepts the socket
        await run(call, clock, texts[:100], on_socket=on_socket)
        gc.collect()
        began = time.process_time()
        await run(call, clock, texts[100:], on_socket=on_socket)
        spent = time.process_time() - began
        call.hang_up()
        await pass_turns(AT_THE_END, 0.001 if on_socket else 0)
    return spent / frames * 1e6


# Nothing here waits for time: whoever is woken has a turn of the loop, and whom they wake another.
AFTER_A_FRAME, AT_THE_END = 2, 20


async def pass_turns(count: int, each_s: float = 0) -> None:
    for _ in range(count):
        await asyncio.sleep(each_s)


async def run(call: InsideCall, clock: SteppedClock, texts: list[str], *, on_socket: bool) -> None:
    for number, text in enumerate(texts):
        clock.time += PTIME_S
        call.say(text)
        call.stream.pump()
        await pass_turns(AFTER_A_FRAME)
        if on_socket and number % ANSWER_EVERY == 0:
            await asyncio.sleep(0.0005)  # for the other process to answer


async def kib_per_call(bot: Bot, calls: int) -> float:
    async with inside(bot, max_calls=calls + 1) as (app, clock):
        texts = caller_frames(50, codec("PCMU"))
        first = InsideCall(app, clock, 0, codec("PCMU"))
        await run(first, clock, texts, on_socket=False)
        gc.collect()
        tracemalloc.start()
        made = [InsideCall(app, clock, n + 1, codec("PCMU")) for n in range(calls)]
        await pass_turns(AT_THE_END)
        for text in texts:
            clock.time += PTIME_S
            for call in made:
                call.say(text)
            await pass_turns(AFTER_A_FRAME)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] / calls / 1024
        tracemalloc.stop()
        for call in (first, *made):
            call.hang_up()
        await pass_turns(AT_THE_END)
    return held


async def delta_to_wire_us(deltas: int) -> float:
    """From a delta that arrives to its first frame at the socket: it is one call of functions."""
    listeners: list[LinkListener] = []

    async def open_link(url: str, headers: Mapping[str, str], who: LinkListener) -> ModelLink:
        listeners.append(who)
        return MemoryModel(Talker(b"", silent=True), who)

    took: list[float] = []
    async with inside(partial(model, link=open_link)) as (app, clock):
        call = InsideCall(app, clock, 1, codec("PCMU"))
        texts = caller_frames(20 * deltas + 20, codec("PCMU"))
        await run(call, clock, texts[:20], on_socket=False)
        for number in range(deltas):
            message = delta(300 * number, bytes([0x55]) * PAYLOAD)
            before = call.sent
            began = time.perf_counter()
            listeners[0].on_text(message)
            took.append(time.perf_counter() - began)
            assert call.sent > before, "its first frame has left"
            done = {"type": "message", "id": f"item_{number}"}
            end = {"type": "response.output_item.done", "item": done}
            listeners[0].on_text(json.dumps(end).encode())
            at = 20 + 20 * number
            await run(call, clock, texts[at : at + 20], on_socket=False)
        call.hang_up()
        await pass_turns(AT_THE_END)
    return statistics.median(took) * 1e6


async def measure(frames: int, calls: int) -> dict[str, float]:
    spoken = bytes([0x55]) * PAYLOAD
    wide = bytes(6 * PAYLOAD)
    async with (
        another_process(spoken, silent=False) as talking,
        another_process(spoken, silent=True) as silent,
    ):
        bots: dict[str, tuple[Bot, bool]] = {
            "nobody": (nobody, False),
            "echo": (echo, False),
            "model, idle": (partial(model, link=in_memory(spoken, silent=True)), False),
            "model, both speak": (partial(model, link=in_memory(spoken)), False),
            "model at 24 kHz, both speak": (partial(transcoded, link=in_memory(wide)), False),
            "model on a socket, idle": (partial(model, link=connect, url=silent), True),
            "model on a socket, both speak": (partial(model, link=connect, url=talking), True),
        }
        runs: dict[str, list[float]] = {name: [] for name in bots}
        for _ in range(RUNS):
            for name, (bot, on_socket) in bots.items():
                runs[name].append(await microseconds(bot, frames, on_socket=on_socket))
    figures = {name: statistics.median(each) for name, each in runs.items()}
    figures["a delta to its first frame on the wire, us"] = await delta_to_wire_us(200)
    for name in ("nobody", "echo", "model, idle", "model, both speak"):
        figures[f"KiB per call: {name}"] = await kib_per_call(bots[name][0], calls)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--calls", type=int, default=100)
    wish = parser.parse_args()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        figures = runner.run(measure(wish.frames, wish.calls))
    if wish.json:
        print(json.dumps({name: round(value, 2) for name, value in figures.items()}, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<45} {value:8.1f}")


if __name__ == "__main__":
    main()
