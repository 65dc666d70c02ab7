"""WAV files whose headers lie, of every format, with and without libsndfile and FFmpeg."""

import contextlib
import io
import struct
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st

from callbridge.errors import AudioFileError
from callbridge.host.audiofile import load, read
from callbridge.testing import tone
from telecodecs import Pcm
from telecodecs.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw

SOUND = tone(0.2)
UNKNOWN = 0xFFFFFFFF


@pytest.fixture(params=[True, False], ids=["libraries", "none"], autouse=True)
def libraries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether they are installed."""
    if not request.param:
        monkeypatch.setitem(sys.modules, "soundfile", None)
        monkeypatch.setitem(sys.modules, "av", None)
    return bool(request.param)


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """`size` None: its real one."""
    pad = b"\0" if len(body) % 2 else b""
    return name + struct.pack("<I", len(body) if size is None else size) + body + pad


def fmt(tag: int = 1, *, bits: int = 16, channels: int = 1, rate: int = 8000) -> bytes:
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, 0, block, bits))


def extensible(tag: int, bits: int) -> bytes:
    """WAVE_FORMAT_EXTENSIBLE: the real format is at the beginning of its GUID."""
    block = bits // 8
    head = struct.pack("<HHIIHH", 0xFFFE, 1, 8000, 8000 * block, block, bits)
    guid = struct.pack("<H", tag) + bytes.fromhex("0000 0000 1000 8000 00aa 0038 9b71")
    return chunk(b"fmt ", head + struct.pack("<HHI", 22, bits, 4) + guid)


def riff(*chunks: bytes, size: int | None = None, form: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return form + struct.pack("<I", len(body) if size is None else size) + body


def samples(tag: int, bits: int) -> bytes:
    """SOUND in one of the formats."""
    match tag, bits:
        case 1, 8:
            return ((SOUND.astype(int) >> 8) + 128).astype(np.uint8).tobytes()
        case 1, 16:
            return SOUND.astype("<i2").tobytes()
        case 1, 24:
            whole = (SOUND.astype("<i4") << 16).tobytes()
            return b"".join(whole[i + 1 : i + 4] for i in range(0, len(whole), 4))
        case 1, 32:
            return (SOUND.astype("<i4") << 16).tobytes()
        case 3, _:
            return (SOUND / 32768).astype(f"<f{bits // 8}").tobytes()
        case 6, _:
            return encode_alaw(SOUND)
        case _:
            return encode_ulaw(SOUND)


def expected(tag: int, bits: int) -> Pcm:
    match tag, bits:
        case 1, 8:
            return (SOUND >> 8 << 8).astype(np.int16)
        case 6, _:
            return decode_alaw(encode_alaw(SOUND))
        case 7, _:
            return decode_ulaw(encode_ulaw(SOUND))
        case _:
            return SOUND


FORMATS = [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8)]


# ---- the five formats -------------------------------------------------------------------------


@pytest.mark.parametrize(("tag", "bits"), FORMATS)
def test_every_format_is_read_to_the_last_sample(tag: int, bits: int) -> None:
    data = chunk(b"data", samples(tag, bits))
    for header in (fmt(tag, bits=bits), extensible(tag, bits)):
        pcm, rate = read(riff(header, data))
        assert rate == 8000
        assert np.array_equal(pcm, expected(tag, bits))


SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("subtype", SUBTYPES)
def test_what_libsndfile_writes_is_read(form: str, subtype: str) -> None:
    if form == "RF64" and subtype not in soundfile.available_subtypes(form):
        pytest.skip("libsndfile writes no such file")
    file = io.BytesIO()
    soundfile.write(file, SOUND / 32768, 8000, format=form, subtype=subtype)
    pcm, rate = read(file.getvalue())
    assert rate == 8000
    assert len(pcm) == len(SOUND)
    assert np.abs(pcm.astype(int) - SOUND).max() <= 1024  # a step of G.711 at that level


@pytest.mark.parametrize(("tag", "bits"), FORMATS)
def test_channels_are_mixed(tag: int, bits: int) -> None:
    width = bits // 8
    mono = samples(tag, bits)
    stereo = b"".join(mono[i : i + width] * 2 for i in range(0, len(mono), width))
    pcm, _ = read(riff(fmt(tag, bits=bits, channels=2), chunk(b"data", stereo)))
    assert np.array_equal(pcm, expected(tag, bits))


def test_floats_beyond_full_scale_are_clipped_and_what_is_no_number_is_silence() -> None:
    wild = np.array([2.0, -2.0, np.nan, np.inf, -np.inf, 0.5], "<f4")
    pcm, _ = read(riff(fmt(3, bits=32), chunk(b"data", wild.tobytes())))
    assert pcm.tolist() == [32767, -32768, 0, 32767, -32768, 16384]


# ---- headers lie --------------------------------------------------------------------------------

LIES = [0, UNKNOWN, UNKNOWN - 36, 0x7FFFFFFF, 0x7FFFFFFF - 36, 5_000_000, 100]


@pytest.mark.parametrize("riff_size", [None, 0, 36, UNKNOWN])
@pytest.mark.parametrize("data_size", [None, *LIES])
def test_the_real_length_of_the_file_decides(data_size: int | None, riff_size: int | None) -> None:
    data = chunk(b"data", SOUND.tobytes(), data_size)
    pcm, _ = read(riff(fmt(), data, size=riff_size))
    assert np.array_equal(pcm, SOUND)


@pytest.mark.parametrize("keep", [1, 2, 1000, 1001])
def test_of_a_truncated_file_is_played_what_is_there(keep: int) -> None:
    whole = riff(fmt(), chunk(b"data", SOUND.tobytes()))
    pcm, _ = read(whole[: 44 + 2 + keep])
    assert np.array_equal(pcm, SOUND[: (2 + keep) // 2])


chunks = st.lists(
    st.tuples(
        st.sampled_from([b"LIST", b"fact", b"bext", b"JUNK", b"id3 ", b"cue ", b"iXML"]),
        st.binary(max_size=40),
    ),
    max_size=4,
)


@given(
    before_fmt=chunks,
    before_data=chunks,
    behind=chunks,
    kind=st.sampled_from(FORMATS),
    wide=st.booleans(),
    lie=st.sampled_from([None, *LIES]),
    riff_size=st.sampled_from([None, 0, UNKNOWN]),
)
@example([(b"LIST", b"odd")], [(b"fact", b"1")], [], (1, 16), False, 0, 0)
def test_chunks_of_any_size_before_and_behind_the_audio(
    before_fmt: list[tuple[bytes, bytes]],
    before_data: list[tuple[bytes, bytes]],
    behind: list[tuple[bytes, bytes]],
    kind: tuple[int, int],
    wide: bool,
    lie: int | None,
    riff_size: int | None,
) -> None:
    file = riff(
        *(chunk(*each) for each in before_fmt),
        extensible(*kind) if wide else fmt(kind[0], bits=kind[1]),
        *(chunk(*each) for each in before_data),
        chunk(b"data", samples(*kind), lie),
        *(chunk(*each) for each in behind if lie is None),
        size=riff_size,
    )
    pcm, _ = read(file)
    assert np.array_equal(pcm, expected(*kind))


def test_a_chunk_of_odd_size_that_was_not_padded() -> None:
    odd = b"LIST" + struct.pack("<I", 3) + b"odd"
    pcm, _ = read(riff(odd, fmt(), chunk(b"data", SOUND.tobytes())))
    assert np.array_equal(pcm, SOUND)


# ---- nothing to play, and garbage ---------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        riff(fmt(), chunk(b"data", b"")),
        riff(fmt(), chunk(b"data", b"", UNKNOWN)),
        riff(fmt(), chunk(b"data", b""), chunk(b"LIST", b"INFO")),
        riff(fmt(), chunk(b"data", b"\0")),
        riff(fmt()),
        b"",
    ],
)
def test_a_file_without_audio_is_an_error_and_never_heard_to_the_end(data: bytes) -> None:
    with pytest.raises(AudioFileError, match=r"^hold\.wav: nothing to play"):
        read(data, "hold.wav")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"RIFF", "not an? .*file"),
        (riff(chunk(b"data", bytes(100))), "no format"),
        (riff(chunk(b"fmt ", bytes(8)), chunk(b"data", bytes(100))), "no format"),
        (riff(fmt(rate=0), chunk(b"data", bytes(100))), "0 Hz"),
        (riff(fmt(rate=4_000_000_000), chunk(b"data", bytes(100))), "4000000000 Hz"),
        (riff(fmt(channels=0), chunk(b"data", bytes(100))), "0 channels"),
        (riff(fmt(bits=40), chunk(b"data", bytes(100))), "40 bit"),
        (riff(fmt(3, bits=16), chunk(b"data", bytes(100))), "16 bit"),
        (riff(fmt(0x4444), chunk(b"data", bytes(100))), "17476"),
    ],
)
def test_garbage_gets_a_sentence(data: bytes, why: str) -> None:
    with pytest.raises(AudioFileError, match=rf"^hold\.wav: .*{why}") as error:
        read(data, "hold.wav")
    assert "\n" not in str(error.value)


@given(st.binary(max_size=120), st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", riff(fmt())]))
def test_any_bytes_are_a_clip_or_an_audio_file_error(data: bytes, head: bytes) -> None:
    with contextlib.suppress(AudioFileError):
        assert len(load(head + data, 8000)) > 0


def test_a_rate_without_a_simple_ratio_to_ours_is_an_audio_file_error() -> None:
    with pytest.raises(AudioFileError, match=r"^hold\.wav: .*47999"):
        load(riff(fmt(rate=47999), chunk(b"data", SOUND.tobytes())), 8000, "hold.wav")


def test_a_compressed_wav_is_left_to_libsndfile(libraries: bool) -> None:
    file = io.BytesIO()
    soundfile.write(file, SOUND / 32768, 8000, format="WAV", subtype="IMA_ADPCM")
    if libraries:
        assert len(read(file.getvalue()).pcm) >= len(SOUND)
        return
    with pytest.raises(AudioFileError, match=r"format 17 .*callbridge\[audio\]"):
        read(file.getvalue())
