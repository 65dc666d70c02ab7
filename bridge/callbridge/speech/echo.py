"""The bot must not hear itself: is what comes in an echo of what went out?

Pure state: no I/O, no clock. A line's echo is late by 40 to 600 ms, quieter, filtered and often
coded anew, so samples do not match; the pattern of loudness over time and frequency still does. Six
bands in decibels, every 20 ms, are compared with what was played, at every delay in steps of 10 ms.
One band alone would not do: over 400 ms somebody else's speech fits at one delay or another as well
as the echo itself. With six, 99 % of clean echoes correlate above 0.79 and 99 % of other speech
below 0.76; noise that hides the echo's quiet parts is allowed for.

Until there is enough to compare, speech much quieter than the bot is taken for its echo: an echo
begins with the bot's first word. The bot's later words show how loud this line's echo is, if it has
one; most have none, and there a caller who is not loud is recognised at once all the same."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telecodecs import Pcm, silence

HOP_S = 0.010  # between the rows of what was played; frames are twice as long
REMEMBERED_ROWS = 256  # the longest delay and the window, behind a lead of over a second
RESYNC_S = 0.060  # arrivals jitter; further off than this, audio is missing
CONTIGUOUS_S = 0.020  # playout is exact; further off than this, it paused
BAND_EDGES_HZ = (200, 450, 750, 1150, 1700, 2400, 3500)
COLUMNS = len(BAND_EDGES_HZ)
FLOOR = 100.0  # power of a sample: -70 dBFS, the steps of μ-law near zero
FLOOR_DB = 20.0
FULL_SCALE_DB = 90.0
AUDIBLE_DB = 35.0  # -55 dBFS: below, there is nothing to hear
ABOVE_NOISE_DB = 6.0  # what noise itself seldom exceeds from frame to frame
NOISE_RISES_DB = 0.05  # a frame; 2.5 dB a second
SINKS_DB = 0.25  # a frame of echo that is quieter than what was known of it
RISES_DB = 0.40  # and one that is louder: a handset was laid on a table
FORGET_DB = 0.25  # a frame: a line that does not echo is known as such after three seconds

Rows = NDArray[np.float64]
"""(n, 7) decibels: the bands, and in the last column all of them together."""


@dataclass(frozen=True, slots=True)
class EchoSettings:
    """Seconds, decibels, and a correlation from -1 to 1."""

    shortest_delay: float = 0.040
    longest_delay: float = 0.600
    window: float = 0.400  # of inbound audio that is compared with as much of what was played
    evidence: float = 0.200  # of the window must be audible, before correlation is believed
    correlation: float = 0.70  # from here on it is an echo
    louder: float = 3.0  # dB; what is so much louder than this line's echo so far ...
    certain: float = 0.88  # ... must correlate so well to be one
    margin: float = 9.0  # dB; only somebody is louder than what was played less this margin


class EchoJudge:
    """Compares one call's inbound audio with its outgoing audio. Has memory."""

    def __init__(self, settings: EchoSettings | None = None, sample_rate: int = 8000) -> None:
        self.settings = settings or EchoSettings()
        self._rate = sample_rate
        self._filter = _Bands(sample_rate)
        self._played = _Played(self._filter, sample_rate)
        self._window = round(self.settings.window / (2 * HOP_S))
        self._evidence = round(self.settings.evidence / (2 * HOP_S))
        # Row offsets from an inbound frame, the longest delay first.
        self._first = -round(self.settings.longest_delay / HOP_S)
        self._last = -round(self.settings.shortest_delay / HOP_S)
        self._heard = np.full((self._window, COLUMNS), FLOOR_DB)
        self._noise = np.full(COLUMNS, FULL_SCALE_DB)
        self._audible = np.zeros(self._window, np.bool_)
        self._partial = silence(0)
        self._time = -np.inf  # when the first sample of the next inbound frame was there
        self._verdict = False
        self._presumed = True  # what audio is, until there is enough of it to tell
        self._echo_level = 0.0  # dB over what was played: how loud this line's echo is at most
        self._echoes = False  # this line does, for certain
        self._loudest_echo = 0.0  # dB over what was played; sinks while the line stays quieter

    def played(self, pcm: Pcm, at: float) -> None:
        """Samples that begin to sound at the carrier at time `at`; ahead of time is usual."""
        self._played.add(pcm, at)

    def cleared(self, now: float) -> None:
        """What was to sound from `now` on does not."""
        self._played.cut(now)

    def hear(self, pcm: Pcm, now: float) -> bool:
        """Whether the (n,) inbound samples whose last one came at `now` are no more than an echo.

        About the last whole 20 ms so far, if they are speech; of silence it may say either. False
        as soon as nothing was played that could still echo. Any n; order matters."""
        expected = self._time + (len(self._partial) + len(pcm)) / self._rate
        if abs(now - expected) > RESYNC_S:
            self._begin(now - len(pcm) / self._rate)
        samples = np.concatenate((self._partial, pcm))
        frame = self._filter.frame
        whole = len(samples) - len(samples) % frame
        self._partial = samples[whole:].copy()
        for start in range(0, whole, frame):
            self._verdict = self._judge(samples[start : start + frame])
            self._time += 2 * HOP_S
        return self._verdict

    def _begin(self, at: float) -> None:
        """Nothing came for a while: what was heard before it is not compared with what follows."""
        self._time = at
        self._partial = silence(0)
        self._heard[:] = FLOOR_DB
        self._audible[:] = False

    def _judge(self, frame: Pcm) -> bool:
        heard = self._filter.measure(frame[None, :])[0]
        level = heard[-1]
        # Down in steps of half the way, up slowly: speech hardly lifts it.
        self._noise = np.minimum(self._noise + NOISE_RISES_DB, (self._noise + heard) / 2)
        self._heard[:-1] = self._heard[1:]
        self._heard[-1] = heard
        self._audible[:-1] = self._audible[1:]
        self._audible[-1] = level > max(AUDIBLE_DB, self._noise[-1] + ABOVE_NOISE_DB)
        row = round(self._time / HOP_S)
        loudest = self._played.loudest(row + self._first, row + self._last)
        if loudest < AUDIBLE_DB:
            self._presumed = True
            return False
        below = level - loudest
        margin = self.settings.margin
        if below > -margin:
            return False
        audible = self._audible.sum()
        if not audible:
            self._presumed = True  # what comes now may be the echo of a word after a pause
        if audible >= self._evidence:
            self._presumed = self._correlates(self._correlation(row), below)
        elif self._audible[-1] and below > self._loudest() + margin:
            self._presumed = False  # this line has been heard not to echo so loudly
        if self._presumed:
            self._loudest_echo = max(below, self._loudest_echo - FORGET_DB)
        return self._presumed

    def _loudest(self) -> float:
        """Decibels over what was played: how loud an echo of this line could be."""
        return max(self._loudest_echo, self._echo_level) if self._echoes else self._loudest_echo

    def _correlates(self, correlation: float, below: float) -> bool:
        """Whether that is an echo, of something so many decibels louder."""
        settings, above = self.settings, below - self._echo_level
        if correlation < settings.correlation:
            return False
        if self._audible[-1]:
            self._echo_level += min(max(above, -SINKS_DB), RISES_DB)
            self._echoes = self._echoes or correlation >= settings.certain
        return above <= settings.louder or correlation >= settings.certain

    def _correlation(self, row: int) -> float:
        """The best over all delays, of the window that ends with the inbound frame at `row`."""
        reach = 2 * (self._window - 1)
        rows = self._played.rows(row + self._first - reach, row + self._last)
        # (delay, frame, band): every delay's first row, then every second one.
        step, across = rows.strides
        delays = self._last - self._first + 1
        shape = (delays, self._window, COLUMNS - 1)
        played = np.ndarray(shape, rows.dtype, rows, strides=(step, 2 * step, across))
        # Noise hides what is quiet of an echo, and as much of what was played is left out.
        floor = self._noise[:-1] + ABOVE_NOISE_DB
        heard = np.maximum(self._heard[:, :-1], floor)
        audible_range = heard.max(axis=0) - floor
        played = np.maximum(played, played.max(axis=1, keepdims=True) - audible_range)
        heard = heard - heard.mean(axis=0)
        played -= played.mean(axis=1, keepdims=True)
        flat = played.reshape(delays, -1)
        energies = (flat * flat).sum(axis=1) * (heard * heard).sum()
        return float((flat @ heard.ravel() / np.sqrt(energies + 1e-9)).max())


