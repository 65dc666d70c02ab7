"""What a call leaves behind: what was said and heard, sample by sample, and what happened."""

from collections.abc import Iterator
from typing import Literal

import msgspec
import numpy as np

from telecodecs import Pcm

MAX_TAPE = 50_000


class TapeEntry(msgspec.Struct, frozen=True):
    """`at_s` counts from the leg's start; `detail` depends on `kind`."""

    at_s: float
    kind: str
    detail: dict[str, object]


class CarrierTape:
    """The events of one leg in order. Full after MAX_TAPE entries; the rest is counted."""

    def __init__(self) -> None:
        self.entries: list[TapeEntry] = []
        self.dropped = 0

    def add(self, at_s: float, kind: str, **detail: object) -> None:
        if len(self.entries) < MAX_TAPE:
            self.entries.append(TapeEntry(round(at_s, 6), kind, detail))
        else:
            self.dropped += 1

    def of(self, kind: str) -> Iterator[TapeEntry]:
        return (entry for entry in self.entries if entry.kind == kind)


class Recorder:
    """Both sides of one leg from the moment of answer, 16 bit mono each."""

    def __init__(self, sample_rate: int, *, enabled: bool) -> None:
        self._caller = bytearray()
        self._bot = bytearray()
        self._silence = bytes(2 * (sample_rate // 50))
        self._enabled = enabled

    def add(self, caller: Pcm | None, bot: Pcm | None) -> None:
        """20 ms of both sides; None is silence."""
        if self._enabled:
            self._caller += self._silence if caller is None else caller.data
            self._bot += self._silence if bot is None else bot.data

    def drop(self) -> None:
        """Forget the audio: memory is for younger calls."""
        self._caller, self._bot = bytearray(), bytearray()

    @property
    def length(self) -> int:
        """Samples of each side."""
        return len(self._bot) // 2

    def since(self, sample: int) -> tuple[Pcm, Pcm]:
        """What was added from that sample on, of both sides, as it is now."""
        caller, bot = (bytes(memoryview(side)[2 * sample :]) for side in (self._caller, self._bot))
        return np.frombuffer(caller, np.int16), np.frombuffer(bot, np.int16)

    def tracks(self) -> tuple[Pcm, Pcm]:
        return np.frombuffer(bytes(self._caller), np.int16), np.frombuffer(
            bytes(self._bot), np.int16
        )


class HeardMark(msgspec.Struct, frozen=True):
    """A returned mark; all audio before `sample` (of the `bot` track) had been heard by then.

    `cleared` marks came back because their audio was dropped."""

    name: str
    sample: int
    cleared: bool


class CallReport(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """`caller` is what the caller said, `bot` what they heard: (n,) int16 from the answer on."""

    call_control_id: str
    direction: str
    from_: str
    to: str
    state: str
    sample_rate: int
    caller: Pcm
    bot: Pcm
    marks: tuple[HeardMark, ...]
    clears: tuple[int, ...]  # samples of `bot` heard when a clear came
    tape: tuple[TapeEntry, ...]
    tape_dropped: int
    answered_at_s: float | None  # since the leg's start
    audio_from_s: float | None = None  # of the first sample; up to a tick after the answer
    start_time: str = ""  # of the leg: ISO 8601, UTC
    bridged: bool
    stream_errors: int
    hangup_cause: str | None
    hangup_source: str | None
    failed: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        return len(self.bot) / self.sample_rate

    @property
    def hung_up_by(self) -> Literal["caller", "bot"] | None:
        """Whose end, named as the tracks are; None while the call lasts, and for the platform."""
        if self.hangup_source not in ("caller", "callee"):
            return None
        bot = "callee" if self.direction == "incoming" else "caller"
        return "bot" if self.hangup_source == bot else "caller"

    def summary(self) -> dict[str, object]:
        """Everything but the audio and the tape, for JSON."""
        plain = ("call_control_id", "direction", "to", "state", "sample_rate", "start_time",
                 "answered_at_s", "audio_from_s", "bridged", "stream_errors", "hangup_cause",
                 "hangup_source")  # fmt: skip
        fields: dict[str, object] = {name: getattr(self, name) for name in plain}
        return fields | {
            "from": self.from_,
            "duration_s": round(self.duration_s, 3),
            "marks_returned": sum(not mark.cleared for mark in self.marks),
            "marks_cleared": sum(mark.cleared for mark in self.marks),
            "failed": list(self.failed),
            "tape_dropped": self.tape_dropped,
        }
