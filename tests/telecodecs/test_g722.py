"""G.722 beside FFmpeg's own coder and decoder, and against what is no G.722."""

import random
import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

from telecodecs import CodecError, MissingLibrary, Pcm, codec
from telecodecs.g722 import G722Codec

pytest.importorskip("G722", reason="G.722 needs its library: pip install 'callbridge[hd]'")

DELAY = 22  # samples, of both ends' filters together
FRAME = 320


def speech(seconds: float = 2.0) -> Pcm:
    """(n,) int16 at 16 kHz: a vowel whose pitch and level move, with some breath above 4 kHz."""
    time = np.arange(round(seconds * 16000)) / 16000
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 3 * time)) / 16000
    vowel = sum(np.sin(n * pitch) / n for n in range(1, 30))
    breath = np.random.default_rng(1).normal(0, 0.05, len(time))
    level = 0.6 + 0.4 * np.sin(2 * np.pi * 2 * time)
    return np.asarray(5000 * level * (vowel + breath)).astype(np.int16)


def frames(pcm: Pcm) -> list[Pcm]:
    return [pcm[at : at + FRAME] for at in range(0, len(pcm) - FRAME + 1, FRAME)]


def snr_db(heard: Pcm, said: Pcm) -> float:
    """Of what was heard, DELAY samples late."""
    length = min(len(said), len(heard) - DELAY)
    signal = said[:length].astype(float)
    error = heard[DELAY : DELAY + length] - signal
    return float(10 * np.log10(np.mean(signal**2) / np.mean(error**2)))


def test_what_is_encoded_is_heard_after_its_delay() -> None:
    said = speech()
    there, back = codec("G722"), codec("G722")
    payloads = [there.encode(frame) for frame in frames(said)]
    assert {len(payload) for payload in payloads} == {160}
    heard = np.concatenate([back.decode(payload) for payload in payloads])
    assert heard.dtype == np.int16
    assert snr_db(heard, said) > 18  # 19.2: the filters of both ends turn the phases of each band
    assert max(snr_db(np.roll(heard, shift), said) for shift in (-1, 1)) < 16


def test_frames_are_the_same_as_the_whole() -> None:
    said = speech(0.5)
    there = codec("G722")
    assert b"".join(there.encode(frame) for frame in frames(said)) == codec("G722").encode(said)


def test_ffmpeg_decodes_what_we_encode_bit_for_bit_as_we_do() -> None:
    av = pytest.importorskip("av", reason="FFmpeg is in PyAV: pip install 'callbridge[hd]'")
    said = speech()
    there, ours = codec("G722"), codec("G722")
    theirs: Any = av.CodecContext.create("g722", "r")
    theirs.sample_rate, theirs.layout = 16000, "mono"
    for frame in frames(said):
        payload = there.encode(frame)
        (decoded,) = theirs.decode(av.Packet(payload))
        assert np.array_equal(decoded.to_ndarray()[0], ours.decode(payload))


def test_we_decode_what_ffmpeg_encodes() -> None:
    av = pytest.importorskip("av", reason="FFmpeg is in PyAV: pip install 'callbridge[hd]'")
    said = speech()
    theirs: Any = av.CodecContext.create("g722", "w")
    theirs.sample_rate, theirs.layout, theirs.format = 16000, "mono", "s16"
    ours = codec("G722")
    heard: list[Pcm] = []
    for frame in frames(said):
        sound = av.AudioFrame.from_ndarray(frame.reshape(1, -1), "s16", "mono")
        sound.sample_rate = 16000
        heard += [ours.decode(bytes(packet)) for packet in theirs.encode(sound)]
    assert snr_db(np.concatenate(heard), said) > 18


def test_calls_and_directions_share_nothing() -> None:
    said = frames(speech(0.2))
    alone = codec("G722")
    expected = [alone.encode(frame) for frame in said]
    one, other = codec("G722"), codec("G722")
    mixed: list[bytes] = []
    for frame in said:
        mixed.append(one.encode(frame))
        other.encode(frame[::-1])
        one.decode(bytes(160))
    assert mixed == expected


@pytest.mark.parametrize("wrong", [np.zeros(321, np.int16), np.zeros(320), np.zeros((2, 160))])
def test_what_is_no_audio_of_its_kind_is_refused(wrong: Any) -> None:
    with pytest.raises(CodecError):
        codec("G722").encode(wrong)


def test_any_octets_are_decoded_and_nothing_is_kept_of_them() -> None:
    chance = random.Random(722)
    decoder = codec("G722")
    for size in (0, 1, 159):
        assert len(decoder.decode(chance.randbytes(size))) == 2 * size
    tracemalloc.start()
    try:
        kept: list[int] = []
        for _ in range(2):
            for _ in range(1000):
                decoder.decode(chance.randbytes(chance.randrange(400)))
                decoder.encode(np.zeros(320, np.int16))
            kept.append(tracemalloc.get_traced_memory()[0])
        assert kept[1] - kept[0] < 4096
    finally:
        tracemalloc.stop()


def test_without_its_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from telecodecs import g722

    g722._library.cache_clear()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setitem(sys.modules, "G722", None)
    with pytest.raises(MissingLibrary, match=r"G722 needs the package G722: pip install 'callbrid"):
        G722Codec()
    g722._library.cache_clear()  # pyright: ignore[reportPrivateUsage]


def test_it_is_imported_with_the_first_codec() -> None:
    program = (
        "import sys, telecodecs; telecodecs.encoding('G722'); before = 'G722' in sys.modules\n"
        "telecodecs.codec('G722'); print(before, 'G722' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "True"]
