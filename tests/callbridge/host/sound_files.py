"""Sound files of every format, by libsndfile and FFmpeg, and what should be heard of them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from telecodecs import Pcm

SECONDS = 4.0

# What libsndfile writes: format, subtype, samples per second, how much its codec changes.
BY_LIBSNDFILE: dict[str, tuple[str, str, int, float]] = {
    "wav, 8 bit": ("WAV", "PCM_U8", 8000, 0.03),
    "wav": ("WAV", "PCM_16", 16000, 0.0),
    "wav, 24 bit": ("WAV", "PCM_24", 44100, 0.0),
    "wav, 32 bit": ("WAV", "PCM_32", 8000, 0.0),
    "wav, float": ("WAV", "FLOAT", 48000, 0.0),
    "wav, double": ("WAV", "DOUBLE", 8000, 0.0),
    "wav, mu-law": ("WAV", "ULAW", 8000, 0.03),
    "wav, A-law": ("WAV", "ALAW", 8000, 0.03),
    "wav, IMA ADPCM": ("WAV", "IMA_ADPCM", 16000, 0.1),
    "wav, Microsoft ADPCM": ("WAV", "MS_ADPCM", 16000, 0.1),
    "wav, GSM": ("WAV", "GSM610", 8000, 0.3),
    "wav, extensible": ("WAVEX", "PCM_16", 16000, 0.0),
    "RF64": ("RF64", "PCM_16", 16000, 0.0),
    "W64": ("W64", "PCM_16", 16000, 0.0),
    "aiff": ("AIFF", "PCM_16", 16000, 0.0),
    "au": ("AU", "PCM_16", 16000, 0.0),
    "caf": ("CAF", "PCM_16", 16000, 0.0),
    "flac": ("FLAC", "PCM_16", 24000, 0.0),
    "mp3": ("MP3", "MPEG_LAYER_III", 24000, 0.05),
    "ogg": ("OGG", "VORBIS", 24000, 0.05),
    "opus": ("OGG", "OPUS", 24000, 0.25),
}
# What FFmpeg writes: container, codec, samples per second, how much it changes, options.
BY_FFMPEG: dict[str, tuple[str, str, int, float, dict[str, str]]] = {
    "m4a, index at the end": ("mp4", "aac", 24000, 0.05, {}),
    "m4a, in fragments": ("mp4", "aac", 24000, 0.05, {"movflags": "frag_keyframe+empty_moov"}),
    "aac": ("adts", "aac", 24000, 0.05, {}),
    "webm": ("webm", "libopus", 48000, 0.15, {}),
}
FORMATS = (*BY_LIBSNDFILE, *BY_FFMPEG)
RATES = {name: form[2] for name, form in (*BY_LIBSNDFILE.items(), *BY_FFMPEG.items())}
CHANGES = {name: form[3] for name, form in (*BY_LIBSNDFILE.items(), *BY_FFMPEG.items())}
# The encoder begins earlier, and no header says so: in samples.
BEGINS_EARLY = {"m4a, in fragments": 1024, "aac": 1024}


def sweep(rate: int, seconds: float = SECONDS) -> Pcm:
    """From 300 to 3000 Hz, so that each moment sounds like no other."""
    time = np.arange(round(rate * seconds)) / rate
    phase = 2 * np.pi * (300 * time + (3000 - 300) / (2 * seconds) * time**2)
    return (8000 * np.sin(phase)).astype(np.int16)


def made(name: str, seconds: float = SECONDS) -> bytes:
    """A file with the sweep in it. Skips the test where FFmpeg is not installed."""
    if name in BY_LIBSNDFILE:
        form, subtype, rate, _ = BY_LIBSNDFILE[name]
        file = io.BytesIO()
        soundfile.write(file, sweep(rate, seconds) / 32768, rate, format=form, subtype=subtype)
        return file.getvalue()
    container, codec, rate, _, options = BY_FFMPEG[name]
    return by_ffmpeg(sweep(rate, seconds), rate, container, codec, options)


def by_ffmpeg(
    pcm: Pcm, rate: int, container: str, codec: str, options: dict[str, str] | None = None
) -> bytes:
    av: Any = pytest.importorskip("av", reason="pip install 'callbridge[hd]'")
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options or {}) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.layout = "mono"
        fitting = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        fifo = av.AudioFifo()
        for part in fitting.resample(frame):
            fifo.write(part)
        size = stream.codec_context.frame_size or 1024
        for part in fifo.read_many(size, partial=True):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return file.getvalue()


def index_first(m4a: bytes, folder: Path) -> bytes:
    """The same m4a file, its index before its sound, as for the web."""
    av: Any = pytest.importorskip("av", reason="pip install 'callbridge[hd]'")
    path = folder / "fast.m4a"
    with (
        av.open(io.BytesIO(m4a)) as inside,
        av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as out,
    ):
        stream = out.add_stream_from_template(inside.streams.audio[0])
        for packet in inside.demux(inside.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return path.read_bytes()


def difference(heard: Pcm, wanted: Pcm, within: int = 3000) -> tuple[float, int]:
    """What is heard that should not be, as a part of the whole, and how many samples late it is."""
    size = 1 << (len(heard) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    alike: NDArray[np.float64] = np.fft.irfft(spectrum, size)
    late = int(np.argmax(np.concatenate((alike[-within:], alike[:within])))) - within
    there = heard[max(0, late) :].astype(np.float64)
    due = wanted[max(0, -late) :].astype(np.float64)
    middle = slice(400, min(len(there), len(due)) - 2500)
    error, whole = there[middle] - due[middle], due[middle]
    return float(np.sqrt((error**2).mean() / (whole**2).mean())), late
