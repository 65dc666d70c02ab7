"""Opus beside FFmpeg's use of it, with losses, and against what is no Opus."""

import random
import tracemalloc
from typing import Any

import numpy as np
import pytest

from telecodecs import CodecError, MissingLibrary, Pcm, codec, opus
from tests.telecodecs.test_g722 import speech

try:
    codec("OPUS")
except MissingLibrary as error:
    pytest.skip(str(error), allow_module_level=True)


def packets(said: Pcm, rate: int) -> list[bytes]:
    there = codec("OPUS", rate)
    size = rate // 50
    return [there.encode(said[at : at + size]) for at in range(0, len(said) - size + 1, size)]


def likeness(heard: Pcm, said: Pcm) -> float:
    """Of two spectra over time, 1 for the same: Opus keeps what is heard, not the samples."""
    window = 640
    length = min(len(heard), len(said)) // window * window
    one, other = (
        np.log1p(np.abs(np.fft.rfft(pcm[:length].reshape(-1, window).astype(float))))
        for pcm in (heard, said)
    )
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def tone(rate: int, seconds: float = 1.0) -> Pcm:
    wave = 8000 * np.sin(2 * np.pi * 440 / rate * np.arange(round(rate * seconds)))
    return np.asarray(wave, np.int16)


@pytest.mark.parametrize("rate", opus.RATES)
def test_a_tone_comes_back_at_its_own_rate(rate: int) -> None:
    back = codec("OPUS", rate)
    heard = np.concatenate([back.decode(packet) for packet in packets(tone(rate), rate)])
    assert len(heard) == rate
    half = heard[-rate // 2 :].astype(float)
    spectrum = np.abs(np.fft.rfft(half * np.hanning(len(half))))
    assert abs(2 * int(np.argmax(spectrum)) - 440) <= 2
    assert float(np.std(half)) == pytest.approx(8000 / 2**0.5, rel=0.1)


def test_ffmpeg_hears_in_our_packets_what_we_do() -> None:
    av = pytest.importorskip("av", reason="FFmpeg is in PyAV: pip install 'callbridge[hd]'")
    said = speech()
    theirs: Any = av.CodecContext.create("opus", "r")  # FFmpeg's own decoder, not libopus
    theirs.layout = "mono"
    ours = codec("OPUS", 48000)
    heard: list[list[Pcm]] = [[], []]
    for packet in packets(said, 16000):
        heard[0].append(ours.decode(packet))
        for decoded in theirs.decode(av.Packet(packet)):
            heard[1].append((decoded.to_ndarray().mean(axis=0) * 32767).astype(np.int16))
    one, other = (np.concatenate(each) for each in heard)
    assert likeness(one, other[: len(one)]) > 0.9


def test_lost_packets_are_made_up_and_go_on_as_they_were() -> None:
    sent = packets(tone(16000), 16000)
    back = codec("OPUS")
    before = np.concatenate([back.decode(packet) for packet in sent[:20]])
    assert back.conceal is not None
    made_up = back.conceal(2 * 320, sent[22])
    assert len(made_up) == 640
    assert float(np.std(made_up.astype(float))) > 0.5 * float(np.std(before[-640:].astype(float)))
    assert len(back.conceal(3 * 320 + 7, b"")) == 967


def packets_that_repeat(said: Pcm) -> list[bytes]:
    """At 16 kHz, each with a rough copy of the one before it (FEC): our encoder makes none."""
    av = pytest.importorskip("av", reason="FFmpeg is in PyAV: pip install 'callbridge[hd]'")
    there: Any = av.CodecContext.create("libopus", "w")
    there.sample_rate, there.layout, there.format, there.bit_rate = 16000, "mono", "s16", 32000
    there.options = {"application": "voip", "fec": "1", "packet_loss": "30"}
    made: list[bytes] = []
    for at in range(0, len(said) - 319, 320):
        frame = av.AudioFrame.from_ndarray(said[None, at : at + 320], format="s16", layout="mono")
        frame.sample_rate = 16000
        made += [bytes(packet) for packet in there.encode(frame)]
    return made


def test_a_lost_packet_is_taken_from_the_one_behind_it_where_that_repeats_it() -> None:
    sent = packets_that_repeat(speech())
    wrong: dict[bool, float] = {True: 0.0, False: 0.0}
    for lost in range(10, len(sent) - 1, 5):
        whole = codec("OPUS")
        meant = [whole.decode(packet) for packet in sent[: lost + 1]][-1].astype(float)
        for repeated in wrong:
            back = codec("OPUS")
            assert back.conceal is not None
            for packet in sent[:lost]:
                back.decode(packet)
            made_up = back.conceal(320, sent[lost + 1] if repeated else b"")
            wrong[repeated] += float(np.square(made_up - meant).sum())
    assert wrong[True] < wrong[False] / 2


@pytest.mark.parametrize("samples", [0, 100, 321, 16000])
def test_what_is_no_packets_length_is_refused(samples: int) -> None:
    with pytest.raises(CodecError, match=f"no packet of {samples} samples"):
        codec("OPUS").encode(np.zeros(samples, np.int16))


def test_rubbish_is_refused_or_decoded_and_nothing_is_kept_of_it() -> None:
    chance = random.Random(6716)
    sent = packets(speech(0.4), 16000)
    decoder = codec("OPUS")
    refused = 0
    tracemalloc.start()
    try:
        kept: list[int] = []
        for _ in range(2):
            for number in range(3000):
                whole = sent[number % len(sent)]
                rubbish = (b"", whole[: chance.randrange(len(whole))], chance.randbytes(60))
                try:
                    assert len(decoder.decode(rubbish[number % 3])) <= 0.12 * 16000
                except CodecError:
                    refused += 1
            kept.append(tracemalloc.get_traced_memory()[0])
        assert kept[1] - kept[0] < 4096
    finally:
        tracemalloc.stop()
    assert refused > 2000
