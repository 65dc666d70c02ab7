"""Keys as sound, as lines bring them: off in frequency, level and balance, broken, in noise,
through a codec, with a frame lost. What is random has a seed."""

from collections.abc import Sequence
from math import pi

import numpy as np
from numpy.typing import NDArray

from telecodecs import Pcm, codec, silence
from telecodecs.conceal import repeated
from telecodecs.dtmf import DtmfDetector

Wave = NDArray[np.float64]

# ITU-T Q.23, table 1.
KEYPAD = {
    "1": (697, 1209), "2": (697, 1336), "3": (697, 1477), "A": (697, 1633),
    "4": (770, 1209), "5": (770, 1336), "6": (770, 1477), "B": (770, 1633),
    "7": (852, 1209), "8": (852, 1336), "9": (852, 1477), "C": (852, 1633),
    "*": (941, 1209), "0": (941, 1336), "#": (941, 1477), "D": (941, 1633),
}  # fmt: skip
DIAL_TONE = (350.0, 440.0)


def peak(dbm0: float) -> float:
    """Of a sine of that level; G.711 puts its largest at 3.17 dBm0."""
    return float(32124 * 10 ** ((dbm0 - 3.17) / 20))


def sines(hertz: Sequence[float], dbm0: Sequence[float], samples: int, rate: float) -> Wave:
    """Together, each from a phase of its own."""
    times = np.arange(samples) / rate
    parts = [
        peak(level) * np.sin(2 * pi * hz * times + 1.7 * number)
        for number, (hz, level) in enumerate(zip(hertz, dbm0, strict=True))
    ]
    return np.asarray(np.sum(parts, axis=0))


def press(
    digit: str,
    rate: float = 8000,
    *,
    ms: float = 50.0,
    dbm0: float = -8.0,
    twist_db: float = 0.0,
    off: float = 0.0,
    off_hz: float = 0.0,
) -> Wave:
    """A key: `dbm0` is of each tone, or of the louder one where the high tone is `twist_db` louder
    than the low one; `off` is a share of both frequencies, `off_hz` comes on top of it."""
    way = 1 if off >= 0 else -1
    hertz = [hz * (1 + off) + way * off_hz for hz in KEYPAD[digit]]
    levels = (dbm0 - max(twist_db, 0.0), dbm0 + min(twist_db, 0.0))
    return sines(hertz, levels, round(ms * rate / 1000), rate)


def quiet(ms: float, rate: int = 8000) -> Wave:
    return np.zeros(round(ms * rate / 1000))


def noise(samples: int, dbm0: float, seed: int = 1) -> Wave:
    return np.random.default_rng(seed).normal(0, peak(dbm0) / 2**0.5, samples)


def impulses(samples: int, rate: int, *, a_second: float, dbm0: float, seed: int = 1) -> Wave:
    """Clicks of half a millisecond, of either sign, at random times."""
    rng = np.random.default_rng(seed)
    wave, length = np.zeros(samples), max(1, rate // 2000)
    for at in rng.integers(0, max(1, samples - length), round(a_second * samples / rate)):
        wave[at : at + length] += rng.choice((-1, 1)) * peak(dbm0)
    return wave


def clipped(wave: Wave) -> Pcm:
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)


def line(*pieces: Wave, rate: int = 8000, before_ms: float = 100.0) -> Pcm:
    """The pieces in their order, with a tenth of a second of silence around them."""
    return clipped(np.concatenate([quiet(before_ms, rate), *pieces, quiet(100, rate)]))


def through(name: str, pcm: Pcm, rate: int, lost: Sequence[int] = ()) -> Pcm:
    """Encoded and decoded by 20 ms; frames of these numbers do not arrive and are made up for, as
    a stream of the bridge does it."""
    there, back, size = codec(name, rate), codec(name, rate), rate // 50
    heard: list[Pcm] = [silence(0)]
    missing = 0
    for number, at in enumerate(range(0, len(pcm) - size + 1, size)):
        payload = there.encode(pcm[at : at + size])
        if number in lost:
            missing += size
            continue
        if missing:
            made_up = back.conceal(missing, payload) if back.conceal is not None else None
            heard.append(repeated(heard[-1], missing, rate) if made_up is None else made_up)
            missing = 0
        heard.append(back.decode(payload))
    return np.concatenate(heard)


def heard(pcm: Pcm, rate: int = 8000, step: int = 0) -> str:
    """By 20 ms, as a call brings it, or by `step` samples."""
    detector, step = DtmfDetector(rate), step or rate // 50
    return "".join(detector.process(pcm[at : at + step]) for at in range(0, len(pcm), step))
