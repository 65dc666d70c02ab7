"""AMR-WB beside FFmpeg's own decoder and its files, in all modes, and against what is no AMR-WB."""

import gc
import random
import resource
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telecodecs import CodecError, MissingLibrary, Pcm, codec
from telecodecs.amrwb import FRAME, AmrWbCodec
from telecodecs.amrwb_payload import LOST, NO_DATA, SID, pack, unpack
from tests.telecodecs.clibrary import without
from tests.telecodecs.test_g722 import frames, speech
from tests.telecodecs.test_opus import likeness

try:
    codec("AMR-WB")
except MissingLibrary as error:
    pytest.skip(str(error), allow_module_level=True)

MODES = range(9)
STATM = Path("/proc/self/statm")
DELAY = 94  # samples, of both ends together
FILE_HEAD = b"#!AMR-WB\n"
# A frame of comfort noise as an encoder's start makes it: any bits are valid.
COMFORT_NOISE = bytes([SID << 3 | 4]) + bytes.fromhex("2fa58ce2d4")


def packed(said: Pcm, mode: int) -> list[bytes]:
    there = AmrWbCodec(mode)
    return [there.encode(frame) for frame in frames(said)]


def resident_kib() -> int:
    return int(STATM.read_text().split()[1]) * resource.getpagesize() // 1024


def storage(payloads: list[bytes]) -> list[bytes]:
    return [frame for payload in payloads for frame in unpack(payload).frames]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_encoded_is_heard_after_its_delay(mode: int) -> None:
    said = speech()
    payloads = packed(said, mode)
    assert {payload[1] >> 3 for payload in payloads} == {mode}
    back = codec("AMR-WB")
    heard = np.concatenate([back.decode(payload) for payload in payloads])
    assert heard.dtype == np.int16
    assert len(heard) == len(said)
    lags = range(DELAY - 10, DELAY + 11)
    fits = [float(np.dot(heard[lag:].astype(float), said[: len(said) - lag])) for lag in lags]
    assert abs(lags[int(np.argmax(fits))] - DELAY) <= 4
    assert likeness(heard[DELAY:], said) > 0.8


@pytest.mark.parametrize("mode", MODES)
def test_ffmpeg_hears_in_our_frames_what_we_do(mode: int) -> None:
    """Its decoder is one of its own, in floating point. In mode 1 it strays from what was said, by
    a quarter of full scale, and ours does not."""
    av = pytest.importorskip("av", reason="FFmpeg is in PyAV: pip install 'callbridge[hd]'")
    theirs: Any = av.CodecContext.create("amrwb", "r")
    theirs.sample_rate, theirs.layout = 16000, "mono"
    ours = codec("AMR-WB")
    payloads = packed(speech(), mode)
    one = np.concatenate([ours.decode(payload) for payload in payloads])
    other = np.concatenate([
        (decoded.to_ndarray()[0] * 32768).astype(np.int16)
        for frame in storage(payloads)
        for decoded in theirs.decode(av.Packet(frame))
    ])  # fmt: skip
    assert likeness(one, other) > (0.9 if mode == 1 else 0.95)
    if mode != 1:
        difference = one.astype(float) - other
        assert float(np.std(one.astype(float)) / np.std(difference)) > 4  # 12 dB


def test_ffmpeg_reads_a_file_of_our_frames_as_those_frames() -> None:
    av = pytest.importorskip("av", reason="FFmpeg is in PyAV: pip install 'callbridge[hd]'")
    made = [frame for mode in MODES for frame in storage(packed(speech(0.1), mode))]
    made += [COMFORT_NOISE, bytes([NO_DATA << 3 | 4])]
    with av.open(BytesIO(FILE_HEAD + b"".join(made)), format="amr") as file:
        read = [bytes(packet) for packet in file.demux(audio=0) if packet.size]
    assert read == made


def test_we_pack_and_unpack_the_frames_of_a_file_that_ffmpeg_wrote(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="FFmpeg is in PyAV: pip install 'callbridge[hd]'")
    made = storage(packed(speech(0.5), 8))
    path = tmp_path / "written.amr"
    with (
        av.open(BytesIO(FILE_HEAD + b"".join(made)), format="amr") as source,
        av.open(str(path), "w", format="amr") as target,
    ):
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    body = path.read_bytes().removeprefix(FILE_HEAD)
    assert body == b"".join(made)
    assert unpack(pack(made)).frames == made


