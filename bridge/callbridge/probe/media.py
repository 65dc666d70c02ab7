"""What is tried on a media stream: each scenario is a call of its own."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files

from callbridge.carrier.shapes import JsonObject, as_object
from callbridge.host import audiofile
from callbridge.media import wire
from callbridge.probe import rules
from callbridge.probe.calls import ProbeCalls
from callbridge.probe.findings import ProbeOver, Scenario
from callbridge.probe.media_talk import MediaTalk
from callbridge.probe.rules import Rule
from telecodecs import silence

HELLO = files("callbridge.carrier.people") / "somebody" / "hello.wav"
LATE_START_S = 2.0
A_WHILE_S = 0.3  # for a socket to be closed over what was sent


class MediaProbe:
    """One endpoint; what the first call has shown of it holds for the others."""

    def __init__(self, calls: ProbeCalls) -> None:
        self._calls, self.book, self.pace = calls, calls.book, calls.pace
        self._hello = HELLO.read_bytes()
        self.talks = False

    @asynccontextmanager
    async def silent_call(self, encoding: str = "", rate: int = 0) -> AsyncGenerator[MediaTalk]:
        """A socket on which nothing has been said. Raises ProbeOver when there is none."""
        async with self._calls.line() as (rung, line):
            talk = MediaTalk(rung, line, self.book, encoding, rate)
            line.begin(talk.hear)
            try:
                yield talk
            finally:
                talk.hush()

    @asynccontextmanager
    async def call(self, encoding: str = "", rate: int = 0) -> AsyncGenerator[MediaTalk]:
        """One that has started. A socket that closes meanwhile breaks what the scenario blames."""
        async with self.silent_call(encoding, rate) as talk:
            await talk.connect()
            await talk.start()
            yield talk
            await self.stays_open(talk)

    async def stays_open(self, talk: MediaTalk) -> None:
        """And goes on with what it does: a bot that talks has something to say to a hello."""
        blames = self.book.scenario.blames
        await talk.line.listen(A_WHILE_S)
        if self.talks and blames.severity == "must":
            await self.hears_something(talk, blames)
        if talk.line.ending is not None:
            self.book.found(blames, talk.line.ending)

    async def hears_something(self, talk: MediaTalk, blames: Rule) -> bool:
        talk.say(audiofile.load(self._hello, talk.sending.encoding.sample_rate))
        heard = await talk.hears(self.pace.patience)
        if not heard and talk.line.ending is None:
            seen = f"no audio in {self.pace.patience:g} s, though the caller spoke"
            self.book.found(blames, seen)
        return heard

    async def next_is_served(self, blames: Rule) -> None:
        async with self.silent_call() as talk:
            await talk.connect()
            await talk.start()
            await self.stays_open(talk)


# ---- the scenarios ------------------------------------------------------------------------------


async def first_words(probe: MediaProbe) -> None:
    async with probe.silent_call() as talk:
        await talk.connect()
        await talk.start()
        await talk.line.listen(A_WHILE_S)
        pong = await talk.line.ping(probe.pace.patience)
        if talk.line.ending is not None:
            probe.book.found(rules.MEDIA_OPENS, f"{talk.line.ending} after start")
            raise ProbeOver
        if pong is None:
            probe.book.found(rules.MEDIA_PING, f"no pong in {probe.pace.patience:g} s")
        if talk.stream.params.mode != "rtp":
            probe.book.cannot_see("the stream is one of mp3 files: what they hold is not played")
        else:
            probe.talks = await probe.hears_something(talk, rules.MEDIA_SPEAKS)
            await talk.line.listen(A_WHILE_S)
        if talk.line.ending is not None:
            probe.book.found(rules.MEDIA_OPENS, talk.line.ending)


async def no_frames(probe: MediaProbe) -> None:
    async with probe.call() as talk:
        await talk.line.listen(A_WHILE_S)
        talk.hush()
        await talk.line.listen(probe.pace.idle)
        talk.go_on()


async def late_start(probe: MediaProbe) -> None:
    async with probe.silent_call() as talk:
        await talk.connect()
        await talk.line.listen(LATE_START_S)
        await talk.start()
        await probe.stays_open(talk)


async def other_law(probe: MediaProbe) -> None:
    async with probe.call("PCMA", 8000):
        """As from Europe."""


async def wide_band(probe: MediaProbe) -> None:
    async with probe.call("L16", 16000):
        """As from a softphone."""


async def keys(probe: MediaProbe) -> None:
    async with probe.call() as talk:
        for digit, second in (("1", 2), ("#", 1), ("D", 3)):
            at = f"2026-01-01T00:00:0{second}.000000Z"
            talk.stream.dtmf(digit, at)
        await talk.flush()


async def odd_numbers(probe: MediaProbe) -> None:
    """Out of order, twice, far ahead, from the start again; of 10, 99 and 500 ms."""
    async with probe.call() as talk:
        talk.hush()
        rate = talk.sending.encoding.sample_rate
        name = talk.stream.stream_id
        for chunk, ms in ((9, 20), (7, 20), (7, 20), (8, 99), (400, 10), (1, 500), (2, 20)):
            payload = talk.sending.encode(silence(rate * ms // 1000))
            text = wire.encode_media(name, chunk + 3, "inbound", chunk, 5 * chunk, payload)
            await talk.line.send(text)
        talk.go_on()


async def marks(probe: MediaProbe) -> None:
    async with probe.call() as talk:
        for name in ("never set", "", "never set"):
            await talk.say_frame(wire.Mark(wire.MarkBody(name), talk.stream.stream_id, 5))


async def unknown_frames(probe: MediaProbe) -> None:
    async with probe.call() as talk:
        await talk.say_odd(event="something_new", stream_id="x", payload={"deep": [1, None]})
        digit = wire.Dtmf(wire.DtmfBody("1"), "", talk.stream.stream_id, 7)
        await talk.say_frame(digit, extra={"a": 1}, occurred_at="2026-01-01T00:00:00Z")


async def nulls(probe: MediaProbe) -> None:
    async with probe.silent_call() as talk:
        await talk.connect(lambda fields: fields | {"connected": None})
        await talk.start(_with_nulls)
        await talk.say_odd(event="mark", stream_id=None, sequence_number=None, mark={"name": "a"})
        await probe.stays_open(talk)


def _with_nulls(fields: JsonObject) -> JsonObject:
    """The start frame without anything that an endpoint can do without."""
    body, needed = as_object(fields["start"]) or {}, ("call_control_id", "media_format", "to")
    given = {name: value if name in needed else None for name, value in body.items()}
    return fields | {"start": given | {"custom_parameters": None}}


async def error_frame(probe: MediaProbe) -> None:
    async with probe.call() as talk:
        body = wire.ErrorBody(100002, "unknown_error", "sent by a probe")
        await talk.say_frame(wire.Error(body, talk.stream.stream_id))


async def fragments(probe: MediaProbe) -> None:
    async with probe.call() as talk:
        digit = wire.encode_incoming(wire.Dtmf(wire.DtmfBody("1"), "", talk.stream.stream_id, 9))
        await talk.line.send([digit[:9], digit[9:30], digit[30:]])


async def stop(probe: MediaProbe) -> None:
    async with probe.silent_call() as talk:
        await talk.connect()
        await talk.start()
        await talk.line.listen(A_WHILE_S)
        talk.hush()
        talk.stream.stop(talk.body.call_control_id, talk.body.user_id)
        await talk.flush()
        await talk.line.listen(0.1)
        if talk.line.ending is None and not await talk.line.close():
            probe.book.found(rules.MEDIA_CLOSE, "no close came back")
    await probe.next_is_served(rules.MEDIA_STOP)


async def hang_up(probe: MediaProbe) -> None:
    async with probe.silent_call() as talk:
        await talk.connect()
        await talk.line.drop()
    async with probe.silent_call() as talk:
        await talk.connect()
        await talk.start()
        await talk.line.listen(A_WHILE_S)
        await talk.line.drop()
    await probe.next_is_served(rules.MEDIA_HANG_UP)


MediaScenario = Callable[[MediaProbe], Awaitable[None]]
MEDIA_SCENARIOS: dict[Scenario, MediaScenario] = {
    Scenario("first words", rules.MEDIA_OPENS): first_words,
    Scenario("no frames", rules.MEDIA_IDLE): no_frames,
    Scenario("late start", rules.MEDIA_LATE_START): late_start,
    Scenario("caller in PCMA", rules.MEDIA_TWO_CODECS): other_law,
    Scenario("caller in L16", rules.MEDIA_L16): wide_band,
    Scenario("keys", rules.MEDIA_DTMF): keys,
    Scenario("odd numbers and sizes", rules.MEDIA_NUMBERING): odd_numbers,
    Scenario("marks", rules.MEDIA_MARKS): marks,
    Scenario("unknown frames", rules.MEDIA_UNKNOWN): unknown_frames,
    Scenario("nulls", rules.MEDIA_NULLS): nulls,
    Scenario("error frame", rules.MEDIA_ERROR): error_frame,
    Scenario("fragments", rules.MEDIA_FRAGMENTS): fragments,
    Scenario("stop", rules.MEDIA_STOP): stop,
    Scenario("hang-up", rules.MEDIA_HANG_UP): hang_up,
}
