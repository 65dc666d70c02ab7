"""What a 20 ms frame costs inside the bridge: nanoseconds, part by part and whole.

    python benchmarks/frames.py [--json] [--frames 2000] [--profile]

Each figure is the best of several runs over so many frames: other work on the machine only ever
adds. Everything runs hot, in caches that a server with many calls does not have, so parts compare
with parts; what a call costs in service is for `callbridge bench`. A baseline is the same work by
the obvious means of the standard library. `--profile` shows where a whole frame's time goes."""

import argparse
import asyncio
import base64
import cProfile
import gc
import json
import pstats
from binascii import a2b_base64, b2a_base64
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np
from inside import PTIME_S, InsideCall, SteppedClock, caller_frames, inside
from peers.g711 import lin2ulaw, ulaw2lin

from callbridge import App, Call
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.effects import OpenStream, SendFrame
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.switch import Switch
from callbridge.media import wire
from callbridge.media.background import BackgroundSound, Bed
from callbridge.media.playout import Playout
from callbridge.media.session import MediaSession
from callbridge.timing.loop import new_loop
from telecodecs import Pcm, codec, g711

REPEATS = 7
CARRIER_CALLS = 100
PROFILED_LINES = 25
BEHIND: Pcm = np.random.default_rng(1).integers(-9000, 9000, 8000).astype(np.int16)


class Cost(NamedTuple):
    """Nanoseconds per frame, and those of the baseline where there is one."""

    ns: float
    baseline: float | None = None


def best(run: Callable[[], int], frames: int) -> float:
    """`run` does some frames' work, with what it needs made anew, and returns how long it took."""
    return min(run() for _ in range(REPEATS)) / frames


def each(function: Callable[[Any], object], items: list[Any]) -> float:
    """Of a function that remembers nothing."""

    def run() -> int:
        began = perf_counter_ns()
        deque(map(function, items), maxlen=0)
        return perf_counter_ns() - began

    return best(run, len(items))


# ---- parts --------------------------------------------------------------------------------------


def json_decode(text: str) -> bytes:
    return base64.b64decode(json.loads(text)["media"]["payload"])


def json_encode(payload: bytes) -> str:
    body = {"payload": base64.b64encode(payload).decode()}
    return json.dumps({"event": "media", "media": body})


def parts(frames: int) -> dict[str, Cost]:
    texts = caller_frames(frames, codec("PCMU"))
    payloads = [json_decode(text) for text in texts]
    encoded = [b2a_base64(payload, newline=False) for payload in payloads]
    audio: list[Pcm] = [g711.decode_ulaw(payload) for payload in payloads]
    linear = [pcm.tobytes() for pcm in audio]
    return {
        "wire: decode a media frame": Cost(
            each(wire.decode_incoming, texts), each(json_decode, texts)
        ),
        "wire: encode audio": Cost(each(wire.encode_audio, payloads), each(json_encode, payloads)),
        "base64: decode": Cost(each(a2b_base64, encoded), each(base64.b64decode, encoded)),
        "base64: encode": Cost(
            each(lambda octets: b2a_base64(octets, newline=False), payloads),
            each(base64.b64encode, payloads),
        ),
        "PCMU: decode": Cost(
            each(g711.decode_ulaw, payloads), each(lambda octets: ulaw2lin(octets, 2), payloads)
        ),
        "PCMU: encode": Cost(
            each(g711.encode_ulaw, audio), each(lambda octets: lin2ulaw(octets, 2), linear)
        ),
        "naive echo: json, base64, audioop": Cost(each(naive, texts)),
        "session: receive": Cost(received(texts)),
        "background: under a frame": Cost(each(bed().under, audio)),
        "background: alone": Cost(each(bed().by_itself, [len(pcm) for pcm in audio])),
    }


def bed() -> Bed:
    """A second of noise, ducked under speech."""
    made = Bed(8000, 0.0)
    made.add(BackgroundSound(BEHIND, -10.0, -12.0))
    return made


def naive(text: str) -> str:
    """A frame as one writes it first: no session, no order, no pacing, no ledger."""
    return json_encode(lin2ulaw(ulaw2lin(json_decode(text), 2), 2))


