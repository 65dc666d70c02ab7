"""What the sound of a pause says about whether the speaker has finished.

Whoever has finished has mostly let the voice fall to the bottom of its range, and grown quieter and
less periodic; whoever goes on has not. The last two seconds are described by a few figures that
know neither level nor pitch of the speaker (`traits`), and a small network weighs them (`Weights`).
Its weights were learnt by `python -m benchmarks.endings`, from what docs/speech.md names.

Source of the pitch: P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound", 1993."""

import functools
import importlib.resources
import json
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from telecodecs import CodecError, Pcm, resample

FloatArray = NDArray[np.float32]

RATE = 8000
WEIGHTS = "prosody.json"  # beside this module
EVEN = 0.5  # the sound says nothing

STEP = RATE // 100  # 10 ms
FRAME, FFT = 320, 512  # 40 ms: three periods of a deep voice, and room for their lags
LOOKED_AT = 150  # steps before the last sound
SHORTEST, LONGEST = RATE // 400, RATE // 75  # periods of voices
WITHIN = 1.6  # times the median period, or a part of it: less than an octave
OCTAVE_COST = 0.03  # of periodicity: the higher of two equal candidates wins
EVENED = 0.7  # the power to which the power of each band counts for the pitch
HUM_HZ, HUM_KEPT = 90, np.float32(0.02)  # below this a line has more noise than voice
PERIODIC = 0.5  # from here on a frame has a pitch
RANGE_DB = 24.0  # below the loudest step nothing is voice
ABOVE_NOISE_DB = 6.0
FEWEST = 12  # frames with a pitch; fewer say nothing
TILT_HZ = 1000
NOTHING = 1e-9

# Stretches of time before the last voiced frame, in steps: each trait of the contours is a mean
# over one of them.
STRETCHES = ((0, 6), (6, 15), (15, 30), (30, 50), (50, 80), (80, 120))
CONTOURS = ("pitch", "level", "periodicity", "tilt", "voiced")
OTHERS = (
    "range below the median", "range above the median", "lowest at the end", "highest at the end",
    "last voiced stretch", "sound after it", "syllables a second at the end", "and before",
)  # fmt: skip
TRAITS = (*(f"{name} {a * 10}-{b * 10}" for name in CONTOURS for a, b in STRETCHES), *OTHERS)


def finished(pcm: Pcm, sample_rate: int = RATE) -> float:
    """How probable it is that the speaker of this turn so far has finished: 0 to 1.

    `pcm` is (n,) int16 up to a pause, with any silence behind it; its last two seconds are looked
    at. 0.5 is even odds if both were as frequent before, and what is returned when there is too
    little voice to tell. Raises nothing."""
    found = traits(pcm, sample_rate)
    return EVEN if found is None else weights().probability(found)


def traits(pcm: Pcm, sample_rate: int = RATE) -> FloatArray | None:
    """The figures named in TRAITS; None where there is too little voice."""
    sound = _sound(pcm, sample_rate)
    if sound is None:
        return None
    frames = _frames(sound)
    voiced = np.flatnonzero(frames.voiced)
    if len(voiced) < FEWEST:
        return None
    return np.array([*_contours(frames, voiced), *_others(frames, voiced)], np.float32)


# ---- the sound that is looked at -----------------------------------------------------------------


def _sound(pcm: Pcm, sample_rate: int) -> FloatArray | None:
    """The last two seconds before the last step that sounds, without its mean."""
    kept = pcm[-(LOOKED_AT + 100) * sample_rate // 100 :] if sample_rate > 0 else pcm[:0]
    if sample_rate != RATE and len(kept):
        try:
            kept = resample(kept, sample_rate, RATE)
        except CodecError:
            return None
    if len(kept) < FRAME + FEWEST * STEP:
        return None
    sound = kept[len(kept) % STEP :].astype(np.float32)
    sound -= sound.mean()
    power = (sound.reshape(-1, STEP) ** 2).mean(axis=1)
    loudest = float(power.max())
    if loudest < 1.0:  # one unit of int16
        return None
    noise = min(float(np.percentile(power, 5)) * 10 ** (ABOVE_NOISE_DB / 10), loudest / 25)
    last = int(np.flatnonzero(power > max(noise, loudest * 10 ** (-RANGE_DB / 10)))[-1])
    end = min((last + 2) * STEP, len(sound))
    sound = sound[max(0, end - FRAME - LOOKED_AT * STEP) : end]
    return sound if len(sound) >= FRAME + FEWEST * STEP else None


class _Frames(NamedTuple):
    """One value for each 10 ms."""

    pitch: FloatArray  # semitones above the speaker's median
    level: FloatArray  # dB below the loudest
    periodicity: FloatArray  # 0 to 1
    tilt: FloatArray  # dB of what is above TILT_HZ against what is below it
    voiced: NDArray[np.bool_]


def _frames(sound: FloatArray) -> _Frames:
    windows = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::STEP] * _hann()
    spectra = np.fft.rfft(windows, FFT)
    powers = np.asarray(spectra.real**2 + spectra.imag**2, np.float32)
    above = TILT_HZ * FFT // RATE
    low, high = powers[:, 1:above].sum(axis=1), powers[:, above:].sum(axis=1)
    level = 10 * np.log10(low + high + NOTHING)
    level -= level.max()
    pitch, periodicity = _pitch(powers, level > -RANGE_DB)
    tilt = 10 * np.log10((high + NOTHING) / (low + NOTHING))
    voiced = (periodicity >= PERIODIC) & (level > -RANGE_DB)
    return _Frames(pitch, level, periodicity, tilt, voiced)


