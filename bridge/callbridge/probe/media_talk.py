"""One media stream of a probe: the carrier's end of it in real time, and what the caller says."""

import asyncio
import json
from collections.abc import Callable, Mapping

import msgspec

from callbridge.carrier.audio.playout import TICKS_PER_S
from callbridge.carrier.parts.stream import (
    INVALID_MEDIA,
    MALFORMED,
    RATE_LIMIT,
    CarrierStream,
    playing_codec,
)
from callbridge.carrier.shapes import JsonObject
from callbridge.media import wire
from callbridge.probe import rules
from callbridge.probe.doors import Rung
from callbridge.probe.findings import ProbeBook
from callbridge.probe.line import ProbeLine
from callbridge.probe.rules import Rule
from telecodecs import Pcm, codec

BROKEN: Mapping[object, Rule] = {
    MALFORMED: rules.MEDIA_FRAMES,
    INVALID_MEDIA: rules.MEDIA_PAYLOAD,
    RATE_LIMIT: rules.MEDIA_RATE,
}
TICK_S = 1 / TICKS_PER_S

Altered = Callable[[JsonObject], JsonObject]


def unaltered(fields: JsonObject) -> JsonObject:
    return fields


class MediaTalk:
    """Strict: messages of the endpoint are carried out or refused as the carrier does, marks come
    back when their audio has been played, and errors are written down."""

    def __init__(
        self, rung: Rung, line: ProbeLine, book: ProbeBook, encoding: str = "", rate: int = 0
    ) -> None:
        """Nothing has been said on the line; its messages are for `hear`. The caller's audio is in
        the codec that the leg has negotiated, unless another one is named."""
        assert rung.start is not None, "the door is one of media streams"
        assert rung.params is not None, "a stream has some"
        given = rung.start.start.media_format
        self.line, self.body = line, rung.start.start
        self.sending = codec(encoding or given.encoding, rate or given.sample_rate)
        self.stream = CarrierStream(
            rung.start.stream_id,
            rung.params,
            sending=self.sending,
            playing=playing_codec(rung.params, "little"),
            send=self._put,
        )
        self._spoke_at = 0.0  # when audio came last
        self._book = book
        self._now = asyncio.get_running_loop().time
        self._outbox: list[str] = []
        self._to_say: list[Pcm] = []  # 20 ms each
        self._clock: asyncio.Task[None] | None = None

    def _put(self, stream_id: str, text: str) -> None:
        self._outbox.append(text)

    async def flush(self) -> None:
        """Send what the stream has to say."""
        while self._outbox:
            await self.line.send(self._outbox.pop(0))

    # ---- what comes -------------------------------------------------------------------------

    async def hear(self, message: str | bytes) -> None:
        before = self.stream.playout.unheard
        received = self.stream.receive(message, self._now())
        code = received.detail.get("code")
        if self.stream.playout.unheard > before or code == RATE_LIMIT:
            self._spoke_at = self._now()
        if received.kind == "error" and (rule := BROKEN.get(code)) is not None:
            self._book.found(rule, str(received.detail["detail"]))
        await self.flush()

    # ---- what is said -----------------------------------------------------------------------

    async def connect(self, altered: Altered = unaltered) -> None:
        self.stream.connect()
        await self._send_altered(altered)

    async def start(self, altered: Altered = unaltered) -> None:
        """From now on the caller is heard, silence included, and what is queued is played."""
        self.stream.start(self.body)
        await self._send_altered(altered)
        self.go_on()

    async def _send_altered(self, altered: Altered) -> None:
        await self.line.send(json.dumps(altered(json.loads(self._outbox.pop()))))

    def go_on(self) -> None:
        self._clock = asyncio.create_task(self._tick())

    def hush(self) -> None:
        """No frames from the caller any more, and no time for what is queued."""
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    async def _tick(self) -> None:
        due = self._now()
        while self.line.ending is None:
            due += TICK_S
            await asyncio.sleep(max(0.0, due - self._now()))
            self.stream.finish_tick()
            self.stream.channel.take()
            self.stream.media(self._to_say.pop(0) if self._to_say else None, None)
            await self.flush()

    def say(self, pcm: Pcm) -> None:
        """The caller speaks, at the rate of their codec."""
        step = self.sending.encoding.sample_rate // TICKS_PER_S
        self._to_say += [pcm[at : at + step] for at in range(0, len(pcm) - step + 1, step)]

    async def say_odd(self, **fields: object) -> None:
        """A message that no typed frame can be."""
        await self.line.send(json.dumps(fields))

    async def say_frame(self, frame: wire.Incoming, **changed: object) -> None:
        """A frame with other values in some of its fields."""
        fields = json.loads(wire.encode_incoming(frame)) | changed
        await self.line.send(msgspec.json.encode(fields).decode())

    # ---- what is waited for -----------------------------------------------------------------

    async def hears(self, within: float) -> bool:
        """Whether the endpoint says anything from now on."""
        since = self._now()
        return await self.line.until(lambda: self._spoke_at > since, within)