def received(texts: list[str]) -> float:
    """Order, gaps and decoding, after the wire."""
    arriving = [
        frame for text in texts if isinstance(frame := wire.decode_incoming(text), wire.Media)
    ]
    body = wire.StartBody(call_control_id="v3:x", media_format=wire.MediaFormat("PCMU", 8000))

    def run() -> int:
        session = MediaSession(Playout(8000), codec("PCMU"), 8000)
        session.receive(wire.Connected(), 0.0)
        session.receive(wire.Start("x", body), 0.0)
        began = perf_counter_ns()
        for number, frame in enumerate(arriving):
            session.receive(frame, PTIME_S * number)
        return perf_counter_ns() - began

    return best(run, len(arriving))


# ---- whole frames -------------------------------------------------------------------------------


async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)


async def idle(call: Call) -> None:
    await asyncio.get_running_loop().create_future()


def echo_at_once(call: InsideCall, clock: SteppedClock) -> None:
    """What `Call.write` does, without a task in between."""
    line = call.leg.line
    utterance, transmitter = line.playout.open(), line.transmitter()

    def write(pcm: Pcm) -> None:
        if transmitter is not None:
            pcm = transmitter.process(pcm)
        line.write(utterance, pcm)

    line.hear_with(write)


async def whole(
    frames: int,
    *,
    codec_name: str = "PCMU",
    sample_rate: int = 8000,
    with_task: bool = False,
    over_background: bool = False,
    profile: cProfile.Profile | None = None,
) -> int:
    """Nanoseconds of a call's echo: from a message in to a message out, ledger and marks too."""
    texts = caller_frames(frames, codec(codec_name))
    bot = echo if with_task else idle
    async with inside(bot, sample_rate=sample_rate, codec_name=codec_name) as (app, clock):
        call = await begun(app, clock, codec_name, with_task)
        if over_background:
            call.leg.line.begin_background(BackgroundSound(BEHIND, -10.0, -12.0))
        gc.collect()
        if profile is not None:
            profile.enable()
        took = await driven(call, clock, texts, with_task)
        if profile is not None:
            profile.disable()
        # Resampling and the vote on the byte order keep a few frames back.
        assert call.sent > 0.9 * frames - 10, f"{call.sent} messages came back, of {frames}"
        call.hang_up()
    return took


async def driven(call: InsideCall, clock: SteppedClock, texts: list[str], with_task: bool) -> int:
    began = perf_counter_ns()
    if with_task:
        for text in texts:
            clock.time += PTIME_S
            call.say(text)
            await asyncio.sleep(0)  # the bot's turn
    else:
        for text in texts:
            clock.time += PTIME_S
            call.say(text)
    return perf_counter_ns() - began


async def begun(app: App, clock: SteppedClock, codec_name: str, with_task: bool) -> InsideCall:
    call = InsideCall(app, clock, 1, codec(codec_name))
    if not with_task:
        echo_at_once(call, clock)
    for _ in range(10):  # turns in which the call's task starts the bot
        await asyncio.sleep(0)
    assert bool(call.leg.line.listeners) == with_task
    return call


async def turn(frames: int) -> int:
    """A turn of the event loop with nothing to do."""
    began = perf_counter_ns()
    for _ in range(frames):
        await asyncio.sleep(0)
    return perf_counter_ns() - began


async def best_of(run: Callable[[], Awaitable[int]], frames: int) -> float:
    return min([await run() for _ in range(REPEATS)]) / frames


async def wholes(frames: int, naive_ns: float) -> dict[str, Cost]:
    plain = await best_of(lambda: whole(frames), frames)
    wide = await best_of(lambda: whole(frames, codec_name="L16", sample_rate=16000), frames)
    resampled = await best_of(lambda: whole(frames, sample_rate=16000), frames)
    tasked = await best_of(lambda: whole(frames, with_task=True), frames)
    over = await best_of(lambda: whole(frames, over_background=True), frames)
    return {
        "whole frame: PCMU": Cost(plain, naive_ns),
        "whole frame: L16 at 16 kHz": Cost(wide),
        "whole frame: PCMU, bot at 16 kHz": Cost(resampled),
        "whole frame: PCMU, bot in its task": Cost(tasked, naive_ns),
        "whole frame: PCMU, over a background": Cost(over),
        "a turn of the loop, nothing to do": Cost(await best_of(lambda: turn(frames), frames)),
    }


