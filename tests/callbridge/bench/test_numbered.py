"""Numbered audio: what goes out comes back under its number, through any codec, cut and delay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.bench.numbered import FRAME_S, NUMBERS, Reader, form
from callbridge.errors import CallbridgeError
from telecodecs import Resampler, codec

CODECS = [("PCMU", 8000), ("PCMA", 8000), ("L16", 8000), ("L16", 16000), ("L16", 24000)]


@pytest.mark.parametrize(("name", "rate"), CODECS)
def test_every_number_is_read_from_its_own_frame(name: str, rate: int) -> None:
    shape = form(codec(name, rate))
    payloads = shape.payloads()
    reader = Reader(shape)
    assert [reader.whole(payload) for payload in payloads] == list(range(NUMBERS))
    assert {len(payload) for payload in payloads} == {round(shape.octets_per_s * FRAME_S)}


@pytest.mark.parametrize("order", ["little", "big"])
def test_the_sign_of_l16_is_found_in_both_byte_orders(order: str) -> None:
    shape = form(codec("L16", 16000, l16_order="big" if order == "big" else "little"))
    assert Reader(shape).whole(shape.payloads()[1234]) == 1234


@pytest.mark.parametrize("there", [("PCMU", 8000), ("PCMA", 8000)])
@pytest.mark.parametrize("back", [("PCMA", 8000), ("PCMU", 8000), ("L16", 8000)])
def test_a_transcoded_frame_keeps_its_number(there: tuple[str, int], back: tuple[str, int]) -> None:
    sent, heard = form(codec(*there)), form(codec(*back))
    pcm = sent.codec.decode(sent.payloads()[77])
    assert Reader(heard).whole(heard.codec.encode(pcm)) == 77


def test_numbers_are_read_through_a_codec_with_a_memory() -> None:
    pytest.importorskip("G722", reason="pip install 'callbridge[hd]'")
    shape = form(codec("G722"))
    payloads = shape.payloads()
    reader, found = Reader(shape), list[tuple[int, float]]()
    assert reader.decodes
    for number, payload in enumerate(payloads):
        found += reader.read(reader.decoded(payload), number * FRAME_S)
    assert [number for number, _ in found] == list(range(NUMBERS - 1))
    assert np.allclose([at - number * FRAME_S for number, at in found], 22 / 16000, atol=0.0005)
    assert reader.unread == 0


@pytest.mark.parametrize("bot_rate", [16000, 24000, 48000])
def test_the_delay_of_resampling_is_measured(bot_rate: int) -> None:
    shape = form(codec("PCMU"))
    up, down = Resampler(8000, bot_rate), Resampler(bot_rate, 8000)
    reader = Reader(shape)
    found: list[tuple[int, float]] = []
    for number, payload in enumerate(shape.payloads()[:100]):
        pcm = down.process(up.process(shape.codec.decode(payload)))
        found += reader.read(shape.codec.encode(pcm), number * FRAME_S)
    assert [number for number, _ in found] == list(range(99))
    delays = [at - number * FRAME_S for number, at in found]
    # Between the bits there is no telling: half of one either way.
    assert np.allclose(delays, up.delay_s + down.delay_s, atol=0.0005)
    assert reader.unread == 0


PCMU = form(codec("PCMU"))
PCMU_FRAMES = PCMU.payloads()


@given(st.lists(st.integers(1, 900), min_size=1, max_size=60), st.integers(0, NUMBERS - 1))
def test_any_cut_gives_the_same_numbers(cuts: list[int], first: int) -> None:
    frames = 1 + sum(cuts) // PCMU.size
    whole = b"".join(PCMU_FRAMES[(first + n) % NUMBERS] for n in range(frames))
    reader = Reader(PCMU)
    found: list[int] = []
    at = 0
    for cut in [*cuts, len(whole)]:
        found += [number for number, _ in reader.read(whole[at : at + cut], 0.0)]
        at += cut
    read = frames if frames >= 3 else 0  # fewer could be a coincidence
    assert found == [(first + n) % NUMBERS for n in range(read)]


def test_chunks_of_two_frames_have_waited_for_the_second() -> None:
    shape = form(codec("PCMU"))
    payloads = shape.payloads()
    reader = Reader(shape)
    found: list[tuple[int, float]] = []
    for pair in range(4):
        found += reader.read(payloads[2 * pair] + payloads[2 * pair + 1], 1.0 + pair)
    assert found[:3] == [(0, 1.0), (1, 1.02), (2, 2.0)]


def test_what_is_no_echo_has_no_number_and_what_comes_after_it_has() -> None:
    shape = form(codec("PCMU"))
    payloads = shape.payloads()
    reader = Reader(shape)
    noise = np.random.default_rng(1).integers(-9000, 9000, 1600).astype(np.int16)
    assert reader.read(shape.codec.encode(noise), 0.0) == []
    assert reader.unread
    found: list[int] = []
    for number in range(40):
        found += [each for each, _ in reader.read(payloads[number], 0.0)]
    assert found[-1] == 39


def test_a_rate_without_whole_milliseconds_is_refused() -> None:
    with pytest.raises(CallbridgeError, match="22050 Hz has no whole milliseconds"):
        form(codec("L16", 22050))
