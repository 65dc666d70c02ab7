from itertools import permutations
from math import ceil, log10

import numpy as np
import pytest
from numpy.typing import NDArray

from telecodecs import CodecError, Pcm, Resampler, resample, resample_round

RATES = (8000, 16000, 22050, 24000, 48000)
PAIRS = list(permutations(RATES, 2))

every_pair = pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)


def noise(samples: int, seed: int = 0) -> Pcm:
    """Full scale and white: overshoots of the filter must clip, not wrap."""
    return np.random.default_rng(seed).integers(-32768, 32768, samples).astype(np.int16)


def tone(frequency: float, sample_rate: int, samples: int, amplitude: float = 20000) -> Pcm:
    phase = 2 * np.pi * frequency / sample_rate * np.arange(samples)
    wave: NDArray[np.float64] = amplitude * np.sin(phase)
    return np.rint(wave).astype(np.int16)


# ---- streaming ----------------------------------------------------------------------------------


def chunked(pcm: Pcm, sizes: list[int], from_rate: int, to_rate: int) -> Pcm:
    """The whole stream, fed in chunks of these sizes in turn."""
    resampler = Resampler(from_rate, to_rate)
    pieces: list[Pcm] = []
    at = turn = 0
    while at < len(pcm):
        size = sizes[turn % len(sizes)]
        pieces.append(resampler.process(pcm[at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate((*pieces, resampler.flush()))


@every_pair
@pytest.mark.parametrize(
    "sizes",
    [[1], [7], [13, 1, 0, 222, 2], [1009]],
    ids=["single samples", "sevens", "mixed", "a prime"],
)
def test_chunks_do_not_change_a_bit(from_rate: int, to_rate: int, sizes: list[int]) -> None:
    pcm = noise(1323)
    whole = chunked(pcm, [len(pcm)], from_rate, to_rate)
    assert np.array_equal(chunked(pcm, sizes, from_rate, to_rate), whole)


@every_pair
def test_frames_do_not_change_a_bit(from_rate: int, to_rate: int) -> None:
    pcm = noise(from_rate // 2)
    whole = chunked(pcm, [len(pcm)], from_rate, to_rate)
    assert np.array_equal(chunked(pcm, [from_rate // 50], from_rate, to_rate), whole)
    delay = len(whole) - to_rate // 2
    assert np.array_equal(resample(pcm, from_rate, to_rate), whole[delay:])


@every_pair
def test_sums_are_exact(from_rate: int, to_rate: int) -> None:
    """The same filter in integers, which cannot round, agrees to the last bit."""
    bank = Resampler(from_rate, to_rate)._bank  # pyright: ignore[reportPrivateUsage]
    assert bank is not None
    integers = (bank.coefficients * 2**30).astype(np.int64)
    assert np.array_equal(integers / 2**30, bank.coefficients)
    assert np.all(integers.sum(axis=0) == 2**30)
    pcm = noise(bank.reach + bank.block_in)
    # Halves go to the even neighbour, as np.rint has it.
    exact = [round(int(total) / 2**30) for total in pcm.astype(np.int64) @ integers]
    assert bank.filter(pcm).tolist() == [max(-32768, min(32767, value)) for value in exact]


@every_pair
def test_twenty_milliseconds_in_are_twenty_out(from_rate: int, to_rate: int) -> None:
    resampler = Resampler(from_rate, to_rate)
    frame = noise(from_rate // 50)
    assert [len(resampler.process(frame)) for _ in range(5)] == [to_rate // 50] * 5


@every_pair
def test_every_input_makes_its_outputs_at_once(from_rate: int, to_rate: int) -> None:
    resampler = Resampler(from_rate, to_rate)
    made = 0
    for received in range(1, 500):
        made += len(resampler.process(noise(1)))
        assert made == ceil(received * to_rate / from_rate)


@every_pair
@pytest.mark.parametrize("samples", [0, 1, 2, 3, 159, 441, 1000])
def test_lengths_of_whole_signals(from_rate: int, to_rate: int, samples: int) -> None:
    expected = round(samples * to_rate / from_rate)
    assert len(resample(noise(samples), from_rate, to_rate)) == expected
    resampler = Resampler(from_rate, to_rate)
    total = len(resampler.process(noise(samples))) + len(resampler.flush())
    assert total == expected + round(resampler.delay_s * to_rate)


@every_pair
def test_after_a_flush_a_new_stream_begins(from_rate: int, to_rate: int) -> None:
    resampler = Resampler(from_rate, to_rate)
    first = [resampler.process(noise(333)), resampler.flush()]
    second = [resampler.process(noise(333)), resampler.flush()]
    assert [piece.tolist() for piece in first] == [piece.tolist() for piece in second]


def test_streams_do_not_share_memory_of_the_past() -> None:
    one, other = Resampler(8000, 16000), Resampler(8000, 16000)
    one.process(noise(160))
    assert not other.process(np.zeros(160, np.int16)).any()


# ---- sound --------------------------------------------------------------------------------------


def settled(pcm: Pcm, sample_rate: int) -> NDArray[np.float64]:
    """Without 10 ms at both ends, where the signal meets the silence around it."""
    edge = sample_rate // 100
    return pcm[edge:-edge].astype(np.float64)


def decibels(pcm: NDArray[np.float64]) -> float:
    """Level against a sine of the amplitude that `tone` has; exact zeros count as -120 dB."""
    power = float(np.mean(pcm**2)) / (20000**2 / 2)
    return 10 * log10(max(power, 1e-12))


def split(pcm: NDArray[np.float64], frequency: float, rate: int) -> tuple[float, float]:
    """Level of the tone and of all else."""
    phase = 2 * np.pi * frequency / rate * np.arange(len(pcm))
    basis = np.stack((np.sin(phase), np.cos(phase)), axis=1)
    fitted = (basis @ np.linalg.lstsq(basis, pcm, rcond=None)[0]).astype(np.float64)
    return decibels(fitted), decibels(pcm - fitted)


@every_pair
@pytest.mark.parametrize("fraction", [0.0125, 0.05, 0.125, 0.25, 0.375, 0.4125, 0.425])
def test_speech_passes_and_has_no_images(from_rate: int, to_rate: int, fraction: float) -> None:
    """100 Hz to 3.4 kHz when the lower rate is 8 kHz. Images and aliases would be in the rest."""
    frequency = fraction * min(from_rate, to_rate)
    pcm = resample(tone(frequency, from_rate, from_rate // 4), from_rate, to_rate)
    level, rest = split(settled(pcm, to_rate), frequency, to_rate)
    assert abs(level) < 0.03
    assert rest < -80


@pytest.mark.parametrize(("from_rate", "to_rate"), [pair for pair in PAIRS if pair[0] > pair[1]])
@pytest.mark.parametrize("position", [0.0, 0.02, 0.1, 0.3, 0.6, 0.95])
def test_what_would_alias_is_gone(from_rate: int, to_rate: int, position: float) -> None:
    """From half the new rate, where position is 0, to half the old one."""
    frequency = (to_rate + position * (from_rate - to_rate)) / 2
    pcm = resample(tone(frequency, from_rate, from_rate // 4), from_rate, to_rate)
    assert decibels(settled(pcm, to_rate)) < -80


@pytest.mark.parametrize(("from_rate", "to_rate"), [pair for pair in PAIRS if pair[0] < pair[1]])
@pytest.mark.parametrize("fraction", [0.44, 0.47, 0.495])
def test_images_near_the_edge_are_gone(from_rate: int, to_rate: int, fraction: float) -> None:
    """In the transition band the tone itself fades; what must not appear is its mirror image."""
    frequency = fraction * from_rate
    pcm = resample(tone(frequency, from_rate, from_rate // 4), from_rate, to_rate)
    assert split(settled(pcm, to_rate), frequency, to_rate)[1] < -80


@every_pair
def test_a_level_keeps_its_value(from_rate: int, to_rate: int) -> None:
    pcm = resample(np.full(from_rate // 10, -12345, np.int16), from_rate, to_rate)
    assert np.all(settled(pcm, to_rate) == -12345)


@every_pair
def test_nothing_moves_in_time(from_rate: int, to_rate: int) -> None:
    """A whole signal keeps its phase, and a stream lags by exactly `delay_s`."""
    frequency = 0.1 * min(from_rate, to_rate)
    pcm = tone(frequency, from_rate, from_rate // 5)
    expected = tone(frequency, to_rate, to_rate // 5).astype(np.float64)
    edge = to_rate // 100
    whole = resample(pcm, from_rate, to_rate)
    assert np.abs(whole - expected)[edge:-edge].max() <= 4
    resampler = Resampler(from_rate, to_rate)
    delay = round(resampler.delay_s * to_rate)
    assert abs(delay - resampler.delay_s * to_rate) < 1e-9
    live = resampler.process(pcm)[delay : len(expected)]
    assert np.abs(live - expected[: len(live)])[edge:].max() <= 4


@pytest.mark.parametrize(
    ("from_rate", "to_rate", "delay_ms"),
    [
        (8000, 16000, 4),
        (16000, 8000, 4),
        (48000, 8000, 4),
        (24000, 16000, 2),
        (24000, 48000, 4 / 3),
    ],
)
def test_delays(from_rate: int, to_rate: int, delay_ms: float) -> None:
    assert abs(Resampler(from_rate, to_rate).delay_s * 1000 - delay_ms) < 1e-9


def test_no_pair_lags_more_than_the_documented_delay() -> None:
    assert max(Resampler(*pair).delay_s for pair in PAIRS) < 0.0041


def test_overshoot_is_clipped() -> None:
    square = np.where(np.arange(800) // 20 % 2, 32767, -32768).astype(np.int16)
    loud = resample(square, 8000, 16000)
    assert loud.max() == 32767
    assert loud.min() == -32768
    # A wrapped sample would be a jump between the extremes within one step.
    assert np.abs(np.diff(loud.astype(np.int32))).max() < 50000


# ---- equal rates, other rates, other arrays ------------------------------------------------------


def test_between_equal_rates_nothing_is_copied() -> None:
    pcm = noise(160)
    resampler = Resampler(8000, 8000)
    assert resampler.process(pcm) is pcm
    assert resampler.flush().shape == (0,)
    assert resampler.delay_s == 0
    assert resample(pcm, 8000, 8000) is pcm


def test_rates_of_music_files_work_too() -> None:
    pcm = resample(tone(440, 44100, 11025), 44100, 8000)
    assert len(pcm) == 2000
    assert abs(split(settled(pcm, 8000), 440, 8000)[0]) < 0.03


def test_strided_and_read_only_samples_are_taken() -> None:
    strided = noise(640)[::-2]
    strided.flags.writeable = False
    assert np.array_equal(resample(strided, 8000, 16000), resample(strided.copy(), 8000, 16000))


def test_the_input_is_not_kept() -> None:
    resampler, untouched = Resampler(8000, 16000), Resampler(8000, 16000)
    buffer = noise(160)
    first, same = resampler.process(buffer), untouched.process(buffer.copy())
    buffer[:] = 0
    assert np.array_equal(first, same)
    assert np.array_equal(resampler.flush(), untouched.flush())


@pytest.mark.parametrize("rates", [(0, 8000), (8000, 0), (-8000, 8000), (8000, 8001)])
def test_rates_without_a_ratio_are_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(CodecError):
        Resampler(*rates)


@pytest.mark.parametrize("to_rate", [8000, 16000])
@pytest.mark.parametrize(
    "wrong", [np.zeros(160), np.zeros(160, ">i2"), np.zeros((160, 2), np.int16)]
)
def test_what_is_not_mono_int16_is_refused(wrong: Pcm, to_rate: int) -> None:
    with pytest.raises(CodecError, match="expected int16"):
        Resampler(8000, to_rate).process(wrong)
    with pytest.raises(CodecError, match="expected int16"):
        resample(wrong, 8000, to_rate)


# ---- what goes round ----------------------------------------------------------------------------


@every_pair
def test_a_round_is_cut_out_of_many_rounds(from_rate: int, to_rate: int) -> None:
    """As if it had been played for long, where a round is a whole number of samples of both."""
    samples = from_rate // 50
    once = noise(samples)
    rounds = resample(np.tile(once, 9), from_rate, to_rate)
    made = resample_round(once, from_rate, to_rate)
    assert len(made) == to_rate // 50
    assert np.array_equal(made, rounds[4 * len(made) : 5 * len(made)])


@every_pair
@pytest.mark.parametrize("samples", [1, 2, 159, 1000])
def test_lengths_of_rounds(from_rate: int, to_rate: int, samples: int) -> None:
    expected = max(1, round(samples * to_rate / from_rate))
    assert len(resample_round(noise(samples), from_rate, to_rate)) == expected


def test_a_round_of_nothing_is_nothing_and_of_the_same_rate_itself() -> None:
    pcm = noise(100)
    assert resample_round(pcm, 8000, 8000) is pcm
    assert len(resample_round(noise(0), 8000, 16000)) == 0
    with pytest.raises(CodecError):
        resample_round(np.zeros(10), 8000, 16000)  # type: ignore[arg-type]