# ---- the carrier --------------------------------------------------------------------------------


class Exchange:
    """Calls of the local carrier, their streams started, driven by hand."""

    def __init__(self, calls: int) -> None:
        self.now = 0.0
        self.switch = Switch(CarrierConfig(record=False), wall=0.0, seed=1)
        self.streams: list[str] = []
        for _ in range(calls):
            self._answer(self.switch.place_call(CallScript(), self.now))

    def _answer(self, call_control_id: str) -> None:
        body = json.dumps(
            {
                "stream_url": "ws://127.0.0.1:9/media",
                "stream_track": "inbound_track",
                "stream_bidirectional_mode": "rtp",
                "stream_bidirectional_codec": "PCMU",
            }
        ).encode()
        path = f"/v2/calls/{call_control_id}/actions/answer"
        answer = self.switch.request("POST", path, body, "Bearer local-key", self.now)
        assert answer.status == 200, answer.body
        for effect in self.switch.effects():
            if isinstance(effect, OpenStream):
                self.switch.stream_opened(effect.stream_id, self.now)
                self.streams.append(effect.stream_id)

    def tick(self, answer: str | None) -> int:
        """20 ms: every caller hears an `answer` and says a frame. Returns the frames said."""
        self.now += PTIME_S
        if answer is not None:
            for stream_id in self.streams:
                self.switch.stream_received(stream_id, answer, self.now)
        self.switch.tick(self.now)
        return sum(isinstance(effect, SendFrame) for effect in self.switch.effects())


def carried(frames: int, answer: str | None) -> float:
    """A tick of the carrier, per call."""
    calls = min(CARRIER_CALLS, frames)
    ticks = max(1, frames // calls)

    def run() -> int:
        exchange = Exchange(calls)
        exchange.tick(answer)
        gc.collect()
        began = perf_counter_ns()
        said = sum(exchange.tick(answer) for _ in range(ticks))
        took = perf_counter_ns() - began
        assert said == ticks * calls, f"{said} frames of {ticks * calls}"
        return took

    return best(run, ticks * calls)


# ---- the report ---------------------------------------------------------------------------------


def measure(frames: int) -> dict[str, Cost]:
    answer = wire.encode_audio(g711.encode_ulaw(g711.decode_ulaw(bytes(range(160)))))
    results = parts(frames)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        naive_ns = results["naive echo: json, base64, audioop"].ns
        results |= runner.run(wholes(frames, naive_ns))
    results["carrier: a tick of a call"] = Cost(carried(frames, None))
    results["carrier: a tick of a call that is echoed"] = Cost(carried(frames, answer))
    return results


def profiled(frames: int) -> None:
    """Where a whole frame's time goes, by function, without what they call."""
    profile = cProfile.Profile()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(whole(frames, profile=profile))
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(PROFILED_LINES)


def lines(results: dict[str, Cost]) -> Iterable[str]:
    yield f"{'ns per frame':42}{'here':>9}{'baseline':>10}{'ratio':>8}"
    for name, (ns, baseline) in results.items():
        compared = f"{baseline:10.0f}{ns / baseline:8.2f}" if baseline else ""
        yield f"{name:42}{ns:9.0f}{compared}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--frames", type=int, default=2000, help="in each run (default 2000)")
    parser.add_argument("--profile", action="store_true", help="of a whole frame, and nothing else")
    options = parser.parse_args()
    if options.profile:
        profiled(10 * options.frames)
        return
    results = measure(options.frames)
    if options.json:
        rounded = {
            name: {"ns": round(ns), "baseline_ns": round(baseline) if baseline else None}
            for name, (ns, baseline) in results.items()
        }
        print(json.dumps(rounded))
        return
    print("\n".join(lines(results)))


if __name__ == "__main__":
    main()
