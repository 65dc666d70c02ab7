"""Playout: what the bot says, from its queue to the caller's ear.

Pure state: no I/O, no clock. A bot may hand over ten seconds at once; the pacer keeps at most
`lead` of it unheard at the carrier, so that an interruption loses little and the ledger is exact.

Audio belongs to utterances. An utterance is open while its producer may add to it and ends when
the caller has heard it, or when it was cut. All samples are at the rate of the stream's codec."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from callbridge.media.ledger import CARRIER_TICK_S, Certainty, Ledger, PendingMark
from telecodecs import Pcm, silence

EndReason = Literal["finished", "interrupted", "stream_lost", "call_ended"]

PTIME_S = 0.020
ROUNDING_S = 1e-9
NEVER = float("inf")
NONE_ENDED: Sequence["Utterance"] = ()


@dataclass(frozen=True, slots=True)
class PlayoutSettings:
    """Seconds of audio, but for `patience`, which is time."""

    lead: float = 0.200  # unheard audio at the carrier: a ceiling, never a prefill
    chunk: float = 0.100  # the longest message after the first of an utterance
    mark_every: float = 1.0  # the longest stretch without a mark
    span_mark_every: float = 0.250  # marks for span ends come no closer than this
    patience: float = 2.0  # how long after its estimated end a missing mark is waited for


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


@dataclass(slots=True)
class PlayoutStats:
    underruns: int = 0  # the carrier ran dry in the middle of an utterance
    underrun_s: float = 0.0


class Playout:
    """Queue, pacer and ledger of one call's outgoing audio."""

    __slots__ = (
        "_chunk",
        "_ended",
        "_last_mark",
        "_lead",
        "_mark_apart",
        "_mark_every",
        "_ptime",
        "_to_hear",
        "_to_send",
        "ledger",
        "on_sent",
        "play_end",
        "sample_rate",
        "settings",
        "stats",
        "withheld",
    )

    def __init__(self, sample_rate: int, settings: PlayoutSettings | None = None) -> None:
        self.sample_rate = sample_rate
        self.settings = settings or PlayoutSettings()
        self.ledger = Ledger(sample_rate)
        self.stats = PlayoutStats()
        self.play_end = 0.0
        self.on_sent: Callable[[Pcm, float], None] | None = None  # audio, and when it will sound
        self._ptime = round(PTIME_S * sample_rate)
        self._lead = max(self.settings.lead, PTIME_S)
        self._chunk = max(self._ptime, round(min(self.settings.chunk, self._lead) * sample_rate))
        self._to_send: deque[Utterance] = deque()
        self._to_hear: deque[Utterance] = deque()  # sent; the end is not yet acknowledged
        self._ended: list[Utterance] = []
        self._last_mark = 0
        self._mark_every = self.settings.mark_every * sample_rate  # samples
        self._mark_apart = self.settings.span_mark_every * sample_rate
        self.withheld = False  # what may be interrupted stays here

    # ---- the producer's side ----------------------------------------------------------------

    def open(self, name: str = "", *, interruptible: bool = True) -> Utterance:
        """Begin an utterance behind those that are queued."""
        utterance = Utterance(name, interruptible)
        self._to_send.append(utterance)
        return utterance

    def write(self, utterance: Utterance, pcm: Pcm, now: float, text: str = "") -> None:
        """Add (n,) int16 samples, and the text they sound like. One that has ended stays so."""
        if utterance.ending or not len(pcm):
            return
        start = utterance.length
        utterance.chunks.append(pcm)
        utterance.length += len(pcm)
        utterance.written_at = now
        if text:
            utterance.spans.append(Span(text, start, utterance.length))

    def pass_on(self, utterance: Utterance, pcm: Pcm, now: float) -> bool:
        """Count live audio as sent that needs no queue: whole ptimes of an utterance that sounds,
        with nothing before it, room under the lead, and no mark due. False changes nothing."""
        size = len(pcm)
        seconds = size / self.sample_rate
        play_end = self.play_end
        if (
            len(self._to_send) != 1
            or self._to_send[0] is not utterance
            or not 0 < utterance.sent == utterance.length
            or utterance.closed
            or self._to_hear
            or self.withheld
            or not 0 < size <= self._chunk
            or size % self._ptime
            or not -CARRIER_TICK_S <= play_end - now <= self._lead - seconds
            or self.ledger.sent + size >= self._last_mark + self._mark_every
        ):
            return False
        if play_end <= now:
            play_end = now
            self.ledger.begin_stretch(now)
        utterance.length += size
        utterance.sent = utterance.length
        if self.on_sent is not None:
            self.on_sent(pcm, play_end + CARRIER_TICK_S)
        self.ledger.sent += size
        self.play_end = play_end + seconds
        return True

    def close(self, utterance: Utterance) -> None:
        """Nothing more will be added."""
        utterance.closed = True

    def interrupt(self, now: float) -> bool:
        """Drop everything. Returns whether the carrier holds audio of ours, so needs a `clear`."""
        at_carrier = bool(self._to_hear) or any(u.sent for u in self._to_send)
        self._cut([*self._to_hear, *self._to_send], "interrupted", now)
        self._to_hear.clear()
        self._to_send.clear()
        return at_carrier

    def withhold(self) -> None:
        """Send nothing more of what may be interrupted: the caller seems to speak."""
        self.withheld = True

    def resume(self) -> None:
        """They did not, or are done: go on where it stopped."""
        self.withheld = False

    def current(self) -> Utterance | None:
        """The utterance that the caller hears, or is about to."""
        return next(iter(self._to_hear or self._to_send), None)

    def ended(self) -> Sequence[Utterance]:
        """The utterances that have ended since the last call."""
        if not self._ended:
            return NONE_ENDED
        ended, self._ended = self._ended, []
        return ended

    def queued_s(self) -> float:
        """Seconds of audio that wait to be sent."""
        samples = 0
        for utterance in self._to_send:  # asked with every frame of an echo
            samples += utterance.length - utterance.sent
        return samples / self.sample_rate

    def unfinished(self) -> bool:
        """Whether an utterance has yet to end."""
        return bool(self._to_send or self._to_hear)

    def speaking(self, now: float) -> bool:
        """Whether the caller has something yet to hear."""
        return self.ledger.heard(now) < self.ledger.sent or any(u.queued for u in self._to_send)

    @property
    def between_utterances(self) -> bool:
        """Whether the next audio to be sent is the first of its utterance."""
        first = self._to_send[0] if self._to_send else None
        return first is None or not first.sent or (first.closed and not first.queued)

    # ---- the carrier's side -----------------------------------------------------------------

    def due(self, now: float) -> list[Pcm | PendingMark]:
        """The audio and the marks to send now, in order."""
        out: list[Pcm | PendingMark] = []
        soon = now + ROUNDING_S
        while self._to_send:
            utterance = self._to_send[0]
            size, when = self._next(utterance)
            if when > soon:
                break
            if size:
                self._send(utterance, size, now, out)
                if not utterance.closed and utterance.length == utterance.sent:
                    break  # all of a live one: nothing behind it may overtake
            else:
                self._to_send.popleft()
                self._sent_whole(utterance, out)
        return out

    def mark_returned(self, name: str, now: float) -> None:
        mark = self.ledger.returned(name, now)
        if mark is None or mark.epoch != self.ledger.epoch:
            return
        for utterance in (*self._to_hear, *self._to_send):
            if utterance.heard_at is None and -1 < utterance.start < mark.position:
                utterance.heard_at = now
        while self._to_hear and self._end_of(self._to_hear[0]).position <= mark.position:
            self._end(self._to_hear.popleft(), "finished", mark.position, "measured")

    def stream_lost(self, now: float) -> None:
        """The carrier's queue is gone with its socket; what was not sent yet stays queued."""
        begun = [*self._to_hear, *(u for u in self._to_send if u.sent)]
        self._cut(begun, "stream_lost", now)
        self._to_hear.clear()
        self._to_send = deque(u for u in self._to_send if not u.ending)

    def end(self, reason: EndReason, now: float) -> None:
        """No one listens any more: the call has ended, or its stream is gone for good."""
        self._cut([*self._to_hear, *self._to_send], reason, now)
        self._to_hear.clear()
        self._to_send.clear()

    def tick(self, now: float) -> None:
        """Stop waiting for marks that do not come: time decides."""
        while self._to_hear and now >= self._end_of(self._to_hear[0]).estimate + self._patience:
            utterance = self._to_hear.popleft()
            self._end(utterance, "finished", self._end_of(utterance).position, "estimated")

    def deadline(self) -> float:
        """When `due` or `tick` next has work; infinity for never."""
        when = self._next(self._to_send[0])[1] if self._to_send else NEVER
        if self._to_hear:
            when = min(when, self._end_of(self._to_hear[0]).estimate + self._patience)
        return when

    # ---- pacing -----------------------------------------------------------------------------

    @property
    def _patience(self) -> float:
        return self.settings.patience

    def _next(self, utterance: Utterance) -> tuple[int, float]:
        """The next message in samples, and when it may go; 0 samples is the end's turn.

        Messages are whole ptimes. One goes when there is room for it under the lead; less than a
        ptime goes, padded, as the end or when its producer has had a ptime to complete it and the
        carrier is about to run dry."""
        if self.withheld and utterance.interruptible:
            return 0, NEVER
        queued = utterance.length - utterance.sent
        if not queued:
            return 0, -NEVER if utterance.closed else NEVER
        partial = queued % self._ptime
        size = queued - partial
        if partial and utterance.closed:
            size += self._ptime
        if not size:
            return self._ptime, max(utterance.written_at + PTIME_S, self.play_end - PTIME_S)
        limit = self._chunk if utterance.sent else self._ptime
        if size > limit:
            size = limit
        return size, self.play_end + size / self.sample_rate - self._lead

    def _send(
        self, utterance: Utterance, size: int, now: float, out: list[Pcm | PendingMark]
    ) -> None:
        if self.play_end <= now:
            if utterance.sent and now - self.play_end > CARRIER_TICK_S:
                self.stats.underruns += 1
                self.stats.underrun_s += now - self.play_end
            self.play_end = now
            self.ledger.begin_stretch(now)
        first = not utterance.sent
        if first:
            utterance.start, utterance.sent_at = self.ledger.sent, now
        before = utterance.sent
        pcm = utterance.take(size)
        out.append(pcm)
        if self.on_sent is not None:
            self.on_sent(pcm, self.play_end + CARRIER_TICK_S)
        self.ledger.add(size)
        self.play_end += size / self.sample_rate
        since = self.ledger.sent - self._last_mark
        # After a span's end, but at most four times a second; after a second in any case.
        if (
            first
            or since >= self._mark_every
            or (utterance.spans and since >= self._mark_apart and utterance.ends_span(before))
        ):
            self._mark(out)

    def _mark(self, out: list[Pcm | PendingMark]) -> PendingMark:
        mark = self.ledger.expect_mark(self.play_end)
        self._last_mark = mark.position
        out.append(mark)
        return mark

    # ---- endings ----------------------------------------------------------------------------

    def _sent_whole(self, utterance: Utterance, out: list[Pcm | PendingMark]) -> None:
        if not utterance.sent:
            self._end(utterance, "finished", self.ledger.sent, "measured")
            return
        last = out[-1] if out else None
        fits = isinstance(last, PendingMark) and last.position == self.ledger.sent
        utterance.end_mark = last if fits and isinstance(last, PendingMark) else self._mark(out)
        self._to_hear.append(utterance)

    def _cut(self, utterances: list[Utterance], reason: EndReason, now: float) -> None:
        self.withheld = False
        certainty = self.ledger.certainty()
        heard = self.ledger.flush(now)
        self.play_end = now
        self._last_mark = heard
        for utterance in utterances:
            self._end(utterance, reason, heard, certainty)

    def _end(
        self, utterance: Utterance, reason: EndReason, position: int, certainty: Certainty
    ) -> None:
        heard = utterance.heard_of(position)
        if utterance.closed and heard == utterance.length - utterance.padding:
            reason = "finished"
        utterance.closed = True
        utterance.chunks.clear()
        utterance.length = utterance.sent
        utterance.ending = Ending(reason, heard, certainty)
        self._ended.append(utterance)

    @staticmethod
    def _end_of(utterance: Utterance) -> PendingMark:
        assert utterance.end_mark is not None, "only utterances with an end mark are waited for"
        return utterance.end_mark
