"""Playout: what the bot says, from its queue to the caller's ear.

Pure state: no I/O, no clock. A bot may hand over ten seconds at once; the pacer keeps at most
`lead` of it unheard at the carrier, so that an interruption loses little and the ledger is exact.

Audio belongs to utterances. An utterance is open while its producer may add to it and ends when
the caller has heard it, or when it was cut. All samples are at the rate of the stream's codec.

Background sound is no utterance: it is mixed under what is said and goes alone where nothing is,
only a little ahead, as whatever is said next has to wait for it (`background`)."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callbridge.media.background import BackgroundSound, Bed
from callbridge.media.ledger import CARRIER_TICK_S, Certainty, Ledger, PendingMark
from callbridge.media.sent import SentSpeech
from callbridge.media.utterance import Ending, EndReason, Span, Utterance
from telecodecs import Pcm

PTIME_S = 0.020
ROUNDING_S = 1e-9
REMEMBERED_S = 1.0  # of what was sent: marks say so late that it was heard
NEVER = float("inf")
NONE_ENDED: Sequence[Utterance] = ()


@dataclass(frozen=True, slots=True)
class PlayoutSettings:
    """Seconds of audio, but for `patience`, which is time."""

    lead: float = 0.200  # unheard audio at the carrier: a ceiling, never a prefill
    chunk: float = 0.100  # the longest message after the first of an utterance
    mark_every: float = 1.0  # the longest stretch without a mark
    span_mark_every: float = 0.250  # marks for span ends come no closer than this
    patience: float = 2.0  # how long after its estimated end a missing mark is waited for
    background_lead: float = 0.060  # of background alone: as much later may speech begin
    go_back: float = 0.600  # at most, to where a word began that was cut by withholding


@dataclass(slots=True)
class PlayoutStats:
    underruns: int = 0  # the carrier ran dry in the middle of an utterance
    underrun_s: float = 0.0


class Playout:
    """Queue, pacer and ledger of one call's outgoing audio."""

    __slots__ = (
        "_background_ahead",
        "_certainty",
        "_chunk",
        "_ended",
        "_flushed_to",
        "_go_back",
        "_last_mark",
        "_lead",
        "_mark_apart",
        "_mark_every",
        "_ptime",
        "_sent_speech",
        "_to_hear",
        "_to_send",
        "bed",
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
        self._background_ahead = min(self.settings.background_lead, self._lead) - PTIME_S
        self.bed: Bed | None = None  # background that sounds, or was the last that was sent
        self._to_send: deque[Utterance] = deque()
        self._to_hear: deque[Utterance] = deque()  # sent; the end is not yet acknowledged
        self._ended: list[Utterance] = []
        self._last_mark = 0
        self._mark_every = self.settings.mark_every * sample_rate  # samples
        self._mark_apart = self.settings.span_mark_every * sample_rate
        self.withheld = False  # what may be interrupted stays here
        self._flushed_to = 0  # the position at which the carrier last held nothing, and ...
        self._certainty: Certainty = "estimated"  # ... how sure that was when it was withheld
        self._go_back = round(self.settings.go_back * sample_rate)
        self._sent_speech: SentSpeech | None = None

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
            self.bed is not None
            or len(self._to_send) != 1
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
        if self._sent_speech is not None:
            self._sent_speech.add(utterance, pcm)
        self.ledger.sent += size
        self.play_end = play_end + seconds
        return True

    def close(self, utterance: Utterance) -> None:
        """Nothing more will be added."""
        utterance.closed = True

    def cut_short(self, utterance: Utterance) -> None:
        """It ends, well, behind what was sent of it so far."""
        utterance.chunks.clear()
        utterance.length = utterance.sent
        utterance.closed = True

    def interrupt(self, now: float) -> bool:
        """Drop all that is said. Returns whether the carrier holds any of it, so needs a `clear`.

        That drops background, too, which then goes on where it stopped."""
        at_carrier = self.ledger.sent > self._flushed_to and (
            bool(self._to_hear) or any(u.sent for u in self._to_send)
        )
        self._cut([*self._to_hear, *self._to_send], "interrupted", now)
        if at_carrier or self.bed is None:
            self._emptied(now)
        self._to_hear.clear()
        self._to_send.clear()
        return at_carrier

    def remember(self) -> None:
        """From now on what was sent can be taken back, as long as the caller has not heard it."""
        seconds = REMEMBERED_S + self.settings.lead + self.settings.go_back
        self._sent_speech = SentSpeech(round(seconds * self.sample_rate))

    def withhold(self, now: float) -> bool:
        """The caller seems to speak: send nothing more of what may be interrupted, and take back
        what they have not heard. Returns whether the carrier holds any of it, so needs a `clear`.

        A playout that does not `remember` has nothing to take back: its lead plays out."""
        self.withheld = True
        current, sent_speech = self.current(), self._sent_speech
        ahead = self.ledger.sent - self.ledger.heard(now)
        if sent_speech is None or current is None or not current.interruptible or not ahead:
            return False
        certainty = self._certainty = self.ledger.certainty()
        heard = self._flush(now)
        self._emptied(now)
        self._to_send.extendleft(reversed(self._to_hear))
        self._to_hear.clear()
        while self._to_send and self._to_send[0].all_heard_at(heard):
            self._end(self._to_send.popleft(), "finished", heard, certainty)
        sent_speech.take_back(ahead)
        return True

    def resume(self, now: float) -> None:
        """They did not, or are done: go on where it stopped, at the beginning of a word."""
        if not self.withheld:
            return
        self.withheld = False
        self.play_end = max(self.play_end, now)  # the pause was meant, and is no underrun
        utterance = self._to_send[0] if self._to_send else None
        taken_back = self.ledger.sent == self._flushed_to
        if (
            self._sent_speech is not None
            and utterance is not None
            and utterance.sent
            and taken_back
        ):
            self._sent_speech.to_word_start(utterance, self._go_back, self.sample_rate)
            utterance.start = self.ledger.sent - utterance.sent

    def add_background(self, sound: BackgroundSound) -> None:
        """From now on it sounds, until it ends; what sounded before is heard again after it."""
        if self.bed is None:
            self.bed = Bed(self.sample_rate, self.play_end)
        self.bed.add(sound)

    def end_background(self, sound: BackgroundSound) -> None:
        if self.bed is not None:
            self.bed.end(sound)

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
    def has_background(self) -> bool:
        """Whether the caller hears a background."""
        return self.bed is not None and bool(self.bed)

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
        if self.bed is not None:
            self._send_background(self.bed, now, out)
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
        self._emptied(now)
        self._to_hear.clear()
        self._to_send = deque(u for u in self._to_send if not u.ending)

    def end(self, reason: EndReason, now: float) -> None:
        """No one listens any more: the call has ended, or its stream is gone for good."""
        self._cut([*self._to_hear, *self._to_send], reason, now)
        self._emptied(now)
        self.bed = None
        self._to_hear.clear()
        self._to_send.clear()

    def tick(self, now: float) -> None:
        """Stop waiting for marks that do not come: time decides."""
        while self._to_hear and now >= self._waited_until(self._to_hear[0]):
            utterance = self._to_hear.popleft()
            self._end(utterance, "finished", self._end_of(utterance).position, "estimated")

    def deadline(self) -> float:
        """When `due` or `tick` next has work; infinity for never."""
        when = self._next(self._to_send[0])[1] if self._to_send else NEVER
        if self._to_hear:
            when = min(when, self._waited_until(self._to_hear[0]))
        if self.bed:
            when = min(when, self.play_end - self._background_ahead)
        return when

    # ---- pacing -----------------------------------------------------------------------------

    def _waited_until(self, utterance: Utterance) -> float:
        """When it counts as heard though no mark says so. A mark that has come too early to be
        believed does not come again: then it is heard when it should be."""
        end = self._end_of(utterance)
        came = end.position <= self.ledger.early_until
        return end.estimate + (CARRIER_TICK_S if came else self.settings.patience)

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
            dry = self.play_end if self.bed is None else self.bed.speech_end
            return self._ptime, max(utterance.written_at + PTIME_S, dry - PTIME_S)
        limit = self._chunk if utterance.sent else self._ptime
        if size > limit:
            size = limit
        return size, self.play_end + size / self.sample_rate - self._lead

    def _send(
        self, utterance: Utterance, size: int, now: float, out: list[Pcm | PendingMark]
    ) -> None:
        bed = self.bed
        if self.play_end <= now or (bed is not None and bed.alone):
            self._begin_stretch(utterance, now)
        first = not utterance.sent
        if first:
            utterance.start = self.ledger.sent
            if utterance.sent_at is None:  # else it was taken back to its beginning
                utterance.sent_at = now
        before = utterance.sent
        pcm = utterance.take(size)
        if self._sent_speech is not None:
            self._sent_speech.add(utterance, pcm)
        if bed is not None:
            pcm = bed.under(pcm)
        out.append(pcm)
        if self.on_sent is not None:
            self.on_sent(pcm, self.play_end + CARRIER_TICK_S)
        self.ledger.add(size)
        self.play_end += size / self.sample_rate
        if bed is not None:
            bed.speech_end = self.play_end
            if not bed:
                self.bed = None
        since = self.ledger.sent - self._last_mark
        # After a span's end, but at most four times a second; after a second in any case.
        if (
            first
            or since >= self._mark_every
            or (utterance.spans and since >= self._mark_apart and utterance.ends_span(before))
        ):
            self._mark(out)

    def _begin_stretch(self, utterance: Utterance, now: float) -> None:
        """The next speech follows a pause, silent or with background alone in it."""
        paused_at = self.play_end if self.bed is None else self.bed.speech_end
        self.play_end = begins = max(now, self.play_end)
        if utterance.sent and begins - paused_at > CARRIER_TICK_S:
            self.stats.underruns += 1
            self.stats.underrun_s += begins - paused_at
        self.ledger.begin_stretch(now, begins)

    def _send_background(self, bed: Bed, now: float, out: list[Pcm | PendingMark]) -> None:
        """Where speech leaves a pause, a ptime at a time."""
        while bed and self.play_end - self._background_ahead <= now + ROUNDING_S:
            self.play_end = max(now, self.play_end)
            pcm = bed.by_itself(self._ptime)
            out.append(pcm)
            if self.on_sent is not None:
                self.on_sent(pcm, self.play_end + CARRIER_TICK_S)
            self.play_end += PTIME_S

    def _emptied(self, now: float) -> None:
        """The carrier holds nothing of ours any more."""
        if self.bed is not None:
            self.bed.dropped(self.play_end, now)
        self.play_end = now

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
        flushed = self.withheld and self.ledger.sent == self._flushed_to
        certainty = self._certainty if flushed else self.ledger.certainty()
        self.withheld = False
        heard = self._flush(now)
        if self._sent_speech is not None:
            self._sent_speech.forget()
        for utterance in utterances:
            self._end(utterance, reason, heard, certainty)

    def _flush(self, now: float) -> int:
        """The carrier's queue is dropped. Returns how much was heard."""
        self._last_mark = self._flushed_to = heard = self.ledger.flush(now)
        return heard

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