class _Bands:
    """Decibels of six bands, from frames of 20 ms."""

    def __init__(self, sample_rate: int) -> None:
        self.hop = round(HOP_S * sample_rate)
        self.frame = 2 * self.hop
        self._taper = np.hanning(self.frame)
        frequencies = np.fft.rfftfreq(self.frame, 1 / sample_rate)
        edges = np.array(BAND_EDGES_HZ)
        inside = (frequencies >= edges[:-1, None]) & (frequencies < edges[1:, None])
        # Both halves of the spectrum, less what the taper took: the power of a sample.
        columns = np.vstack((inside, inside.any(axis=0))).T
        self._sums = columns * (2 / (self.frame * (self._taper**2).sum()))

    def measure(self, frames: Pcm) -> Rows:
        """(n, frame) int16 -> (n, 7) decibels."""
        power = np.abs(np.fft.rfft(frames * self._taper)) ** 2 @ self._sums
        rows: Rows = 10 * np.log10(power + FLOOR)
        return rows


class _Played:
    """What the carrier played, as rows of 10 ms; row k begins at second k / 100."""

    def __init__(self, bands: _Bands, sample_rate: int) -> None:
        self._bands = bands
        self._rate = sample_rate
        self._rows = np.full((REMEMBERED_ROWS, COLUMNS), FLOOR_DB)
        self._end = 0  # the first row that is not known yet
        self._tail = silence(0)  # samples from the beginning of row `_end` on

    def add(self, pcm: Pcm, at: float) -> None:
        missing = at - (self._end * HOP_S + len(self._tail) / self._rate)
        if abs(missing) > CONTIGUOUS_S:
            self.cut(at)
        samples = np.concatenate((self._tail, pcm))
        hop, frame = self._bands.hop, self._bands.frame
        count = max(0, (len(samples) - frame) // hop + 1)
        self._tail = samples[count * hop :].copy()
        kept = min(count, REMEMBERED_ROWS)
        if not kept:
            return
        frames = np.lib.stride_tricks.sliding_window_view(samples, frame)[::hop][count - kept :]
        self._end += count
        where = np.arange(self._end - kept, self._end) % REMEMBERED_ROWS
        self._rows[where] = self._bands.measure(frames)

    def cut(self, at: float) -> None:
        """Nothing sounds from `at` on."""
        row = round(at / HOP_S)
        first = max(min(row, self._end), max(row, self._end) - REMEMBERED_ROWS)
        silent = np.arange(first, max(row, self._end)) % REMEMBERED_ROWS
        self._rows[silent] = FLOOR_DB
        self._end = row
        self._tail = silence(0)

    def rows(self, first: int, last: int) -> Rows:
        """A copy of rows first .. last; those that are not known are silence."""
        wanted = np.arange(first, last + 1)
        rows = self._rows.take(wanted % REMEMBERED_ROWS, axis=0)
        rows[(wanted >= self._end) | (wanted < self._end - REMEMBERED_ROWS)] = FLOOR_DB
        return rows

    def loudest(self, first: int, last: int) -> float:
        last = min(last, self._end - 1)
        first = max(first, self._end - REMEMBERED_ROWS)
        if last < first:
            return FLOOR_DB
        return float(self._rows[np.arange(first, last + 1) % REMEMBERED_ROWS, -1].max())
