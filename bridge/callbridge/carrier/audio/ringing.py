"""Ringing tones: what a caller hears while the other telephone rings, by country.

Source: ITU-T E.180 Supplement 2, Various tones used in national networks; the United Kingdom's BT
SIN 350, Australia's AS/ACIF S002, New Zealand's TNA 102, Russia's RD 45.223. For Japan they allow
15 to 20 Hz: it is 16 here. South Africa has two kinds: this is the one of most exchanges.
Level: ITU-T E.180/Q.35, -10 dBm0."""

from itertools import pairwise

import msgspec
import numpy as np

from telecodecs import Pcm, silence

# Rms of a continuous tone: a sine at the limit of 16 bit is +3.14 dBm0 (ITU-T G.711).
LEVEL = 32767 / np.sqrt(2) * 10 ** ((-10 - 3.14) / 20)


class RingingTone(msgspec.Struct, frozen=True):
    """`hz` sound together, their loudness swinging `modulated_hz` times a second (0: steady);
    `cadence_ms` is sound and pause in turn, over and over."""

    hz: tuple[int, ...]
    cadence_ms: tuple[int, ...]
    modulated_hz: int = 0

    def period(self, sample_rate: int) -> Pcm:
        """One round of the cadence."""
        ends = np.cumsum([0, *self.cadence_ms]) * sample_rate // 1000
        lengths = [int(end - begin) for begin, end in pairwise(ends)]
        return np.concatenate(
            [
                silence(length) if number % 2 else self._sound(length, sample_rate)
                for number, length in enumerate(lengths)
            ]
        )

    def _sound(self, length: int, sample_rate: int) -> Pcm:
        at = np.arange(length) * (2 * np.pi / sample_rate)
        wave = np.sum([np.sin(at * hz) for hz in self.hz], axis=0)
        power = len(self.hz) / 2
        if self.modulated_hz:
            wave, power = wave * (1 - np.cos(at * self.modulated_hz)), power * 1.5
        return np.asarray(np.round(wave * LEVEL / np.sqrt(power)), np.int16)


SINGLE = (1000, 4000)
DOUBLE = (400, 200, 400, 2000)

RINGING_TONES = {
    "at": RingingTone((420,), (1000, 5000)),
    "au": RingingTone((413, 438), DOUBLE),
    "be": RingingTone((425,), (1000, 3000)),
    "bg": RingingTone((425,), SINGLE),
    "br": RingingTone((425,), SINGLE),
    "ch": RingingTone((425,), SINGLE),
    "cl": RingingTone((400,), (1000, 3000)),
    "cn": RingingTone((450,), SINGLE),
    "cz": RingingTone((425,), SINGLE),
    "de": RingingTone((425,), SINGLE),
    "dk": RingingTone((425,), SINGLE),
    "ee": RingingTone((425,), SINGLE),
    "es": RingingTone((425,), (1500, 3000)),
    "fi": RingingTone((425,), SINGLE),
    "fr": RingingTone((440,), (1500, 3500)),
    "gr": RingingTone((425,), SINGLE),
    "hu": RingingTone((425,), (1250, 3750)),
    "il": RingingTone((400,), (1000, 3000)),
    "in": RingingTone((400,), DOUBLE, modulated_hz=25),
    "it": RingingTone((425,), SINGLE),
    "jp": RingingTone((400,), (1000, 2000), modulated_hz=16),
    "lt": RingingTone((425,), SINGLE),
    "mx": RingingTone((425,), SINGLE),
    "my": RingingTone((425,), DOUBLE),
    "nl": RingingTone((425,), SINGLE),
    "no": RingingTone((425,), SINGLE),
    "nz": RingingTone((400, 450), DOUBLE),
    "ph": RingingTone((425, 480), SINGLE),
    "pl": RingingTone((425,), SINGLE),
    "pt": RingingTone((425,), (1000, 5000)),
    "ru": RingingTone((425,), SINGLE),
    "se": RingingTone((425,), (1000, 5000)),
    "sg": RingingTone((425,), DOUBLE, modulated_hz=24),
    "th": RingingTone((400,), SINGLE),
    "tw": RingingTone((440, 480), (1000, 2000)),
    "uk": RingingTone((400, 450), DOUBLE),
    "us": RingingTone((440, 480), (2000, 4000)),
    "us-old": RingingTone((420,), (2000, 4000), modulated_hz=40),
    "ve": RingingTone((425,), SINGLE),
    "za": RingingTone((400,), DOUBLE, modulated_hz=33),
}
