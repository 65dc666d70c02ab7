"""Linear PCM to and from a service: little-endian octets, cut anywhere, at a rate of its own."""

from collections.abc import Sequence

import numpy as np

from telecodecs import Pcm, Resampler, silence


def nearest_rate(offered: Sequence[int], wanted: int) -> int:
    """The lowest offered rate that has all of the wanted one; else the highest."""
    enough = [rate for rate in offered if rate >= wanted]
    return min(enough) if enough else max(offered)


def octets_of(pcm: Pcm) -> bytes:
    return pcm.astype("<i2").tobytes()


class PcmReader:
    """Octets in, samples at the wanted rate out. Half a sample waits for its other half."""

    def __init__(self, rate: int, wanted: int) -> None:
        self._half = b""
        self._resampler = Resampler(rate, wanted) if rate != wanted else None

    def read(self, octets: bytes) -> Pcm:
        octets = self._half + octets
        whole = len(octets) & ~1
        self._half = octets[whole:]
        pcm = np.frombuffer(octets[:whole], "<i2").astype(np.int16)
        return self._resampler.process(pcm) if self._resampler is not None else pcm

    def rest(self) -> Pcm:
        """What the resampler still holds."""
        return self._resampler.flush() if self._resampler is not None else silence(0)
