"""Numbers as tones, for codecs that keep what is heard and not the wave: Opus and AMR-WB.

Every 20 ms frame is one of eight tones, and any six frames in a row are somewhere in a sequence of
4096 but once. So a number is known when its frame and five others have come, and its time is that
of its own frame. (One in seven times the first frame behind a gap is taken for the first that is
missing: their tones are the same.) Where in a message frames begin is found to a millisecond: there
the tones stand out the most.

Everything is decoded first, whatever the codec, and read as L16."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
from numpy.typing import NDArray

import telecodecs
from callbridge.bench.numbered import (
    FRAME_S,
    LEVEL,
    NUMBERS,
    Arrivals,
    Form,
    form,
    require_whole_ms,
)
from telecodecs import Codec, Pcm

# All within the band of a telephone, and whole periods in a frame, so that no frame begins with a
# crack. 200 Hz apart and more, which AMR-WB keeps apart even twice, at any of its modes.
TONES_HZ = (400, 600, 850, 1100, 1400, 1750, 2150, 2600)
WINDOW = 6  # frames that make a number
SEARCHED = 8  # frames in which the place of their beginnings is looked for
SETTLES = 8  # frames before that, in which a codec comes into its stride
PATIENCE = 3 * WINDOW  # frames without a number before their beginnings are looked for again


@cache
def ring() -> tuple[int, ...]:
    """The tone of every number: no two alike beside each other, each window found but once."""
    chance = Random(1)
    while True:
        made = [0]
        seen: set[tuple[int, ...]] = set()
        while len(made) < NUMBERS:
            tone = (made[-1] + chance.randrange(1, len(TONES_HZ))) % len(TONES_HZ)
            window = (*made[1 - WINDOW :], tone)
            if window not in seen:
                seen.add(window)
                made.append(tone)
        if made[0] != made[-1] and len(_windows(made)) == NUMBERS:  # across its end as well
            return tuple(made)


def _windows(made: Sequence[int]) -> dict[tuple[int, ...], int]:
    """The number of the last frame of each."""
    twice = (*made[1 - WINDOW :], *made)
    return {tuple(twice[number : number + WINDOW]): number for number in range(NUMBERS)}


@cache
def numbers() -> dict[tuple[int, ...], int]:
    return _windows(ring())


@dataclass(frozen=True, slots=True)
class ToneForm:
    """Frames of tones in one codec; its octets are those of what it decodes to, as L16."""

    codec: Codec

    @property
    def samples(self) -> int:
        """Of a frame."""
        return self.codec.encoding.sample_rate // 1000 * 20

    @property
    def octets_per_s(self) -> float:
        return 2 * self.samples / FRAME_S

    def payloads(self) -> list[bytes]:
        """The frames of all numbers, in order."""
        time = np.arange(self.samples) / self.codec.encoding.sample_rate
        waves = [(LEVEL * np.sin(2 * np.pi * hz * time)).astype(np.int16) for hz in TONES_HZ]
        return [self.codec.encode(waves[tone]) for tone in ring()]

    def reader(self) -> "ToneReader":
        return ToneReader(self)

    def like(self, codec: Codec) -> "ToneForm":
        return ToneForm(codec)


class ToneReader:
    """Finds numbers in the audio that comes back: a `Reader` of tones."""

    plain = False
    decodes = True

    def __init__(self, form: ToneForm) -> None:
        encoding = form.codec.encoding
        self.unread = 0
        self._decode = telecodecs.codec(encoding.name, encoding.sample_rate).decode
        self._size = 2 * form.samples
        self._arrivals = Arrivals(form.octets_per_s)
        self._rest = bytearray()
        self._synced = False
        self._settling = SETTLES
        self._without = 0  # frames since the last number
        # The last of them, each with its time until it is known by its number.
        self._tones: deque[int] = deque(maxlen=WINDOW)
        self._times: deque[float | None] = deque(maxlen=WINDOW)

    def decoded(self, octets: bytes) -> bytes:
        """A message in the octets that `form` is about. Raises CodecError."""
        return self._decode(octets).tobytes()

    def whole(self, octets: bytes) -> int:
        """No message says by itself which one it is."""
        return -1

    def read(self, octets: bytes, now: float) -> list[tuple[int, float]]:
        """Every number that has become known, with the time at which its frame's first sample
        would have been played: the arrival of its message, and its place in there."""
        self._arrivals.add(len(octets), now)
        self._rest += octets
        size = self._size
        if not self._synced:
            self._find_beginnings()
        found: list[tuple[int, float]] = []
        while self._synced and len(self._rest) >= size:
            time = self._arrivals.at(-len(self._rest))
            frame = np.frombuffer(bytes(self._rest[:size]), np.int16)
            del self._rest[:size]
            found += self._known(tone_of(frame), time)
        return found

    def _known(self, tone: int, time: float) -> list[tuple[int, float]]:
        tones, times = self._tones, self._times
        if len(times) == WINDOW and times[0] is not None:
            self.unread += 1
        tones.append(tone)
        times.append(time)
        last = numbers().get(tuple(tones), -1)
        if last < 0:
            self._without += 1
            if self._without > PATIENCE:
                self._without, self._synced = 0, False
            return []
        self._without = 0
        found: list[tuple[int, float]] = []
        for back in range(WINDOW - 1, -1, -1):
            if (then := times[WINDOW - 1 - back]) is not None:
                found.append(((last - back) % NUMBERS, then))
                times[WINDOW - 1 - back] = None
        return found

    def _find_beginnings(self) -> None:
        """Drop what stands before the first whole frame, and all but the last frames."""
        size = self._size
        if self._settling:
            whole = min(self._settling, len(self._rest) // size)
            del self._rest[: whole * size]
            self._settling -= whole
        if len(self._rest) < (SEARCHED + 1) * size:
            return
        del self._rest[: -(SEARCHED + 1) * size]
        pcm = np.frombuffer(bytes(self._rest), np.int16)
        phase_ms = beginnings(pcm, size // 40)
        del self._rest[: phase_ms * size // 20]
        self._synced = True


def tone_of(frame: Pcm) -> int:
    """Which of the tones sounds the loudest."""
    parts = _waves(len(frame)) @ frame
    half = len(parts) // 2
    return int(np.argmax(parts[:half] ** 2 + parts[half:] ** 2))


@cache
def _waves(samples: int) -> NDArray[np.float32]:
    """(16, samples): sines and cosines of all tones over a frame of 20 ms."""
    phase = 2 * np.pi * np.outer(TONES_HZ, np.arange(samples) * FRAME_S / samples)
    return np.vstack((np.sin(phase), np.cos(phase))).astype(np.float32)


def beginnings(pcm: Pcm, per_ms: int) -> int:
    """The millisecond in which frames begin, 0 to 19, in (n,) samples of several frames."""
    length = len(pcm) // per_ms * per_ms
    turns = np.exp(-2j * np.pi * np.outer(TONES_HZ, np.arange(length) / (1000 * per_ms)))
    by_ms = (pcm[:length] * turns).reshape(len(TONES_HZ), -1, per_ms).sum(axis=2)
    until = np.cumsum(np.pad(by_ms, ((0, 0), (1, 0))), axis=1)
    levels = np.abs(until[:, 20:] - until[:, :-20]) ** 2  # of a frame that begins there
    whole = (levels.shape[1] - 1) // 20 * 20
    clear = levels[:, :whole].max(axis=0).reshape(-1, 20).sum(axis=0)
    return int(np.argmax(clear))


def forms(sent: Codec, heard: Codec) -> tuple[Form | ToneForm, Form | ToneForm]:
    """What is sent and what is to come back, in one kind of marks: signs where they survive.

    Raises CallbridgeError for a rate that has no whole number of samples in a millisecond."""
    require_whole_ms(sent.encoding, heard.encoding)
    if sent.in_packets or heard.in_packets:
        return ToneForm(sent), ToneForm(heard)
    return form(sent), form(heard)
