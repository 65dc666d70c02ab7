"""Audio files → blocks of samples: WAV by our own reader, the rest by libsndfile, then by FFmpeg.

FFmpeg (PyAV) comes first where a file of the web is still on its way: of MP3 and Ogg libsndfile
reads all before it gives the first sample."""

from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import numpy as np

from callbridge.errors import AudioFileError
from callbridge.host.arriving import ArrivingFile
from callbridge.host.wav import RATES, UnknownFormat, from_float, is_wav, open_wav
from telecodecs import Pcm

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

BLOCK_S = 0.1  # that is decoded at a time
MAX_CHANNELS = 8
# FFmpeg would open playlists as well, and what they name: files and addresses of its own choice.
DEMUXERS = "aac,ac3,aiff,amr,asf,au,caf,flac,matroska,mov,mp3,mpegts,ogg,w64,wav,webm"
PROBED = {"probesize": "16384", "analyzeduration": "200000"}  # bytes, us: before the first sample

INSTALL_AUDIO = "pip install 'callbridge[audio]'"
INSTALL_HD = "pip install 'callbridge[hd]'"

Blocks = Generator[Pcm]


class Decoded(NamedTuple):
    """`blocks` are (n,) int16, mono; to be closed where they are not read to their end."""

    rate: int
    blocks: Blocks


def decode(file: BinaryIO | ArrivingFile) -> Decoded:
    """The beginning of a file, which stays open. Raises AudioFileError, also while it is read."""
    head = file.read(12)
    file.seek(0)
    if not head:
        return Decoded(RATES[0], _nothing())
    what = ""
    if is_wav(head):
        try:
            return _by_ourselves(file)
        except UnknownFormat as error:
            what = f"{error} and "
    engines: list[Callable[[Any], Decoded]] = [_by_libsndfile, _by_ffmpeg]
    if isinstance(file, ArrivingFile):
        file.promised = head[:4] == b"fLaC"  # libsndfile only asks for its length
        if not file.promised:
            engines.insert(0, _by_ffmpeg_forward)
    return _by_the_first(engines, file, what)


def _nothing() -> Blocks:
    yield from ()


def _by_the_first(engines: list[Callable[[Any], Decoded]], file: Any, what: str) -> Decoded:
    """Of those that are installed and can."""
    why: list[str] = []
    missing: set[str] = set()
    for engine in engines:
        file.seek(0)
        try:
            return engine(file)
        except ImportError as error:
            missing.add(error.name or "")
        except Unreadable as error:
            why.append(str(error))
    if not why:
        raise AudioFileError(
            f"{what}not a plain WAV file: for mp3, ogg, flac and compressed WAV {INSTALL_AUDIO}, "
            f"for m4a, webm and amr {INSTALL_HD}"
        )
    perhaps = f"; if it is m4a, webm or amr, {INSTALL_HD}" if "av" in missing else ""
    raise AudioFileError(f"{what}not an audio file ({why[0]}){perhaps}")


class Unreadable(AudioFileError):
    """This engine cannot, and perhaps the next one can."""


def _by_ourselves(file: Any) -> Decoded:
    arriving = isinstance(file, ArrivingFile)
    wav = open_wav(ForwardFile(file.some) if arriving else file, BLOCK_S)
    if arriving:
        file.forget()
    _check(wav.rate, wav.channels, "a WAV file")

    def blocks() -> Blocks:
        for frames in wav.blocks:
            yield mono(frames)

    return Decoded(wav.rate, blocks())


class ForwardFile:
    """A file for who reads it from its beginning to its end."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.read = read


def _by_libsndfile(file: Any) -> Decoded:
    """Raises Unreadable, ImportError."""
    import soundfile

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        """Else each read is followed by a seek, and mp3 loses the bits that frames share."""

        def seekable(self) -> bool:
            return False

    try:
        sound = Forward(file)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise Unreadable(_reason(error)) from None
    try:
        _check(sound.samplerate, sound.channels)
    except AudioFileError:
        sound.close()
        raise

    def blocks() -> Blocks:
        with sound:
            size = max(1, round(BLOCK_S * sound.samplerate))
            try:
                # As float: integers of a file that holds floats would come unscaled, as silence.
                while len(frames := sound.read(size, "float32", always_2d=True)):
                    yield mono(from_float(frames))
            except (soundfile.SoundFileError, RuntimeError) as error:
                raise AudioFileError(_reason(error)) from None

    return Decoded(sound.samplerate, blocks())


def _reason(error: Exception) -> str:
    """Without libsndfile's name of our bytes."""
    return str(error).rpartition(": ")[2].rstrip(".").lower()


def _by_ffmpeg_forward(file: ArrivingFile) -> Decoded:
    """From the beginning to the end. Raises Unreadable where one has to go to and fro, as in an m4a
    file whose index is at its end; ImportError."""
    rate, blocks = _by_ffmpeg(ForwardFile(file.some))
    try:
        first = next(blocks, None)
    except AudioFileError as error:
        raise Unreadable(str(error)) from None
    file.forget()

    def all_blocks() -> Blocks:
        with closing(blocks):
            if first is not None:
                yield first
                yield from blocks

    return Decoded(rate, all_blocks())


def _by_ffmpeg(file: Any) -> Decoded:
    """Raises Unreadable, ImportError."""
    import av
    from av.error import FFmpegError

    options = PROBED | {"format_whitelist": DEMUXERS}
    try:
        container = cast("InputContainer", av.open(file, mode="r", options=options))
    except (FFmpegError, ValueError) as error:
        raise Unreadable(_of_ffmpeg(error)) from None
    # One whose codec nobody knows has no context.
    stream = next((each for each in container.streams.audio if each.codec_context), None)
    try:
        if stream is None:
            raise Unreadable("there is no audio in it that FFmpeg knows")
        _check(stream.rate, stream.channels)
    except AudioFileError:
        container.close()
        raise
    return Decoded(stream.rate, _frames_of_ffmpeg(container, stream))


def _frames_of_ffmpeg(container: "InputContainer", stream: "AudioStream") -> Blocks:
    import av
    from av.error import FFmpegError, InvalidDataError

    to_float = av.AudioResampler(format="fltp")
    size = max(1, round(BLOCK_S * stream.rate))
    waiting: list[Pcm] = []
    failure: AudioFileError | None = None
    with container:
        try:
            for packet in container.demux(stream):
                # A broken one is left out, as the first of a broadcast is that is cut anywhere.
                with suppress(InvalidDataError):
                    for frame in packet.decode():
                        planes = (each.to_ndarray() for each in to_float.resample(frame))
                        waiting += [mono(from_float(each.T)) for each in planes]
                if sum(map(len, waiting)) >= size:
                    yield np.concatenate(waiting)
                    waiting.clear()
        except (FFmpegError, ValueError) as error:
            failure = AudioFileError(_of_ffmpeg(error))
        if waiting:
            yield np.concatenate(waiting)
        if failure is not None:
            raise failure


def _of_ffmpeg(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _check(rate: int, channels: int, what: str = "") -> None:
    if rate not in RATES or not 0 < channels <= MAX_CHANNELS:
        raise AudioFileError(f"{what or 'a file'} of {rate} Hz and {channels} channels")


def mono(frames: Pcm) -> Pcm:
    """(n, channels) mixed to (n,)."""
    return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1).astype(np.int16)
