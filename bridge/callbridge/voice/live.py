"""Speech that comes from outside, ready to be heard: what a model that speaks says.

It is an utterance like any other: paced, marked, and known to the ledger to the sample. Its words
come beside it and without times, so that they are spread over its sound."""

import asyncio
import re
from collections.abc import Callable

from callbridge.media.utterance import EndReason, Span, Utterance
from callbridge.tape.events import Said, WaterfallMeasured
from callbridge.tape.tape import Tape
from callbridge.tape.waterfall import Waterfall
from callbridge.voice.line import AudioLine
from telecodecs import Resampler, codec


class LiveSpeech:
    """What is written here is heard behind what was said before. Nothing here waits: what comes
    faster than it is heard is kept, so whoever writes sees to its length (`queued_s`)."""

    __slots__ = (
        "_codec",
        "_line",
        "_resampler",
        "_tape",
        "_text",
        "_written",
        "answers",
        "on_cut",
        "utterance",
    )

    def __init__(
        self, line: AudioLine, tape: Tape, utterance: Utterance, encoding: str, sample_rate: int
    ) -> None:
        self.utterance = utterance
        self.answers: Waterfall | None = None  # of the turn that it is the answer to
        self.on_cut: Callable[[], None] | None = None  # told when it was interrupted
        self._line = line
        self._tape = tape
        self._text = ""
        self._written = 0  # samples, also those that were dropped by a cut
        self._codec = codec(encoding, sample_rate)
        tx_rate = line.plan.tx_rate
        self._resampler = Resampler(sample_rate, tx_rate) if sample_rate != tx_rate else None
        line.hearing(utterance).add_done_callback(self._note)

    def write(self, payload: bytes) -> None:
        """Add audio in its encoding; nothing comes of it once the speech has ended."""
        pcm = self._codec.decode(payload)
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        line = self._line
        self._written += len(pcm)
        line.playout.write(self.utterance, pcm, line.clock.now())
        line.pump()

    def add_words(self, text: str) -> None:
        """What its sound says, about as far as it has come."""
        self._text += text

    def close(self) -> None:
        """Nothing more is to come."""
        utterance, line = self.utterance, self._line
        if utterance.closed:
            return
        if self._resampler is not None:
            rest = self._resampler.flush()
            self._written += len(rest)
            line.playout.write(utterance, rest, line.clock.now())
        self.spread_words()
        line.playout.close(utterance)
        line.pump()

    @property
    def text(self) -> str:
        return self._text

    @property
    def heard_text(self) -> str:
        """What of its text was heard; all of it while it goes on."""
        over = self.utterance.ending is not None
        return (self.utterance.heard_text() if over else self._text).strip()

    @property
    def sent_at(self) -> float | None:
        """When its first sound left, in seconds of the call's clock."""
        return self.utterance.sent_at

    @property
    def heard_s(self) -> float:
        """How much of it the caller has heard."""
        line, utterance = self._line, self.utterance
        if utterance.ending is not None:
            heard = utterance.ending.heard
        else:
            heard = utterance.heard_of(line.playout.ledger.heard(line.clock.now()))
        return heard / line.playout.sample_rate

    @property
    def queued_s(self) -> float:
        """Seconds of it that wait to be sent."""
        return self.utterance.queued / self._line.playout.sample_rate

    @property
    def ended(self) -> EndReason | None:
        """Why it is over, once it is."""
        return self.utterance.ending.reason if self.utterance.ending is not None else None

    async def over(self) -> None:
        """Until it was heard or cut."""
        await asyncio.shield(self._line.hearing(self.utterance))

    def spread_words(self) -> None:
        """Give each word its share of the sound by its length: an estimate, good to a word or two
        in fluent speech. The text is known only about as far as the sound is."""
        utterance = self.utterance
        words = re.findall(r"\s*\S+\s*", self._text)
        total = sum(map(len, words))
        utterance.spans.clear()
        at = 0
        for word in words:
            start, at = at, at + len(word)
            utterance.spans.append(
                Span(word, self._written * start // total, self._written * at // total)
            )

    def _note(self, future: "asyncio.Future[Utterance]") -> None:
        utterance = self.utterance
        ending = utterance.ending
        if future.cancelled() or ending is None:
            return
        if ending.reason == "interrupted" and self.on_cut is not None:
            self.on_cut()
        if utterance.sent_at is None:
            return
        self.spread_words()
        if self.answers is not None:
            self._tell_waterfall(self.answers)
        self._tape.write(
            Said(
                text=self._text.strip(),
                heard=utterance.heard_text().strip(),
                heard_s=round(ending.heard / self._line.playout.sample_rate, 3),
                stop=ending.reason,
                certainty=ending.certainty,
                sent_at=self._line.wall(utterance.sent_at),
            )
        )

    def _tell_waterfall(self, answers: Waterfall) -> None:
        answers.first_sent, answers.first_heard = self.utterance.sent_at, self.utterance.heard_at
        began = self._line.wall(answers.last_voiced)
        self._tape.write(WaterfallMeasured(last_voiced_at=began, after_s=answers.after_s()))
