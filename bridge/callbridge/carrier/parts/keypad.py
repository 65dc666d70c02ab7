"""Digits that the customer sends: tones that the far end hears."""

from collections.abc import Iterator
from functools import lru_cache

from callbridge.carrier.audio.playout import CarrierPlayout, Channel
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from telecodecs import Pcm, silence
from telecodecs.dtmf import tones

TONE_S = 0.25
GAP_S = 0.1
MAX_DIGITS = 128  # in one command: the documents have no limit, and each is made as sound at once
PAUSES_S = {"w": 0.5, "W": 1.0}


def dialling(digits: str, rate: int, tone_s: float = TONE_S) -> Iterator[Pcm]:
    """What digits sound like; w and W are pauses."""
    for digit in digits:
        if digit in PAUSES_S:
            yield silence(round(PAUSES_S[digit] * rate))
        else:
            yield _tone(digit, round(tone_s * rate), rate)
            yield silence(round(GAP_S * rate))


# A whole conference may hear the same digit.
_tone = lru_cache(64)(tones)


class CarrierKeypad(Part):
    def __init__(self, leg: CarrierLeg) -> None:
        self._rate = leg.encoding.sample_rate
        self._playout = CarrierPlayout(self._rate)
        self._on_answer = ""
        leg.play(Channel(self._playout, "self"))

    @classmethod
    def of(cls, leg: CarrierLeg) -> "CarrierKeypad":
        """The leg's keypad, which comes with its first digit."""
        keypad = leg.part(cls)
        if keypad is None:
            keypad = cls(leg)
            leg.add(keypad)
        return keypad

    def press(self, digits: str, tone_s: float = TONE_S) -> None:
        """w and W are pauses."""
        for pcm in dialling(digits, self._rate, tone_s):
            self._playout.put(pcm)

    def press_on_answer(self, digits: str) -> None:
        self._on_answer = digits

    def leg_answered(self) -> None:
        self.press(self._on_answer)

    def begin_tick(self) -> None:
        self._playout.finish()
