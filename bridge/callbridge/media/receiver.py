"""What one track of a stream holds, as samples: decoded, without holes, at the session's rate."""

from typing import Literal

import numpy as np

from callbridge.media import wire
from telecodecs import CodecError, Encoding, MissingLibrary, Pcm, Resampler, codec, l16, silence
from telecodecs.conceal import repeated

ByteOrder = Literal["little", "big"]

CONCEAL_MAX_S = 1.0  # a longer hole in the timestamps is a jump of the counter, not lost audio
NOTHING = silence(0)
ORDER_VOTES = 5  # frames that are not silent, before the byte order of L16 is believed
ORDER_PATIENCE = 50  # frames held for those votes; then the configured order stands


class Receiver:
    """Turns payloads of one track into PCM at the session's rate, holes filled with what fades."""

    __slots__ = (
        "_codec",
        "_last",
        "_next_chunk",
        "_next_timestamp",
        "_rate",
        "_resampler",
        "_undecided",
        "_votes",
        "_wanted_rate",
        "concealed",
        "order",
    )

    def __init__(
        self, media_format: wire.MediaFormat, sample_rate: int, l16_order: ByteOrder
    ) -> None:
        """Raises CodecError for a format that is not built here."""
        name, rate = media_format.encoding, media_format.sample_rate
        try:
            self._codec = codec(name, rate, l16_order=l16_order, decodes_only=True)
        except MissingLibrary as error:
            raise CodecError(f"the stream's codec {error}") from None
        except CodecError:
            what = f"the stream's codec {name} at {rate} Hz is not built here"
            raise CodecError(what) from None
        if media_format.channels != 1:
            raise CodecError(f"a stream of {media_format.channels} channels is not built here")
        self.order: ByteOrder | None = None
        self.concealed = 0
        self._rate = self._codec.encoding.sample_rate
        self._wanted_rate = sample_rate
        self._resampler = self._new_resampler()
        self._votes: list[ByteOrder] | None = [] if name == "L16" else None
        self._undecided: list[wire.MediaBody] = []
        self._next_chunk: int | None = None
        self._next_timestamp = 0.0
        self._last: Pcm | bytes = NOTHING  # a frame, or a payload that nobody had decoded

    @property
    def settled(self) -> bool:
        """Whether the byte order is known, or none is needed."""
        return self._votes is None

    def decode(self, body: wire.MediaBody) -> Pcm:
        """(n,) int16; empty while the byte order of L16 is still being found. Raises CodecError."""
        if self._votes is None:
            return self.pcm(body)
        due = [self.pcm(held) for held in self._settle_order(body)]
        return np.concatenate(due) if due else silence(0)

    def skip(self, body: wire.MediaBody) -> Pcm:
        """A payload that nobody wants: returns no samples, and the next wanted one begins anew.

        The byte order of L16 is found all the same, since what we send depends on it."""
        if self._votes is not None:
            self._settle_order(body)
        if self._next_chunk is not None:
            self._next_chunk, self._last = None, NOTHING
            self._resampler = self._new_resampler()
            if self._codec.has_memory:
                self._codec = codec(self.encoding.name, self._rate, decodes_only=True)
        return NOTHING

    @property
    def encoding(self) -> Encoding:
        return self._codec.encoding

    def octets(self, body: wire.MediaBody) -> bytes:
        """A payload of G.711 as it came, behind what is made up for those lost before it."""
        missing = self._missing(body) if body.chunk != self._next_chunk else 0
        if missing <= 0:
            return body.payload
        return self._codec.encode(self._repeated(missing)) + body.payload

    def follow(self, body: wire.MediaBody) -> None:
        """A payload of G.711 that was taken as it is: counted, and kept for when one is lost."""
        missing = self._missing(body) if body.chunk != self._next_chunk else 0
        self.concealed += max(0, missing)
        self._last = body.payload
        self._next_chunk = body.chunk + 1
        self._next_timestamp = body.timestamp + 1000 * len(body.payload) / self._rate
        if self._resampler is not None:
            self._resampler = self._new_resampler()

    def _new_resampler(self) -> Resampler | None:
        return Resampler(self._rate, self._wanted_rate) if self._rate != self._wanted_rate else None

    def pcm(self, body: wire.MediaBody) -> Pcm:
        """What `decode` does once the byte order is settled."""
        missing = self._missing(body) if body.chunk != self._next_chunk else 0
        made_up = self._made_up(missing, body.payload) if missing > 0 else None
        self._last = pcm = self._codec.decode(body.payload)
        samples = len(pcm)
        if made_up is not None:
            self.concealed += missing
            pcm = np.concatenate([made_up, pcm])
        self._next_chunk = body.chunk + 1
        self._next_timestamp = body.timestamp + 1000 * samples / self._rate
        return self._resampler.process(pcm) if self._resampler else pcm

    def _made_up(self, samples: int, following: bytes) -> Pcm:
        """In the place of lost frames, before the one that follows them."""
        if self._codec.conceal is not None:
            return self._codec.conceal(samples, following)
        return self._repeated(samples)

    def _repeated(self, samples: int) -> Pcm:
        last = self._last
        if isinstance(last, bytes):
            last = self._codec.decode(last)
        return repeated(last, samples, self._rate)

    def _missing(self, body: wire.MediaBody) -> int:
        """Samples lost before this frame: only if both its number and its timestamp jump."""
        jumped = self._next_chunk is not None and body.chunk > self._next_chunk
        gap_s = (body.timestamp - self._next_timestamp) / 1000
        return round(gap_s * self._rate) if jumped and 0 < gap_s <= CONCEAL_MAX_S else 0

    def _settle_order(self, body: wire.MediaBody) -> list[wire.MediaBody]:
        """Hold L16 back until its byte order is known: nobody documents it, so the audio votes."""
        assert self._votes is not None
        vote = l16.likely_order(body.payload)  # raises for what is no L16 at all
        if not self._undecided and not any(body.payload):
            return [body]  # digital silence reads the same both ways
        self._undecided.append(body)
        if vote:
            self._votes.append(vote)
        if len(self._votes) < ORDER_VOTES and len(self._undecided) < ORDER_PATIENCE:
            return []
        if self._votes:
            big = self._votes.count("big")
            self.order = "big" if 2 * big > len(self._votes) else "little"
            self._codec = codec("L16", self._rate, l16_order=self.order)
        self._votes = None
        due, self._undecided = self._undecided, []
        return due
