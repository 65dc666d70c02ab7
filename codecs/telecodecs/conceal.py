"""What is heard in the place of lost frames, where the codec itself has no way to make it up."""

import numpy as np

from telecodecs.pcm import Pcm, silence

FADE_S = 0.06  # three frames: a longer repetition is heard as a buzz


def repeated(last: Pcm, samples: int, sample_rate: int) -> Pcm:
    """(samples,) int16: `last`, over and over, that fades to nothing within 60 ms; then silence.

    One frame is what most losses are, and most of a vowel's frame is like the one before it.
    Source: ITU-T G.711, appendix I, for the fade and its length."""
    filled = silence(samples)
    sounding = min(samples, round(FADE_S * sample_rate))
    if len(last):
        fade = 1 - np.arange(sounding) / (FADE_S * sample_rate)
        filled[:sounding] = np.resize(last, sounding) * fade
    return filled
