"""The waterfall of one exchange: where the time went between the caller's last sound and our first.

All stamps are taken where the audio is: the last voiced sample by the VAD, the first one heard by a
mark that came back. Seconds of the event loop's clock; None for what did not happen."""

from dataclasses import dataclass

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