def _pitch(powers: FloatArray, loud: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Semitones above the median, and how periodic each frame is.

    A noise that is loud in few bands hides no pitch: loud bands count less, and the lowest hardly.
    What is found at first anywhere in the range of voices is then looked for near its median, so
    that no octave is mistaken for another."""
    even = powers ** np.float32(EVENED)
    even[:, : HUM_HZ * FFT // RATE + 1] *= HUM_KEPT
    correlations = np.fft.irfft(even, FFT)[:, : LONGEST + 2]
    likeness = np.asarray(correlations / (correlations[:, :1] + NOTHING), np.float32)
    likeness /= _hann_correlation()
    lags, strength = _best(likeness, SHORTEST, LONGEST)
    clear = loud & (strength >= PERIODIC)
    if not clear.any():
        return np.zeros(len(lags), np.float32), np.zeros(len(lags), np.float32)
    near = float(np.median(lags[clear]))
    lags, strength = _best(
        likeness, max(SHORTEST, int(near / WITHIN)), min(LONGEST, math.ceil(near * WITHIN))
    )
    return 12 * np.log2(near / lags), strength


def _best(likeness: FloatArray, shortest: int, longest: int) -> tuple[FloatArray, FloatArray]:
    """Of each frame the period in samples, and how alike the sound is a period later: 0 to 1."""
    cost = OCTAVE_COST * np.log2(np.arange(shortest, longest + 1) / shortest)
    best = (likeness[:, shortest : longest + 1] - cost).argmax(axis=1) + shortest
    rows = np.arange(len(best))
    before, at, after = (likeness[rows, best + shift] for shift in (-1, 0, 1))
    bend = np.minimum(before - 2 * at + after, -NOTHING)
    lags = best + np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    return lags.astype(np.float32), np.clip(at, 0, 1).astype(np.float32)


@functools.cache
def _hann() -> FloatArray:
    return np.asarray(np.hanning(FRAME + 2)[1:-1], np.float32)


@functools.cache
def _hann_correlation() -> FloatArray:
    """The window's own autocorrelation, which makes longer lags seem less alike."""
    spectrum = np.fft.rfft(_hann(), FFT)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, FFT)
    correlation = correlation[: LONGEST + 2] / correlation[0]
    return np.asarray(np.maximum(correlation, 0.05), np.float32)


# ---- traits --------------------------------------------------------------------------------------


def _contours(frames: _Frames, voiced: NDArray[np.intp]) -> list[float]:
    """Means over the stretches, of the voiced frames; relative to those of all voiced frames."""
    back = voiced[-1] - voiced
    pieces = [(back >= a) & (back < b) for a, b in STRETCHES]
    found: list[float] = []
    for values in frames[:4]:
        of_voiced = values[voiced]
        middle = float(np.median(of_voiced))
        found += [
            float(of_voiced[piece].mean()) - middle if piece.any() else 0.0 for piece in pieces
        ]
    shares = [float(piece.sum()) / (b - a) for piece, (a, b) in zip(pieces, STRETCHES, strict=True)]
    return [*found, *shares]


def _others(frames: _Frames, voiced: NDArray[np.intp]) -> list[float]:
    pitch = frames.pitch[voiced]
    low, high = (float(each) for each in np.percentile(pitch, (10, 90)))
    back = voiced[-1] - voiced
    end = pitch[back < 30]
    breaks = np.flatnonzero(np.diff(voiced) > 2)
    stretch = len(voiced) - (int(breaks[-1]) + 1 if len(breaks) else 0)
    peaks = _peaks(frames.level)
    border = voiced[-1] - 60
    late = float((peaks > border).sum()) / 0.6
    early = float((peaks <= border).sum()) / max(0.3, border / 100)
    return [
        low, high, float(end.min()) - low, float(end.max()) - low,
        math.log(stretch), float(len(frames.level) - 1 - voiced[-1]) / 10, late, early,
    ]  # fmt: skip


def _peaks(level: FloatArray) -> NDArray[np.intp]:
    """Where the level is highest within 60 ms to each side: a syllable each, about."""
    smooth = np.convolve(np.maximum(level, -RANGE_DB), np.full(5, 0.2, np.float32), "same")
    if len(smooth) < 13:
        return np.zeros(0, np.intp)
    around = np.lib.stride_tricks.sliding_window_view(smooth, 13)
    return np.flatnonzero((smooth[6:-6] >= around.max(axis=1)) & (smooth[6:-6] > -20)) + 6


# ---- weights -------------------------------------------------------------------------------------


class Weights(NamedTuple):
    """A network of one hidden layer, and of none if `hidden` is empty.

    z = (traits - mean) / deviation; the log odds are direct, hidden and bias together."""

    mean: FloatArray
    deviation: FloatArray
    direct: FloatArray
    hidden: FloatArray
    shift: FloatArray
    out: FloatArray
    bias: float

    def log_odds(self, found: FloatArray) -> FloatArray:
        """Of (TRAITS,), or of (n, TRAITS)."""
        z = np.clip((found - self.mean) / self.deviation, -4, 4)
        inner = np.tanh(z @ self.hidden + self.shift)
        return np.asarray(z @ self.direct + inner @ self.out + self.bias, np.float32)

    def probability(self, found: FloatArray) -> float:
        return 1 / (1 + math.exp(-float(np.clip(self.log_odds(found), -30, 30))))


@functools.cache
def weights() -> Weights:
    """Those that were learnt."""
    text = importlib.resources.files(__package__ or "").joinpath(WEIGHTS).read_text()
    known = json.loads(text)
    bias: float = known.pop("bias")
    return Weights(bias=bias, **{name: np.array(w, np.float32) for name, w in known.items()})