def test_a_payload_of_several_frames_is_as_long_as_they_are() -> None:
    said = speech(0.3)
    one, all_at_once = packed(said, 2), codec("AMR-WB").encode(said)
    assert storage([all_at_once]) == storage(one)
    alone, back = codec("AMR-WB"), codec("AMR-WB")
    heard = np.concatenate([alone.decode(payload) for payload in one])
    assert np.array_equal(back.decode(all_at_once), heard)


def test_comfort_noise_and_no_data_sound_and_speech_comes_back_after_them() -> None:
    payloads = packed(speech(1.0), 2)
    back = codec("AMR-WB")
    for payload in payloads[:20]:
        back.decode(payload)
    quiet = [back.decode(pack([COMFORT_NOISE]))]
    quiet += [back.decode(pack([bytes([NO_DATA << 3 | 4])])) for _ in range(7)]
    assert {len(pcm) for pcm in quiet} == {FRAME}
    again = np.concatenate([back.decode(payload) for payload in payloads[20:]])
    assert float(np.std(again.astype(float))) > 1000


def test_a_lost_frame_in_a_payload_is_made_up_by_the_decoder() -> None:
    back = codec("AMR-WB")
    for payload in packed(speech(0.4), 2):
        back.decode(payload)
    made_up = back.decode(pack([bytes([LOST << 3 | 4])]))
    assert len(made_up) == FRAME
    assert made_up.any()


def test_calls_and_directions_share_nothing() -> None:
    said = frames(speech(0.2))
    alone = codec("AMR-WB")
    expected = [alone.encode(frame) for frame in said]
    one, other = codec("AMR-WB"), codec("AMR-WB")
    mixed: list[bytes] = []
    for frame in said:
        mixed.append(one.encode(frame))
        other.decode(other.encode(frame[::-1].copy()))
    assert mixed == expected


@pytest.mark.parametrize("samples", [0, 100, 319, 321])
def test_what_is_no_frames_length_is_refused(samples: int) -> None:
    with pytest.raises(CodecError, match=f"frames of 320 samples, these are {samples}"):
        codec("AMR-WB").encode(np.zeros(samples, np.int16))


@pytest.mark.parametrize("wrong", [np.zeros(320), np.zeros((2, 320), np.int16)])
def test_what_is_no_audio_is_refused(wrong: Any) -> None:
    with pytest.raises(CodecError, match="expected int16"):
        codec("AMR-WB").encode(wrong)


@pytest.mark.parametrize("mode", [-1, 9, 15])
def test_a_mode_that_does_not_exist_is_refused(mode: int) -> None:
    with pytest.raises(CodecError, match=f"modes 0 to 8, not {mode}"):
        AmrWbCodec(mode)


def test_rubbish_is_refused_or_decoded_and_nothing_is_kept_of_it() -> None:
    chance = random.Random(26190)
    sent = [payload for mode in MODES for payload in packed(speech(0.1), mode)]
    decoder = codec("AMR-WB")
    refused = 0
    tracemalloc.start()
    try:
        kept: list[int] = []
        for _ in range(2):
            for number in range(3000):
                whole = sent[number % len(sent)]
                cut = whole[: chance.randrange(len(whole))]
                noise = whole[:2] + chance.randbytes(len(whole) - 2)
                try:
                    payload = (cut, noise, chance.randbytes(60))[number % 3]
                    assert len(decoder.decode(payload)) % FRAME == 0
                except CodecError:
                    refused += 1
            kept.append(tracemalloc.get_traced_memory()[0])
        assert kept[1] - kept[0] < 4096
    finally:
        tracemalloc.stop()
    assert refused > 3000


def test_the_libraries_give_back_the_memory_of_a_call() -> None:
    """Which is none of Python's: two hundred calls that leaked it would be 2 MiB."""
    if not STATM.exists():
        pytest.skip("what a process uses is read from Linux")
    (payload,) = packed(speech(0.02), 2)
    grown: list[int] = []
    for _ in range(4):
        before = resident_kib()
        for _ in range(200):
            both = codec("AMR-WB")
            both.encode(both.decode(payload))
        gc.collect()
        grown.append(resident_kib() - before)
    assert grown[-1] < 1024


def test_without_its_encoder_it_still_decodes_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (payload,) = packed(speech(0.02), 2)
    without(monkeypatch, "libvo-amrwbenc")
    assert len(codec("AMR-WB", decodes_only=True).decode(payload)) == FRAME
    with pytest.raises(MissingLibrary, match="apt-get install libvo-amrwbenc0"):
        codec("AMR-WB")


def test_without_its_decoder_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "libopencore-amrwb")
    with pytest.raises(MissingLibrary, match=r"libopencore-amrwb .*: pip install 'callbridge\[hd"):
        codec("AMR-WB", decodes_only=True)
