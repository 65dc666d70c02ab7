"""The waterfall of one exchange: where the time went between the caller's last sound and our first.

All stamps are taken where the audio is: the last voiced sample in the turn's own samples, the first
one heard by a mark that came back. Seconds of the event loop's clock; None for what did not happen.
"""

from dataclasses import dataclass

import numpy as np

from telecodecs import Pcm

PIECE_S = 0.010
QUIET = 0.05  # of the loudest piece's level: -26 dB, below any consonant and above most noise

STEPS = ("turn_ended", "final_text", "first_token", "first_audio", "first_sent", "first_heard")


@dataclass(slots=True)
class Waterfall:
    """Each step after the caller's last voiced sample, in the order in which they come."""

    last_voiced: float
    turn_ended: float  # the silence was long enough
    final_text: float | None = None  # what was said is known
    first_token: float | None = None  # of the reply
    first_audio: float | None = None  # synthesised
    first_sent: float | None = None
    first_heard: float | None = None  # by the caller, as a mark says

    @property
    def answered(self) -> bool:
        """Whether something was said to it."""
        return self.first_sent is not None

    def after_s(self) -> dict[str, float]:
        """Step → seconds since the last voiced sample, of those that happened."""
        return {
            step: round(when - self.last_voiced, 4)
            for step in STEPS
            if (when := getattr(self, step)) is not None
        }


def trailing_quiet_s(pcm: Pcm, sample_rate: int) -> float:
    """Seconds at the end of a turn, (n,) int16, after the last piece of 10 ms that sounds.

    Voice detectors hold on to a word: Silero for 0.2 s, which a caller has waited, too."""
    step = round(PIECE_S * sample_rate)
    pieces = pcm[len(pcm) % step :].reshape(-1, step).astype(np.float64)
    levels = np.sqrt((pieces**2).mean(axis=1))
    sounding = np.flatnonzero(levels > QUIET * levels.max(initial=0.0))
    last = int(sounding[-1]) if len(sounding) else len(levels) - 1
    return (len(levels) - 1 - last) * PIECE_S
