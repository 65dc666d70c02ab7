import numpy as np
import pytest
from numpy.typing import NDArray

from telecodecs import CodecError, Pcm, l16, silence
from telecodecs.dtmf import tones
from telecodecs.g711 import decode_ulaw, encode_ulaw

SAMPLES = np.array([0, 1, -1, 258, 32767, -32768], np.int16)
LITTLE = bytes.fromhex("0000 0100 ffff 0201 ff7f 0080")
BIG = bytes.fromhex("0000 0001 ffff 0102 7fff 8000")


@pytest.mark.parametrize(("order", "payload"), [("little", LITTLE), ("big", BIG)])
def test_both_orders(order: l16.Order, payload: bytes) -> None:
    assert l16.encode(SAMPLES, order) == payload
    decoded = l16.decode(payload, order)
    assert decoded.dtype == np.int16
    assert decoded.tolist() == SAMPLES.tolist()


def test_little_is_the_default() -> None:
    assert l16.encode(SAMPLES) == LITTLE
    assert l16.decode(LITTLE).tolist() == SAMPLES.tolist()


def test_strided_and_read_only_samples_are_taken() -> None:
    strided = SAMPLES[::-2]
    strided.flags.writeable = False
    assert l16.decode(l16.encode(strided, "big"), "big").tolist() == strided.tolist()


def test_an_odd_number_of_octets_is_refused() -> None:
    with pytest.raises(CodecError, match="has 3 in all"):
        l16.decode(b"\0\0\0")
    with pytest.raises(CodecError, match="has 3 in all"):
        l16.likely_order(b"\0\0\0")


def test_other_samples_and_orders_are_refused() -> None:
    with pytest.raises(CodecError, match="expected int16"):
        l16.encode(np.zeros(4))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(CodecError, match="'middle'"):
        l16.encode(SAMPLES, "middle")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def hum(amplitude: float, frequency: float, samples: int = 320, sample_rate: int = 16000) -> Pcm:
    phase = 2 * np.pi * frequency / sample_rate * np.arange(samples)
    wave: NDArray[np.float64] = amplitude * np.sin(phase)
    return np.rint(wave).astype(np.int16)


def babble(level: float, samples: int = 320) -> Pcm:
    """Noise with the falling spectrum of speech: each sample near the one before it."""
    steps = np.random.default_rng(3551).normal(0, level / 4, samples)
    pcm = np.zeros(samples)
    for index in range(1, samples):
        pcm[index] = 0.9 * pcm[index - 1] + steps[index]
    return pcm.astype(np.int16)


HEARD = {
    "loud tone": hum(20000, 400),
    "quiet tone": hum(100, 400),
    "faintest hum": hum(1.4, 150),
    "high tone": hum(10000, 3400),
    "digit": tones("5", 320, 16000),
    "babble": babble(3000),
    "quiet babble": babble(100),
    "was μ-law": decode_ulaw(encode_ulaw(babble(3000))),
    "10 ms": babble(3000, samples=80),
}


@pytest.mark.parametrize("pcm", HEARD.values(), ids=HEARD.keys())
def test_the_order_is_heard(pcm: Pcm) -> None:
    assert l16.likely_order(l16.encode(pcm, "little")) == "little"
    assert l16.likely_order(l16.encode(pcm, "big")) == "big"


def test_silence_has_no_order() -> None:
    assert l16.likely_order(b"") is None
    assert l16.likely_order(silence(320).tobytes()) is None
    assert l16.likely_order(np.full(320, 77, np.int16).tobytes()) is None


@pytest.mark.parametrize("seed", range(20))
def test_white_noise_is_undecided(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(-32768, 32768, 160).astype(np.int16)
    assert l16.likely_order(noise.tobytes()) is None
