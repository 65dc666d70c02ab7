"""Numbers as tones: they come back through codecs that keep what is heard, late as they make it."""

import numpy as np
import pytest

from callbridge.bench.numbered import FRAME_S, NUMBERS, Form
from callbridge.bench.toned import SETTLES, WINDOW, ToneForm, beginnings, forms, ring
from callbridge.errors import CallbridgeError
from telecodecs import MissingLibrary, Pcm, Resampler, codec

PACKETS = [("OPUS", 8000), ("OPUS", 16000), ("OPUS", 48000), ("AMR-WB", 16000)]
# Milliseconds by which an encoder and a decoder together are late, and what one of them is of it.
DELAY_MS = {"OPUS": 6.5, "AMR-WB": 94 / 16}


def toned(name: str, rate: int) -> ToneForm:
    try:
        made, _ = forms(codec(name, rate), codec(name, rate))
    except MissingLibrary as error:
        pytest.skip(str(error))
    assert isinstance(made, ToneForm)
    return made


def read(
    form: ToneForm, payloads: list[bytes], begins_s: float = 0.0
) -> tuple[list[int], list[float]]:
    """The numbers, and by how much each was late, where each frame comes as it begins."""
    reader = form.reader()
    found: list[tuple[int, float]] = []
    for count, payload in enumerate(payloads):
        found += reader.read(reader.decoded(payload), begins_s + count * FRAME_S)
    assert reader.unread == 0
    numbers = [number for number, _ in found]
    return numbers, [at - number * FRAME_S for number, at in found]


@pytest.mark.parametrize(("name", "rate"), PACKETS)
def test_numbers_are_read_through_a_codec_of_packets(name: str, rate: int) -> None:
    form = toned(name, rate)
    numbers, late = read(form, form.payloads())
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[0] <= SETTLES + 1
    assert numbers[-1] >= NUMBERS - 2
    assert np.allclose(late, DELAY_MS[name] / 1000, atol=0.0015)


@pytest.mark.parametrize("bot_rate", [8000, 16000, 24000])
@pytest.mark.parametrize("name", ["OPUS", "AMR-WB"])
def test_the_delay_of_a_bot_between_two_codecs_is_measured(name: str, bot_rate: int) -> None:
    form = toned(name, 16000)
    hears, speaks = codec(name), codec(name)
    there, back = Resampler(16000, bot_rate), Resampler(bot_rate, 16000)
    echoes: list[bytes] = []
    for payload in form.payloads()[:200]:
        pcm: Pcm = hears.decode(payload)
        if bot_rate != 16000:
            pcm = back.process(there.process(pcm))
        echoes.append(speaks.encode(pcm))
    numbers, late = read(form, echoes)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert len(numbers) > 200 - SETTLES - WINDOW
    filters = there.delay_s + back.delay_s if bot_rate != 16000 else 0.0
    assert np.allclose(late, 2 * DELAY_MS[name] / 1000 + filters, atol=0.003)


def test_a_frame_that_was_left_out_is_missing_and_no_other_has_its_number() -> None:
    form = toned("OPUS", 16000)
    payloads = form.payloads()[:120]
    hears, speaks = codec("OPUS"), codec("OPUS")
    pcm = [hears.decode(payload) for payload in payloads]
    assert ring()[61] != ring()[64], "else there is no telling them apart"
    del pcm[61:64]
    reader = form.reader()
    found: list[int] = []
    for frame in pcm:
        found += [number for number, _ in reader.read(reader.decoded(speaks.encode(frame)), 0.0)]
    assert set(range(64, 119)) - set(found) <= {64}  # where two frames meet, one may be neither
    assert not {61, 62} & set(found)
    assert len(found) == len(set(found))


def test_what_is_no_echo_has_no_number_and_what_comes_after_it_has() -> None:
    form = toned("OPUS", 16000)
    reader = form.reader()
    noise = np.random.default_rng(1).integers(-9000, 9000, 320 * 60).astype("<i2").tobytes()
    assert reader.read(noise, 0.0) == []
    assert reader.unread
    found: list[int] = []
    for payload in form.payloads()[:60]:
        found += [number for number, _ in reader.read(reader.decoded(payload), 0.0)]
    assert found[-1] >= 57


@pytest.mark.parametrize("late_ms", range(20))
def test_where_frames_begin_is_found_to_a_millisecond(late_ms: int) -> None:
    form = toned("OPUS", 8000)
    l16 = ToneForm(codec("L16", 8000))
    pcm = np.frombuffer(b"".join(l16.payloads()[100:110]), "<i2").astype(np.int16)
    assert beginnings(pcm[8 * late_ms : 8 * late_ms + 9 * 160], 8) == -late_ms % 20
    assert form.samples == 160


def test_no_six_frames_come_twice() -> None:
    tones = ring()
    twice = tones + tones
    windows = {twice[at : at + WINDOW] for at in range(NUMBERS)}
    assert len(windows) == NUMBERS == len(tones)
    assert all(one != other for one, other in zip(tones, twice[1:], strict=False))


def test_signs_are_sent_where_both_codecs_keep_them_and_tones_where_one_does_not() -> None:
    toned("OPUS", 16000)
    assert all(isinstance(each, Form) for each in forms(codec("PCMU"), codec("L16")))
    for pair in (("PCMU", "OPUS"), ("OPUS", "PCMU")):
        made = forms(codec(pair[0]), codec(pair[1]))
        assert all(isinstance(each, ToneForm) for each in made)
        (first, *_) = made[0].payloads()
        assert made[1].like(codec("PCMA")).codec.encoding.name == "PCMA"
        assert first


def test_a_rate_without_whole_milliseconds_is_refused() -> None:
    toned("OPUS", 16000)
    with pytest.raises(CallbridgeError, match="22050 Hz has no whole milliseconds"):
        forms(codec("OPUS"), codec("L16", 22050))
