"""A bridge with everything but sockets, for what is measured inside of it.

The application, its registry, lives, legs, playout and ledger are the real ones; what is missing is
the network, and time, which the caller of a benchmark moves."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import numpy as np
from nacl.signing import SigningKey

from callbridge import App
from callbridge.calls.course import Bot
from callbridge.calls.leg import Hangup, Leg
from callbridge.media import wire
from callbridge.serve.service import Surroundings
from callbridge.serve.settings import Settings
from callbridge.timing.jobs import InlineJobs
from telecodecs import Codec, Pcm, codec

PTIME_S = 0.020
FROM, TO = "+13125550150", "+13125550100"
PUBLIC_KEY = base64.b64encode(bytes(SigningKey(bytes(32)).verify_key)).decode()


class SteppedClock:
    """Stands still until somebody steps it. Begins with the loop, whose timers it never reaches."""

    def __init__(self) -> None:
        self.time = asyncio.get_running_loop().time()

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time


class InsideCall:
    """One call that was streamed to us; also the `Transport` of its stream.

    Marks come back with the caller's next frame, as from a carrier that plays without delay."""

    def __init__(self, app: App, clock: SteppedClock, number: int, wire_codec: Codec) -> None:
        encoding = wire_codec.encoding
        name = f"{number:032x}"
        start = wire.StartBody(
            call_control_id=f"v3:inside-{name}",
            media_format=wire.MediaFormat(encoding.name, encoding.named_rate),
            call_session_id=name,
            from_=FROM,
            to=TO,
        )
        self.sent = 0  # messages
        self._marks: list[wire.MarkBody] = []
        self._clock = clock
        self.leg: Leg = app.service.calls.audio.adopt(start)
        self.stream = self.leg.attach(self)
        self.stream.feed(wire.encode_incoming(wire.Connected()))
        self.stream.feed(wire.encode_incoming(wire.Start(name, start)))

    def say(self, text: str) -> None:
        """A frame of the caller, 20 ms after the one before if he is the only one."""
        if self._marks:
            marks, self._marks = self._marks, []
            for mark in marks:
                self.stream.feed(wire.encode_incoming(wire.Mark(mark)))
        self.stream.feed(text)

    def hang_up(self) -> None:
        self.stream.feed(wire.encode_incoming(wire.Stop()))
        self.leg.detach(self.stream)
        self.leg.end(Hangup("normal_clearing", "caller"))

    def send(self, text: str | bytes) -> None:
        self.sent += 1
        if len(text) < 100:  # audio is longer
            frame = wire.decode_outgoing(text)
            if isinstance(frame, wire.SetMark):
                self._marks.append(frame.mark)

    def buffered(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"the bridge closes a stream: {code} {reason}")


@asynccontextmanager
async def inside(
    bot: Bot, *, sample_rate: int = 8000, codec_name: str = "PCMU", max_calls: int = 1000
) -> AsyncGenerator[tuple[App, SteppedClock]]:
    """A running application; closed when its calls have ended."""
    app, clock = App(sample_rate=sample_rate), SteppedClock()
    app.call(bot)
    settings = Settings.load(
        api_key="nobody",
        public_key=PUBLIC_KEY,
        public_url="http://127.0.0.1:9",  # the discard port: nothing here ever connects
        base_url="http://127.0.0.1:9/v2",
        codec=codec_name,
        codec_rate=codec(codec_name).encoding.sample_rate,
        lead_ms=200,
        max_calls=max_calls,
    )
    nobody = httpx.MockTransport(lambda _: httpx.Response(200, json={"data": {}}))
    app.configure(settings, Surroundings(clock, InlineJobs(), nobody))
    try:
        yield app, clock
    finally:
        calls = app.service.calls
        async with asyncio.timeout(10):
            while len(calls):  # noqa: ASYNC110  a turn of the loop, not a wait
                await asyncio.sleep(0)
        await app.close()


def voice(seconds: float, sample_rate: int) -> Pcm:
    """(n,) int16: a vowel of 120 Hz. The cost does not depend on what is said, but for the vote on
    the byte order of L16, which noise does not decide."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = sum(np.sin(2 * np.pi * 120 * n * time) / n for n in range(1, 6))
    return np.asarray(4000 * wave).astype(np.int16)


def caller_frames(frames: int, wire_codec: Codec) -> list[str]:
    """Media messages as the platform sends them, numbered and in order."""
    samples = round(PTIME_S * wire_codec.encoding.sample_rate)
    second = voice(1.0, wire_codec.encoding.sample_rate)
    payloads = [wire_codec.encode(pcm) for pcm in second.reshape(-1, samples)]
    return [
        wire.encode_media("inside", n + 4, "inbound", n + 1, 20 * n, payloads[n % len(payloads)])
        for n in range(frames)
    ]
