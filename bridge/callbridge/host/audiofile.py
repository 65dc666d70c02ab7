"""The one door for sound: a file, its bytes or an address → samples, whole or as they come."""

import asyncio
import io
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from callbridge.errors import AudioFileError
from callbridge.host.arriving import Abandoned, ArrivingFile, Inflow
from callbridge.host.decoders import Blocks, Decoded, decode
from callbridge.host.download import Download, is_url, whole
from callbridge.timing.jobs import Jobs, ThreadJobs, apart
from telecodecs import CodecError, Pcm, Resampler, resample, resample_round

log = logging.getLogger(__name__)

MAX_S = 3600.0  # of sound; what goes on for longer is cut, or refused where it is wanted whole
BEGINS_S = 60.0  # within which a file of the web has to begin to sound

AudioSource = str | Path | bytes
"""A path, an address on the web, or what is in a file."""


OpenSound = BinaryIO | ArrivingFile


class Clip(NamedTuple):
    """(n,) int16, mono, and its rate."""

    pcm: Pcm
    sample_rate: int


# ---- whole ------------------------------------------------------------------------------------


def load(
    source: AudioSource,
    sample_rate: int,
    name: str = "",
    *,
    max_s: float = MAX_S,
    repeated: bool = False,
) -> Pcm:
    """(n,) int16 at `sample_rate`, of a file or of the bytes of one called `name`; what is to be
    `repeated` fits its own beginning.

    Blocks: run it as a job. Raises AudioFileError."""
    pcm, rate = read(source, name, max_s=max_s)
    try:
        return (resample_round if repeated else resample)(pcm, rate, sample_rate)
    except CodecError as error:
        raise AudioFileError(f"{_name_of(source, name)}: {error}") from None


def read(source: AudioSource, name: str = "", *, max_s: float = MAX_S) -> Clip:
    """The whole of a file, never empty: WAV; with the extra `audio` mp3, ogg, flac and compressed
    WAV; with the extra `hd` m4a, webm, amr and those. Raises AudioFileError."""
    name = _name_of(source, name)
    with _open(source, name) as file, _decoded(file, name) as decoded:
        blocks: list[Pcm] = []
        most = left = round(max_s * decoded.rate)
        for pcm in _what_there_is(file, decoded, name):
            blocks.append(pcm)
            left -= len(pcm)
            if left < 0:
                raise AudioFileError(f"{name}: longer than {most / decoded.rate:.0f} s")
        return Clip(np.concatenate(blocks), decoded.rate)


def length_s(source: AudioSource, name: str = "") -> float:
    """How long it sounds, at most `MAX_S`. Blocks: run it as a job. Raises AudioFileError."""
    name = _name_of(source, name)
    with _open(source, name) as file, _decoded(file, name) as decoded:
        return sum(map(len, _what_there_is(file, decoded, name))) / decoded.rate


# ---- as it comes ------------------------------------------------------------------------------


@asynccontextmanager
async def streamed(
    source: AudioSource, sample_rate: int, name: str = "", *, jobs: Jobs, download: Download
) -> AsyncGenerator[AsyncIterator[Pcm]]:
    """In the block a sound is to be had in pieces of about 0.1 s, (n,) int16 at `sample_rate`, as
    they are asked for. It begins when its first samples can be decoded, whatever of it is still on
    its way, and no more of it is in memory than was asked for.

    Behind the block nothing is left of it: no thread, connection or file. What breaks off is heard
    as far as it came, and what goes on for more than an hour is cut; the log says so. Raises
    AudioFileError before the first sample."""
    name = _name_of(source, name)
    inflow: Inflow | None = None
    opened: Callable[[], OpenSound] = partial(_open, source, name)
    if isinstance(source, str) and is_url(source):
        if isinstance(jobs, ThreadJobs):
            inflow = Inflow(download(source))
            opened = partial(ArrivingFile, inflow.more)
        else:  # what works on the event loop cannot wait for it
            opened = partial(io.BytesIO, await whole(download(source)))
    async with apart(jobs) as worker:
        blocks = _resampled(opened, sample_rate, name)
        try:
            first = await _first(blocks, worker, name)
            async with aclosing(_from(first, blocks, worker)) as pieces:
                yield pieces
        finally:
            if inflow is not None:
                await inflow.close()
            await worker.run(blocks.close)


async def _first(blocks: Blocks, worker: Jobs, name: str) -> Pcm | None:
    try:
        async with asyncio.timeout(BEGINS_S):
            return await worker.run(partial(next, blocks, None))
    except TimeoutError:
        raise AudioFileError(f"{name}: no sound of it in {BEGINS_S:g} s") from None


async def _from(first: Pcm | None, blocks: Blocks, worker: Jobs) -> AsyncGenerator[Pcm]:
    pcm = first
    while pcm is not None:
        yield pcm
        pcm = await worker.run(partial(next, blocks, None))


def _resampled(opened: Callable[[], OpenSound], sample_rate: int, name: str) -> Blocks:
    with opened() as file, _decoded(file, name) as decoded:
        try:
            resampler = Resampler(decoded.rate, sample_rate)
        except CodecError as error:
            raise AudioFileError(f"{name}: {error}") from None
        lag = round(resampler.delay_s * sample_rate)
        left = round(MAX_S * decoded.rate)
        for block in _what_there_is(file, decoded, name):
            pcm = resampler.process(block[:left])
            left -= len(block)
            yield pcm[lag:]
            lag = max(0, lag - len(pcm))
            if left <= 0:
                log.warning("%s: cut after %g s, the most of one sound", name, MAX_S)
                break
        yield resampler.flush()[lag:]


# ---- what both have in common -----------------------------------------------------------------


def _name_of(source: AudioSource, name: str) -> str:
    return name or ("the data" if isinstance(source, bytes) else str(source))


def _open(source: AudioSource, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        return Path(source).open("rb")
    except FileNotFoundError:
        raise AudioFileError(f"{name}: no such file") from None
    except OSError as error:
        raise AudioFileError(f"{name}: {error.strerror or error}") from None


@contextmanager
def _decoded(file: OpenSound, name: str) -> Generator[Decoded]:
    try:
        decoded = decode(file)
    except AudioFileError as error:
        raise _failure(file) or AudioFileError(f"{name}: {error}") from None
    with closing(decoded.blocks):
        yield decoded


def _failure(file: OpenSound) -> AudioFileError | None:
    """Why no more of a file has come."""
    return file.failure if isinstance(file, ArrivingFile) else None


def _what_there_is(file: OpenSound, decoded: Decoded, name: str) -> Iterator[Pcm]:
    """Never nothing; it ends where the file breaks off."""
    sounded = 0
    failure: AudioFileError | None = None
    try:
        for block in decoded.blocks:
            sounded += len(block)
            yield block
    except AudioFileError as error:
        failure = error
    failure = _failure(file) or failure
    if not sounded:
        raise _failure(file) or AudioFileError(
            f"{name}: {failure or 'nothing to play, there is no audio in it'}"
        )
    if failure is not None and not isinstance(failure, Abandoned):
        log.warning("%s: breaks off after %.1f s: %s", name, sounded / decoded.rate, failure)
