"""A person on the telephone, who reads a public-domain text: out of the wheel moonshine-voice."""

import importlib.util
from functools import cache
from pathlib import Path

import pytest

from callbridge.host import audiofile
from telecodecs import Pcm, g711

RATE = 8000

# Seconds of the recording: between its pauses.
FOUR_CLAUSES = (0.0, 8.45)
FOUR_CLAUSES_TEXT = (
    "It was the best of times, it was the worst of times, "
    "it was the age of wisdom, it was the age of foolishness"
)
TWO_CLAUSES = (0.9, 4.7)


@cache
def reading() -> Pcm:
    """All 44 s at 8 kHz, as mu-law leaves it. Skips the test where the wheel is not installed."""
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        pytest.skip("moonshine-voice is not installed")
    pcm = audiofile.load(Path(spec.origin).parent / "assets" / "two_cities.wav", RATE)
    return g711.decode_ulaw(g711.encode_ulaw(pcm))


def passage(between: tuple[float, float]) -> Pcm:
    begin, end = between
    return reading()[round(begin * RATE) : round(end * RATE)]
