"""Sounds of the web: milliseconds from the first byte to the first sample, and CPU per second.

    python benchmarks/sounds.py [--kbit 2000] [--seconds 30] [--runs 5]

A web server of this process sends each file at a pace, so many kbit a second; `first` is the median
of the time between its first byte and the first block of samples at 8 kHz, and `bytes` what it had
sent by then. `cpu` is all that the process uses for one second of sound, decoding, resampling and
handing over between threads, of a file that is there; the least of the runs."""

import argparse
import asyncio
import io
import time
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from importlib import import_module
from statistics import median
from typing import Any

import numpy as np
import soundfile

from callbridge.host.audiofile import streamed
from callbridge.host.download import download
from callbridge.timing.jobs import ThreadJobs
from telecodecs import Pcm
from telecodecs.tones import hold_music

RATE = 24000
HEARD_AT = 8000
PIECES_PER_S = 100


def material(seconds: float) -> Pcm:
    """Music with some noise, so that every codec has something to do."""
    noise = np.random.default_rng(0).normal(0, 300, round(seconds * RATE))
    return (np.resize(hold_music(RATE), len(noise)) + noise).astype(np.int16)


def by_libsndfile(pcm: Pcm, form: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, pcm, RATE, format=form, subtype=subtype)
    return file.getvalue()


def m4a(pcm: Pcm, **options: str) -> bytes:
    av: Any = import_module("av")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options=options) as out:
        stream = out.add_stream("aac", rate=RATE)
        stream.layout = "mono"
        to_float = av.AudioResampler(format=stream.format, layout="mono", frame_size=1024)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        for part in (*to_float.resample(frame), *to_float.resample(None)):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return file.getvalue()


FILES: dict[str, Callable[[Pcm], bytes]] = {
    "wav": lambda pcm: by_libsndfile(pcm, "WAV", "PCM_16"),
    "wav, IMA ADPCM": lambda pcm: by_libsndfile(pcm, "WAV", "IMA_ADPCM"),
    "flac": lambda pcm: by_libsndfile(pcm, "FLAC", "PCM_16"),
    "mp3": lambda pcm: by_libsndfile(pcm, "MP3", "MPEG_LAYER_III"),
    "ogg vorbis": lambda pcm: by_libsndfile(pcm, "OGG", "VORBIS"),
    "ogg opus": lambda pcm: by_libsndfile(pcm, "OGG", "OPUS"),
    "m4a, in fragments": lambda pcm: m4a(pcm, movflags="frag_keyframe+empty_moov"),
    "m4a, index at the end": m4a,
}


class PacedServer:
    """Sends `file` to whoever connects."""

    def __init__(self, kbit: float) -> None:
        self.file = b""
        self.sent = 0
        self.began_at = 0.0
        self._piece = max(1, round(kbit * 1000 / 8 / PIECES_PER_S))
        self._serving: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def all_served(self) -> None:
        """Who has gone is noticed when more of the file is sent."""
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
            self.began_at, self.sent = time.perf_counter(), 0
            while self.sent < len(self.file):
                writer.write(self.file[self.sent : self.sent + self._piece])
                await writer.drain()
                self.sent += self._piece
                due = self.began_at + self.sent / self._piece / PIECES_PER_S
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
        writer.close()


async def first_sound(server: PacedServer, url: str) -> tuple[float, int]:
    """Milliseconds, and bytes."""
    async with streamed(url, HEARD_AT, jobs=ThreadJobs(), download=download) as blocks:
        await anext(blocks)
        return 1000 * (time.perf_counter() - server.began_at), min(server.sent, len(server.file))


async def cpu(file: bytes) -> float:
    """Milliseconds for a second of sound."""
    before, samples = time.process_time(), 0
    async with streamed(file, HEARD_AT, jobs=ThreadJobs(), download=download) as blocks:
        async for block in blocks:
            samples += len(block)
    return 1000 * (time.process_time() - before) / (samples / HEARD_AT)


async def measure(kbit: float, seconds: float, runs: int) -> None:
    server = PacedServer(kbit)
    listening = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/sound"
    pcm = material(seconds)
    print(f"{seconds:g} s of {RATE} Hz at {kbit:g} kbit/s, the median of {runs} runs")
    print("| file | size, kB | first, ms | of them sent, kB | cpu, ms for 1 s |")
    print("|---|---:|---:|---:|---:|")
    async with listening:
        for name, make in FILES.items():
            server.file = make(pcm)
            await cpu(server.file)  # its library is imported
            found = [await first_sound(server, url) for _ in range(runs)]
            least = min([await cpu(server.file) for _ in range(runs)])
            first, sent = (median(column) for column in zip(*found, strict=True))
            size = len(server.file) / 1000
            print(f"| {name} | {size:.0f} | {first:.0f} | {sent / 1000:.1f} | {least:.1f} |")
        await server.all_served()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kbit", type=float, default=2000.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    asyncio.run(measure(asked.kbit, asked.seconds, asked.runs))


if __name__ == "__main__":
    main()
