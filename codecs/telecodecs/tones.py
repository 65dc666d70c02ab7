"""Tones of the network."""

import numpy as np

from telecodecs.pcm import Pcm

SPECIAL_INFORMATION_HZ = (950.0, 1400.0, 1800.0)
SPECIAL_INFORMATION_S = 0.330
AMPLITUDE = 5000  # about -16 dBm0


def special_information(sample_rate: int) -> Pcm:
    """The three rising tones that say "something went wrong", once: about a second.

    Source: ITU-T E.180/Q.35, clause 7."""
    time = np.arange(round(SPECIAL_INFORMATION_S * sample_rate)) / sample_rate
    waves = [AMPLITUDE * np.sin(2 * np.pi * hz * time) for hz in SPECIAL_INFORMATION_HZ]
    return np.concatenate(waves).round().astype(np.int16)
