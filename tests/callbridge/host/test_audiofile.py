"""Files to play: what is read, at which rate, and what is said of what cannot be."""

import http.server
import io
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callbridge.errors import AudioFileError
from callbridge.host.audiofile import load, read
from callbridge.host.download import download, whole
from callbridge.testing import tone


def wav(pcm: bytes, *, width: int = 2, rate: int = 8000, channels: int = 1) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(pcm)
    return data.getvalue()


def test_sixteen_bit_is_read_exactly() -> None:
    pcm, rate = read(wav(tone(0.5).tobytes()))
    assert rate == 8000
    assert np.array_equal(pcm, tone(0.5))


@pytest.mark.parametrize(("width", "scale"), [(1, 1 / 256), (3, 256), (4, 65536)])
def test_other_widths_are_the_same_sound(width: int, scale: float) -> None:
    sound = tone(0.2).astype(np.int64)
    if width == 1:
        data = ((sound >> 8) + 128).astype(np.uint8).tobytes()
    else:
        scaled = (sound * scale).astype("<i4").tobytes()
        data = b"".join(scaled[i : i + width] for i in range(0, len(scaled), 4))
    pcm, _ = read(wav(data, width=width))
    assert np.abs(pcm - sound).max() <= 256


def test_channels_are_mixed_and_rates_converted() -> None:
    left, right = tone(1.0, 440.0, 48000), np.zeros(48000, np.int16)
    data = wav(np.stack((left, right), axis=1).tobytes(), rate=48000, channels=2)
    pcm = load(data, 8000)
    assert len(pcm) == 8000
    assert np.abs(pcm[100:-100] - tone(1.0)[100:-100] // 2).max() < 40


@pytest.mark.parametrize("form", ["OGG", "MP3", "FLAC"])
def test_other_formats(form: str) -> None:
    data = io.BytesIO()
    soundfile.write(data, tone(1.0, 440.0, 24000), 24000, format=form)
    pcm = load(data.getvalue(), 8000)
    middle = pcm[2000:6000].astype(float)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(np.argmax(spectrum) * 8000 / len(middle) - 440) < 5


@pytest.mark.parametrize("form", ["AIFF", "AU", "CAF", "W64"])
def test_floats_of_other_formats_are_no_silence(form: str) -> None:
    data = io.BytesIO()
    soundfile.write(data, tone(0.5) / 32768, 8000, format=form, subtype="FLOAT")
    assert np.array_equal(load(data.getvalue(), 8000), tone(0.5))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "nothing to play"),
        (b"hello", "not an audio file"),
        (wav(bytes(100))[:20], "nothing to play"),
        (b"RIFF" + bytes(40), "not an audio file"),
    ],
)
def test_what_is_no_audio_is_refused_in_one_line(data: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "tune.wav"
    path.write_bytes(data)
    with pytest.raises(AudioFileError, match=why) as error:
        read(path)
    assert "\n" not in str(error.value)
    assert "tune.wav" in str(error.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(AudioFileError, match=r"nowhere\.wav: no such file"):
        read("nowhere.wav")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "tune.wav").write_bytes(wav(tone(0.5).tobytes()))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, format: str, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_file_on_the_web(web: str) -> None:
    assert np.array_equal(load(await whole(download(f"{web}/tune.wav")), 8000), tone(0.5))
    with pytest.raises(AudioFileError, match="404"):
        await whole(download(f"{web}/other.wav"))
    with pytest.raises(AudioFileError):
        await whole(download("http://127.0.0.1:1/tune.wav"))
    with pytest.raises(AudioFileError, match="Malformed A-label"):
        await whole(download("http://xn--/tune.wav"))
