import numpy as np
import pytest

from telecodecs.tones import hold_music

every_rate = pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 24000, 48000])


@every_rate
def test_hold_music_is_eight_quiet_seconds(sample_rate: int) -> None:
    tune = hold_music(sample_rate)
    assert tune.dtype == np.int16
    assert tune.shape == (8 * sample_rate,)
    rms = np.sqrt(np.mean(tune.astype(np.float64) ** 2)) / 32768
    assert 20 * np.log10(rms) == pytest.approx(-20.0, abs=0.01)
    assert np.abs(tune).max() < 16384, "6 dB are left for what is said over it"
    assert not tune.flags.writeable, "it is the same array for everybody"


@every_rate
def test_no_seam_is_heard_where_it_goes_round(sample_rate: int) -> None:
    """The last chord sounds on under the first note, as each does under the next one."""
    tune = hold_music(sample_rate).astype(np.float64)
    around = np.roll(tune, len(tune) // 2)
    beat, step = sample_rate // 4, sample_rate // 100
    curvature = np.abs(np.diff(around, 3))
    seam = curvature[len(tune) // 2 - 4 : len(tune) // 2 + 2].max()
    others = [curvature[at - 4 : at + 2].max() for at in range(beat, len(tune) - beat, beat)]
    assert seam <= max(others)
    level = np.sqrt((around[: len(around) // step * step].reshape(-1, step) ** 2).mean(axis=1))
    assert level.min() > 300, "it never falls silent"


def test_no_note_is_above_the_telephones_band() -> None:
    spectrum = np.abs(np.fft.rfft(hold_music(48000).astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(8 * 48000, 1 / 48000)
    inside = spectrum[(hertz > 300) & (hertz < 3400)].sum()
    assert inside / spectrum.sum() > 0.99
