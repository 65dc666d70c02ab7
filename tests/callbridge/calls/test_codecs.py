"""A whole call in each codec: what each side hears is what the other one said, sample by sample."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from callbridge.app import App
from callbridge.calls.call import Call
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, Play, Wait
from callbridge.host.audiofile import Clip
from callbridge.testing.pair import ADDRESS
from callbridge.testing.whole_call import converse
from callbridge.voice import plan
from telecodecs import Codec, MissingLibrary, Pcm, codec, encoding, registry, resample

WIDE = [name for name in registry.names() if encoding(name).sample_rate > 8000]
PAIRS = [
    *((name, name) for name in registry.names()),
    *(("PCMU", name) for name in WIDE),
    *((name, "PCMU") for name in WIDE),
]
# Opus and AMR-WB keep what is heard and not the wave: their samples have a wide margin.
LEAST_DB = {"G722": 18.0, "OPUS": 4.0, "AMR-WB": 4.0}
RATE = 16000  # of the bot


def vowel(seconds: float, pitch: float) -> Pcm:
    """(n,) int16 at 16 kHz that repeats nowhere, with partials up to 6.5 kHz."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch + 30 * np.sin(2 * np.pi * 1.3 * time)) / RATE
    partials = range(1, int(6500 / (pitch + 30)))
    voice = sum(np.sin(n * phase + n * n) / n**0.5 for n in partials)
    return np.asarray(2500 * voice * np.sin(np.pi * time / seconds) ** 0.5).astype(np.int16)


SAID, ANSWERED = vowel(1.2, 110.0), vowel(1.2, 150.0)


class Listens:
    """Says its vowel once the caller has been heard, and keeps all that it heard."""

    def __init__(self) -> None:
        self.heard: list[Pcm] = []

    async def __call__(self, call: Call) -> None:
        async for pcm in call.audio():
            self.heard.append(pcm)
            if len(self.heard) == 70:
                await call.write(ANSWERED)


def brightness(pcm: Pcm) -> float:
    """How much of it, in amplitude, is beyond what a narrow telephone carries."""
    spectrum = np.abs(np.fft.rfft(pcm.astype(float)))
    return float(np.linalg.norm(spectrum[len(spectrum) * 42 // 80 :]) / np.linalg.norm(spectrum))


def likeness_db(heard: Pcm, said: Pcm) -> float:
    """The level of `said` in what was heard over all else in it, at the lag and level that fit
    best; a part of a sample is a lag, too."""
    size = 1 << (len(heard) + len(said) - 1).bit_length()
    there, here = np.fft.rfft(heard, size), np.fft.rfft(said, size)
    fine = 8  # lags per sample
    likeness = np.fft.irfft(there * here.conj(), size * fine)[: len(heard) * fine]
    lag = int(np.argmax(likeness)) / fine
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * lag)
    moved = np.fft.irfft(here * turns, size)
    first, last = round(lag) + 800, round(lag) + len(said) - 800
    signal, there_too = moved[first:last], heard[first:last].astype(float)
    level = float(signal @ there_too / (signal @ signal))
    assert 0.75 < level < 1.1
    rest = there_too - level * signal
    return float(10 * np.log10(np.sum((level * signal) ** 2) / np.sum(rest**2)))


def narrowed(pcm: Pcm, *names: str) -> Pcm:
    """What the narrowest of these codecs leaves of it."""
    rate = min(encoding(name).sample_rate for name in names)
    return resample(resample(pcm, RATE, rate), rate, RATE) if rate < RATE else pcm


@pytest.mark.parametrize(("leg", "ours"), PAIRS)
def test_each_side_hears_what_the_other_said(leg: str, ours: str) -> None:
    needs(leg, ours)
    hear_each_other(leg, ours, {"codec": ours})


@pytest.mark.parametrize("leg", registry.names())
def test_left_to_choose_the_bridge_speaks_hd_where_the_leg_does(leg: str) -> None:
    needs(leg, "G722")
    ours = "G722" if leg in WIDE else leg
    hear_each_other(leg, ours, {})


@pytest.mark.parametrize("leg", ["G722", "OPUS", "AMR-WB"])
def test_a_missing_library_fails_no_call_that_it_may_choose_for(
    leg: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(leg, "G722")
    monkeypatch.setattr(plan, "codec", partial(missing, codec, {"G722", leg}))
    hear_each_other(leg, "PCMU", {})


def needs(*names: str) -> None:
    try:
        for name in names:
            codec(name)
    except MissingLibrary as error:
        pytest.skip(str(error))


def missing(real: Callable[..., Codec], names: set[str], name: str, **wishes: Any) -> Codec:
    """`codec` where there are no libraries for `names`."""
    if name in names:
        raise MissingLibrary(name, "a library")
    return real(name, **wishes)


def hear_each_other(leg: str, ours: str, settings: dict[str, str]) -> None:
    """A call to a bridge that is to send in `ours`."""
    bot = Listens()
    app = App(sample_rate=RATE)
    app.call(bot)
    config = CarrierConfig(webhook_url=f"{ADDRESS}/webhooks", keep_recordings=1000)
    steps = (Wait("streaming"), Play(Clip(SAID, RATE)), Wait("hangup", within_s=4.0))
    script = CallScript(codec=leg, steps=steps)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    report = converse(app, script, config=config, settings=settings)
    least = min(LEAST_DB.get(name, 30.0) for name in (leg, ours))
    heard = np.concatenate(bot.heard)  # of a better leg in full, whatever was asked for
    assert likeness_db(heard, narrowed(SAID, leg)) > least
    spoken = resample(report.bot, report.sample_rate, RATE)
    answered = narrowed(ANSWERED, leg, ours)
    assert likeness_db(spoken, answered) > least
    assert brightness(spoken) == pytest.approx(brightness(answered), abs=0.05)
