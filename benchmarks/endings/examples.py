"""Places as a bridge hears them: on a line, through μ-law, with the silence that made it look.

Whether it was an end or a cut must not be told by how it was made. So all are cut a little early,
faded, cropped at their beginning and set to a level alike, each by its own chance."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from benchmarks.answers.spoken import LINE_DBFS, SNR_DB, SPEECH_DBFS
from benchmarks.endings.material import Place
from numpy.typing import NDArray
from tests.callbridge.speech.acoustics import RATE, Wave, at_level, noise, over_the_wire

from callbridge.speech.prosody import FloatArray, traits
from telecodecs import Pcm

EARLY_S = 0.030  # cut before the last sound, at most
FADES_S = (0.005, 0.080)
LENGTHS_S = (0.8, 2.2)  # of what is left: cuts leave less than ends do
LEVEL_DB = 6.0  # to both sides of SPEECH_DBFS
BEFORE_S = 0.3
AFTER_S = (0.1, 0.4)  # of silence: what a voice detector needs to be sure of it


class Example(NamedTuple):
    place: Place
    noisy: bool
    seconds: float  # of speech
    audio: Pcm


def examples(places: Sequence[Place], seed: int = 0) -> Iterator[Example]:
    """Each place twice: on a quiet line and on a noisy one."""
    for number, place in enumerate(places):
        for noisy in (False, True):
            chance = np.random.default_rng((seed, number, noisy))
            wave = _alike(place.wave, chance)
            yield Example(place, noisy, len(wave) / RATE, _heard(wave, chance, noisy=noisy))


def _alike(wave: Wave, chance: np.random.Generator) -> Wave:
    wave = _without_end(wave)
    early = round(chance.uniform(0, EARLY_S) * RATE)
    length = round(chance.uniform(*LENGTHS_S) * RATE)
    wave = wave[: len(wave) - early][-length:].copy()
    fade = min(round(chance.uniform(*FADES_S) * RATE), len(wave))
    wave[len(wave) - fade :] *= np.linspace(1, 0, fade)
    start = min(RATE // 100, len(wave))
    wave[:start] *= np.linspace(0, 1, start)
    return at_level(wave, SPEECH_DBFS + chance.uniform(-LEVEL_DB, LEVEL_DB))


def _without_end(wave: Wave) -> Wave:
    """Without what is 30 dB below its loudest 10 ms, at its end."""
    step = RATE // 100
    power = (wave[: len(wave) // step * step].reshape(-1, step) ** 2).mean(axis=1)
    last = int(np.flatnonzero(power >= power.max() * 1e-3)[-1])
    return wave[: (last + 1) * step]


def _heard(wave: Wave, chance: np.random.Generator, *, noisy: bool) -> Pcm:
    before, after = BEFORE_S, chance.uniform(*AFTER_S)
    whole = np.concatenate([np.zeros(round(before * RATE)), wave, np.zeros(round(after * RATE))])
    level = 20 * np.log10(np.sqrt((wave**2).mean()) / 32768)
    dbfs = level - SNR_DB if noisy else LINE_DBFS
    seed = int(chance.integers(1 << 31))
    return over_the_wire(
        whole + noise(len(whole) / RATE + 1, dbfs, pink=True, seed=seed)[: len(whole)]
    )


class Table(NamedTuple):
    """What is learnt from: one row an example that has enough voice."""

    examples: list[Example]
    traits: FloatArray  # (n, TRAITS)
    finished: FloatArray  # (n,) 0 or 1

    def only(self, chosen: NDArray[np.bool_]) -> "Table":
        kept = [each for each, yes in zip(self.examples, chosen, strict=True) if yes]
        return Table(kept, self.traits[chosen], self.finished[chosen])


def table(found: Sequence[Example]) -> Table:
    rows = [(example, row) for example in found if (row := traits(example.audio)) is not None]
    kept = [example for example, _ in rows]
    finished = np.array([example.place.finished for example in kept], np.float32)
    return Table(kept, np.array([row for _, row in rows]), finished)
