"""An utterance: what is said or played in one go, on its way to the caller.

All counts are samples at the rate of the stream's codec. Only a `Playout` changes one."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from callbridge.media.ledger import Certainty, PendingMark
from telecodecs import Pcm, silence

EndReason = Literal["finished", "interrupted", "stream_lost", "call_ended"]


@dataclass(frozen=True, slots=True)
class Span:
    """Text that sounds in the samples [start, end) of its utterance."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How an utterance ended. `heard` is in samples of the utterance."""

    reason: EndReason
    heard: int
    certainty: Certainty


@dataclass(slots=True, eq=False)
class Utterance:
    """A stretch of speech or sound with one beginning and one end.

    Read it as you like; only its `Playout` changes it. `length` is what was queued so far and
    `sent` what went out of it, both with padding; `start` is the position of its first sample in
    the ledger once that was sent."""

    name: str = ""
    interruptible: bool = True  # whether speech over it may cut it
    closed: bool = False
    length: int = 0
    sent: int = 0
    start: int = -1
    spans: list[Span] = field(default_factory=list[Span])
    ending: Ending | None = None
    chunks: deque[Pcm] = field(default_factory=deque[Pcm])
    written_at: float = 0.0
    padding: int = 0  # silence at its very end, which is nobody's speech
    end_mark: PendingMark | None = None
    sent_at: float | None = None  # when its first message left, and ...
    heard_at: float | None = None  # ... when a mark said that the first was played

    @property
    def queued(self) -> int:
        return self.length - self.sent

    def heard_text(self) -> str:
        """The spans that were heard to their end."""
        return self.text_until(self.ending.heard if self.ending else 0)

    def text_until(self, sample: int) -> str:
        """The spans that end by `sample`: cut at the word, if a span is one."""
        return "".join(span.text for span in self.spans if span.end <= sample)

    def ends_span(self, before: int) -> bool:
        """Whether a span ended in what was sent since `before` was all of it."""
        return any(before < span.end <= self.sent for span in self.spans)

    def heard_of(self, position: int) -> int:
        """How much of it the caller has heard when the ledger stands at `position`."""
        if self.start < 0:
            return 0
        return max(0, min(position - self.start, self.sent, self.length - self.padding))

    def all_heard_at(self, position: int) -> bool:
        """Whether nothing of it is left to be heard when the ledger stands at `position`."""
        return self.closed and self.heard_of(position) == self.length - self.padding

    def take_back(self, pcm: Pcm) -> None:
        """The last that was taken goes back into the queue; padding does not."""
        padding, self.padding = self.padding, 0
        self.sent -= len(pcm)
        self.length -= padding
        self.chunks.appendleft(pcm[: len(pcm) - padding])

    def take(self, samples: int) -> Pcm:
        """The next `samples` of the queue, padded with silence if it holds fewer."""
        self.sent += samples
        if self.chunks and len(self.chunks[0]) == samples:
            return self.chunks.popleft()
        parts: list[Pcm] = []
        while samples and self.chunks:
            chunk = self.chunks.popleft()
            if len(chunk) > samples:
                self.chunks.appendleft(chunk[samples:])
                chunk = chunk[:samples]
            parts.append(chunk)
            samples -= len(chunk)
        if samples:
            parts.append(silence(samples))
            self.length += samples
            self.padding = samples if self.closed else 0
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
