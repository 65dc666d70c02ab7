"""The jitter buffer: media frames in the order they were spoken.

Delivery is ordered TCP and the numbering is loosely documented (the documents' own example shows
chunk "2" with timestamp "5"), so the buffer is robust rather than clever: frames in order pass at
once, a gap waits a little for its frame, and any first number is accepted."""

from dataclasses import dataclass, field

from callbridge.media.wire import UNNUMBERED, MediaBody

HOLD_S = 0.060  # a gap holds later frames at most this long
RESTART_AFTER = 3  # so many successive frames far behind are a restart, not duplicates
FAR_BEHIND = 50  # chunks; one second of 20 ms frames
NEVER = float("inf")
MAX_HELD = 64  # frames behind one gap; more of them close it at once


@dataclass(slots=True)
class JitterStats:
    """Counts of one track since the stream began."""

    received: int = 0
    late: int = 0  # came after their place had been given up, or twice
    lost: int = 0  # chunks that never came
    restarts: int = 0


@dataclass(slots=True)
class JitterBuffer:
    """Orders the frames of one track. `push` and `tick` return the frames that are due, in order.

    A frame behind a gap carries its own `timestamp`, from which the session sees how much audio is
    missing: this class knows nothing of codecs."""

    hold_s: float = HOLD_S
    stats: JitterStats = field(default_factory=JitterStats)
    next: int | None = None  # the number that is expected
    held: dict[int, tuple[MediaBody, float]] = field(
        default_factory=dict[int, tuple[MediaBody, float]]
    )  # by number: the frame, and until when it may be held; as they arrived
    _behind: int = 0

    def push(self, frame: MediaBody, now: float, *, in_order: bool = False) -> list[MediaBody]:
        """`in_order` vouches for a frame whose number only fits when counted over all tracks."""
        self.stats.received += 1
        chunk = frame.chunk
        if chunk == self.next or self.next is None or (in_order and not self.held):
            self._behind = 0
            self.next = chunk + 1
            return [frame, *self._contiguous()] if self.held else [frame]
        if chunk == UNNUMBERED:
            return [frame]
        if chunk < self.next:
            return self._behind_the_line(frame)
        if chunk in self.held:
            self.stats.late += 1
            return []
        self.held[chunk] = (frame, now + self.hold_s)
        return self._skip_gap() if len(self.held) > MAX_HELD else []

    def tick(self, now: float) -> list[MediaBody]:
        """Give up the gaps behind which a frame has been held long enough."""
        due: list[MediaBody] = []
        while self.held and now >= self.deadline():
            due += self._skip_gap()
        return due

    def deadline(self) -> float:
        return next(iter(self.held.values()))[1] if self.held else NEVER

    def _contiguous(self) -> list[MediaBody]:
        due: list[MediaBody] = []
        assert self.next is not None
        while (held := self.held.pop(self.next, None)) is not None:
            due.append(held[0])
            self.next += 1
        return due

    def _skip_gap(self) -> list[MediaBody]:
        assert self.next is not None
        first = min(self.held)
        self.stats.lost += first - self.next
        self.next = first
        return self._contiguous()

    def _behind_the_line(self, frame: MediaBody) -> list[MediaBody]:
        assert self.next is not None
        self.stats.late += 1
        if self.next - frame.chunk < FAR_BEHIND:
            self._behind = 0
            return []
        self._behind += 1
        if self._behind < RESTART_AFTER:
            return []
        self.stats.restarts += 1
        self._behind = 0
        self.next = frame.chunk + 1
        held, self.held = [self.held[chunk][0] for chunk in sorted(self.held)], {}
        return [*held, frame]


@dataclass(slots=True)
class TrackOrder:
    """Jitter buffers of a stream's tracks, whichever way its chunks are counted.

    The documents do not say whether `chunk` counts per track or per stream. It starts as per track;
    three gaps in a row that are none when counted over both tracks switch the stream over."""

    tracks: dict[str, JitterBuffer] = field(default_factory=dict[str, JitterBuffer])
    deadline: float = NEVER  # when `tick` next has work
    _last_chunk: int | None = None
    _last_track: str = ""
    _coincidences: int = 0
    _only: JitterBuffer | None = None  # of a stream with one track

    def passes(self, frame: MediaBody) -> bool:
        """Take a frame that is the next one of the only track, as nearly all are. False leaves it
        to `push`."""
        buffer = self._only
        if (
            buffer is None
            or frame.chunk != buffer.next
            or buffer.held
            or frame.track != self._last_track
        ):
            return False
        buffer.stats.received += 1
        buffer.next = frame.chunk + 1
        self._last_chunk = frame.chunk
        return True

    def push(self, frame: MediaBody, now: float) -> list[MediaBody]:
        buffer = self.tracks.get(frame.track)
        if buffer is None:
            buffer = self.tracks[frame.track] = JitterBuffer()
            self._only = buffer if len(self.tracks) == 1 else None
        per_stream = len(self.tracks) > 1 and self._counted_per_stream(frame)
        self._last_chunk, self._last_track = frame.chunk, frame.track
        if per_stream:
            due = [*buffer.tick(NEVER), *buffer.push(frame, now, in_order=True)]
        else:
            due = buffer.push(frame, now)
        if self.deadline < NEVER or buffer.held:
            self._replan()
        return due

    def tick(self, now: float) -> list[MediaBody]:
        """The frames behind gaps that have been held long enough; all of them at infinity."""
        if now < self.deadline:
            return []
        due = [frame for buffer in self.tracks.values() for frame in buffer.tick(now)]
        self._replan()
        return due

    def _replan(self) -> None:
        self.deadline = min((buffer.deadline() for buffer in self.tracks.values()), default=NEVER)

    def _counted_per_stream(self, frame: MediaBody) -> bool:
        follows = self._last_chunk is not None and frame.chunk == self._last_chunk + 1
        if follows and frame.track != self._last_track:
            self._coincidences = min(self._coincidences + 1, RESTART_AFTER)
        elif not follows and self._coincidences < RESTART_AFTER:
            self._coincidences = 0
        return follows and self._coincidences >= RESTART_AFTER
