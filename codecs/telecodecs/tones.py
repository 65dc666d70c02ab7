"""Tones of the network, and a tune for who holds."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from telecodecs.pcm import Pcm

SPECIAL_INFORMATION_HZ = (950.0, 1400.0, 1800.0)
SPECIAL_INFORMATION_S = 0.330
AMPLITUDE = 5000  # about -16 dBm0

HOLD_S = 8.0
HOLD_LEVEL = 10 ** (-20 / 20)  # RMS, of full scale
BEAT_S = 0.25
CHORDS = ((60, 64, 67, 71), (57, 60, 64, 67), (53, 57, 60, 64), (55, 59, 62, 65))  # MIDI keys
FIGURE = (0, 1, 2, 3, 2, 3, 1, 2)  # the order in which the notes of a chord are plucked
OCTAVE = 12  # higher, as a telephone carries little below 300 Hz
PARTIALS = (1.0, 0.3, 0.08)
DECAY_S = 0.45
NOTE_S = 3.2  # until it has died away


def special_information(sample_rate: int) -> Pcm:
    """The three rising tones that say "something went wrong", once: about a second.

    Source: ITU-T E.180/Q.35, clause 7."""
    time = np.arange(round(SPECIAL_INFORMATION_S * sample_rate)) / sample_rate
    waves = [AMPLITUDE * np.sin(2 * np.pi * hz * time) for hz in SPECIAL_INFORMATION_HZ]
    return np.concatenate(waves).round().astype(np.int16)


@lru_cache(maxsize=4)
def hold_music(sample_rate: int) -> Pcm:
    """Eight seconds of soft plucked chords at -20 dBFS, to be played over and over: what still
    sounds at the end sounds on at the beginning. The array is read-only."""
    tune = np.zeros(round(HOLD_S * sample_rate))
    keys = [chord[string] for chord in CHORDS for string in FIGURE]
    notes = {key: _plucked(440.0 * 2 ** ((key + OCTAVE - 69) / 12), sample_rate) for key in keys}
    for number, key in enumerate(keys):
        note = notes[key] * 0.7 if number % 4 else notes[key]
        begin = round(number * BEAT_S * sample_rate)
        until_end = len(tune) - begin
        tune[begin : begin + len(note)] += note[:until_end]
        tune[: max(0, len(note) - until_end)] += note[until_end:]
    tune *= HOLD_LEVEL * 32768 / np.sqrt(np.mean(tune**2))
    pcm = tune.round().astype(np.int16)
    pcm.flags.writeable = False
    return pcm


def _plucked(hertz: float, sample_rate: int) -> NDArray[np.float64]:
    """A note as a guitar's, that begins within 8 ms and fades to nothing."""
    time = np.arange(round(NOTE_S * sample_rate)) / sample_rate
    shape = np.minimum(time / 0.008, 1.0) * np.exp(-time / DECAY_S) * (1 - time / NOTE_S)
    note = np.zeros(len(time))
    for number, strength in enumerate(PARTIALS, start=1):
        if number * hertz < 0.45 * sample_rate:
            note += strength * np.sin(2 * np.pi * number * hertz * time)
    return note * shape
