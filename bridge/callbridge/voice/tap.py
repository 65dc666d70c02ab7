"""The caller's audio for one who wants it encoded."""

from collections.abc import Callable

from callbridge.timing.signal import Signal
from telecodecs import Encoding, Pcm, Resampler, codec

STRAIGHT = ("PCMU", "PCMA")  # payloads that are handed on as they are: an octet is a sample


class PayloadTap:
    """Gets the caller's audio encoded, as it comes: as it is where the wire has it like that."""

    __slots__ = ("_codec", "_resampler", "dropped", "signal", "take_octets")

    def __init__(
        self, take: Callable[[bytes], None], encoding: str, sample_rate: int, from_rate: int
    ) -> None:
        self.take_octets = take
        self.dropped = 0
        self.signal = Signal()
        self._codec = codec(encoding, sample_rate)
        self._resampler = Resampler(from_rate, sample_rate) if from_rate != sample_rate else None

    def fits(self, rx: Encoding | None) -> bool:
        return rx is not None and rx == self._codec.encoding and rx.name in STRAIGHT

    def take(self, frame: Pcm, limit: int) -> None:
        """As a listener does, where the wire has it otherwise."""
        pcm = self._resampler.process(frame) if self._resampler is not None else frame
        if len(pcm):
            self.take_octets(self._codec.encode(pcm))
