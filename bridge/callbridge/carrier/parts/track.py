"""One track of a leg on its way into a stream: its rate changed, encoded, never interrupted."""

from callbridge.carrier.audio.playout import TICKS_PER_S
from telecodecs import Codec, Pcm, Resampler, silence


class TrackSender:
    """Encodes 20 ms of a leg's audio at a time, in order: the codec may have a memory."""

    __slots__ = ("_codec", "_resampler", "_rest", "_silence")

    def __init__(self, codec: Codec, leg_rate: int) -> None:
        rate = codec.encoding.sample_rate
        self._codec = codec
        self._resampler = Resampler(leg_rate, rate) if leg_rate != rate else None
        self._rest = silence(leg_rate // TICKS_PER_S)
        # Silence is not the same twice for who remembers what came before it.
        always_so = self._resampler is None and not codec.has_memory
        self._silence = codec.encode(self._rest) if always_so else None

    def payload(self, pcm: Pcm | None) -> bytes:
        """Of (n,) int16 at the leg's rate; None is silence."""
        if pcm is None:
            if self._silence is not None:
                return self._silence
            pcm = self._rest
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        return self._codec.encode(pcm)
