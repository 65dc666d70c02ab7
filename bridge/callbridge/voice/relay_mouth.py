"""The mouth of a relayed call: text leaves as it comes, and the platform speaks it.

The platform never says that it has finished. A text has been heard when the time that it takes to
speak it has passed, or the platform reports that the caller has interrupted it."""

import asyncio
import re
from collections.abc import AsyncIterable, Callable
from typing import Protocol

import msgspec

from callbridge.errors import StreamLost
from callbridge.media.ledger import Certainty
from callbridge.media.utterance import EndReason
from callbridge.relay import wire
from callbridge.relay.stream import RelayStream
from callbridge.tape.events import Said, WaterfallMeasured
from callbridge.tape.tape import Tape
from callbridge.tape.waterfall import Waterfall
from callbridge.timing.clock import Clock, first_of, wall_of
from callbridge.voice.source import (
    STUCK_S,
    Dismissal,
    Pieces,
    failure_of,
    require_text,
    source_of,
)

# espeak-ng at its usual 175 words a minute: these two give it within 4 % for English texts of
# 19 to 68 characters; telephone voices are about as fast.
CHARACTERS_PER_S = 21.7
SENTENCE_S = 0.55  # its last syllable is drawn out, and a pause follows
SENTENCE_ENDS = re.compile("[.!?…。！？।؟]+")
WRITE_BUFFER = 65_536  # bytes not yet taken by the socket; above it the source waits
LOOK_S = 0.05  # between two looks at a full one


def spoken_s(text: str, characters_per_s: float = CHARACTERS_PER_S) -> float:
    """Seconds that it takes to speak a text. A voice that is faster also pauses for less time."""
    sentences = len(SENTENCE_ENDS.findall(text))
    return (len(text) + sentences * SENTENCE_S * CHARACTERS_PER_S) / characters_per_s


class RelayClock:
    """When the platform will have spoken all that it was sent, at its estimated pace."""

    __slots__ = ("_clock", "_pace", "now", "silent_at")

    def __init__(self, clock: Clock, characters_per_s: float) -> None:
        self.now = clock.now
        self._clock = clock
        self.silent_at = 0.0
        self._pace = characters_per_s

    def add(self, text: str, now: float) -> float:
        """Returns when it will have been spoken."""
        self.silent_at = max(self.silent_at, now) + spoken_s(text, self._pace)
        return self.silent_at

    def add_s(self, seconds: float, now: float) -> float:
        self.silent_at = max(self.silent_at, now) + seconds
        return self.silent_at

    def wall(self, at: float) -> float:
        """A time of the loop as Unix seconds."""
        return wall_of(self._clock, at)

    def stop(self) -> None:
        self.silent_at = self.now()

    @property
    def speaking(self) -> bool:
        return self.now() < self.silent_at


class RelayStretch:
    """Text that is said without a pause of ours: what a history remembers of it."""

    __slots__ = (
        "began_at",
        "certainty",
        "ended",
        "ends_at",
        "heard",
        "heard_s",
        "sent_at",
        "text",
    )

    def __init__(self) -> None:
        self.text = ""
        self.began_at = self.ends_at = 0.0
        self.sent_at: float | None = None
        self.ended: EndReason | None = None
        self.heard = ""  # once it has ended
        self.heard_s = 0.0
        self.certainty: Certainty = "estimated"

    def heard_by(self, now: float) -> str:
        """What of it was heard, as far as time tells, cut at a word."""
        if self.ended is not None:
            return self.heard
        if now >= self.ends_at:
            return self.text
        share = (now - self.began_at) / max(self.ends_at - self.began_at, 1e-6)
        characters = round(share * len(self.text))
        return self.text[: self.text.rfind(" ", 0, max(characters, 0) + 1) + 1]

    @property
    def unheard(self) -> str:
        """The text behind what was heard, once it was cut; empty where the platform reports words
        that are not ours."""
        if self.ended in (None, "finished") or not self.text.startswith(self.heard):
            return ""
        return self.text.removeprefix(self.heard)

    def end(self, reason: EndReason, now: float) -> None:
        """Only the first end counts; a report of the platform may still correct it."""
        if self.ended is None:
            self.heard = self.text if reason == "finished" else self.heard_by(now)
            spoken = min(now, self.ends_at) - self.began_at if self.sent_at is not None else 0.0
            self.heard_s = max(0.0, spoken)
            self.ended = reason


class RelaySaying:
    """One text on its way to be heard: a turn of the relay, or one for each stretch between two
    things that its source asks of the call."""

    __slots__ = ("_mouth", "_remember", "cut", "stretches")

    def __init__(self, mouth: "RelayMouth", remember: Callable[[RelayStretch], None]) -> None:
        self.cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stretches: list[RelayStretch] = []
        self._mouth = mouth
        self._remember = remember
        self.open()

    @property
    def text(self) -> str:
        return "".join(stretch.text for stretch in self.stretches)

    @property
    def sent_at(self) -> float | None:
        return self.stretches[0].sent_at

    def open(self) -> RelayStretch:
        """The stretch that the next words belong to."""
        if self.stretches and self.stretches[-1].ended is None:
            return self.stretches[-1]
        stretch = RelayStretch()
        self.stretches.append(stretch)
        self._remember(stretch)
        return stretch

    async def caught_up(self, *, heard: bool = True) -> None:
        await self._mouth.finish(self, wait=heard)
        if self.cut.done():
            await asyncio.sleep(STUCK_S)  # the cancellation is on its way

    def end(self, reason: EndReason, now: float) -> None:
        self.stretches[-1].end(reason, now)
        if reason != "finished" and not self.cut.done():
            self.cut.set_result(None)

    def outcome(self) -> tuple[EndReason, float, Certainty, str]:
        """Why it ended, seconds heard, how certain that is, and their text."""
        ends: list[EndReason] = [s.ended for s in self.stretches if s.ended is not None]
        reasons: list[EndReason] = [reason for reason in ends if reason != "finished"]
        reported = any(stretch.certainty == "reported" for stretch in self.stretches)
        return (
            reasons[0] if reasons else "finished",
            sum(stretch.heard_s for stretch in self.stretches),
            "reported" if reported else "estimated",
            "".join(stretch.heard for stretch in self.stretches),
        )


class RelaySeat(Protocol):
    """Where the live session is; None while there is none."""

    stream: RelayStream | None


class RelayMouth:
    __slots__ = (
        "_answered",
        "_clock",
        "_dismiss",
        "_greeting",
        "_remember",
        "_seat",
        "_tape",
        "last",
    )

    def __init__(
        self,
        seat: RelaySeat,
        clock: RelayClock,
        tape: Tape,
        dismiss: Dismissal,
        remember: Callable[[RelayStretch], None],
        answered: Callable[[Waterfall], dict[str, float]],
    ) -> None:
        self.last: RelaySaying | None = None
        self._greeting: RelaySaying | None = None  # while it is not on the tape
        self._seat = seat
        self._clock = clock
        self._tape = tape
        self._dismiss = dismiss
        self._remember = remember
        self._answered = answered

    async def say(
        self, text: str | AsyncIterable[str], *, answers: Waterfall | None = None
    ) -> RelaySaying:
        """Returns when it was heard to the end, as far as time tells, or cut.

        Raises what the text's source raises, when what came before was heard."""
        require_text(text)
        self._live()
        saying = self.last = RelaySaying(self, self._remember)
        source = asyncio.create_task(
            self._pull(text, saying, answers),
            name=f"text of {getattr(text, '__qualname__', type(text).__name__)}",
        )
        failure: BaseException | None = None
        try:
            await first_of(source, saying.cut)
            await self.finish(saying)
        finally:
            self.close_turn()
            saying.end("interrupted", self._clock.now())  # unless it has ended: it was cancelled
            failure = failure_of(source)
            self._note(saying, answers)
            await self._dismiss(source)
        if failure is not None:
            raise failure
        return saying

    async def play(self, url: str, seconds: float, times: int, *, preemptible: bool) -> RelaySaying:
        """A turn without words, of so many seconds each time. Returns when it has been heard, as
        far as time tells, or cut."""
        stream = self._live()
        saying = self.last = RelaySaying(self, self._remember)
        now = self._clock.now()
        stretch = self._begun(saying, now)
        stream.send(wire.PlaySource(url, loop=times, preemptible=preemptible))
        stretch.ends_at = self._clock.add_s(seconds * times, now)
        try:
            await self.finish(saying)
        finally:
            saying.end("interrupted", self._clock.now())
        return saying

    def hold(self, url: str, times: int) -> None:
        """A sound that nobody waits for, and that only the next text or sound ends."""
        self._live().send(wire.PlaySource(url, loop=times, interruptible=False, preemptible=True))

    def greeted(self, text: str) -> None:
        """The platform has begun to say this by itself."""
        saying = self.last = self._greeting = RelaySaying(self, self._remember)
        now = self._clock.now()
        stretch = self._begun(saying, now)
        stretch.text = text
        stretch.ends_at = self._clock.add(text, now)

    def end_last(self, reason: EndReason) -> None:
        """What is being said is cut."""
        self._note_greeting(reason)
        if self.last is not None:
            self.last.end(reason, self._clock.now())

    def _note_greeting(self, reason: EndReason = "interrupted") -> None:
        """On the tape, when something has ended that came after it, or cut it."""
        saying, self._greeting = self._greeting, None
        if saying is not None:
            now = self._clock.now()
            saying.end("finished" if now >= saying.stretches[-1].ends_at else reason, now)
            self._note(saying, None)

    def switch_language(self, speak: str | None, hear: str | None) -> None:
        """Behind what was said so far."""
        unset = msgspec.UNSET
        self._live().send(wire.SwitchLanguage(speak or unset, hear or unset))

    async def _pull(
        self, text: str | AsyncIterable[str], saying: RelaySaying, answers: Waterfall | None
    ) -> None:
        source_of(saying)
        try:
            async with Pieces(text) as pieces:
                async for piece in pieces:
                    if saying.cut.done():
                        return  # it should have been cancelled, and took no notice
                    if answers is not None and answers.first_token is None:
                        answers.first_token = self._clock.now()
                    if piece:
                        stream = self._live()
                        if stream.buffered() > WRITE_BUFFER:
                            stream = await self._room(saying)
                            if saying.cut.done():
                                return
                        self._send(stream, piece, saying)
        except asyncio.CancelledError as cancelled:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            raise RuntimeError("the source of a text was cancelled, but not by us") from cancelled

    async def _room(self, saying: RelaySaying) -> RelayStream:
        """Wait until the socket has taken enough, or the text was cut."""
        stream = self._live()
        while stream.buffered() > WRITE_BUFFER and not saying.cut.done():
            await asyncio.sleep(LOOK_S)
            stream = self._live()
        return stream

    def _send(self, stream: RelayStream, piece: str, saying: RelaySaying) -> None:
        now = self._clock.now()
        stretch = self._begun(saying, now)
        stream.token(piece)
        stretch.text += piece
        stretch.ends_at = self._clock.add(piece, now)

    def _begun(self, saying: RelaySaying, now: float) -> RelayStretch:
        """Its open stretch, which sounds as soon as all before it has."""
        stretch = saying.stretches[-1]
        if stretch.ended is not None:
            stretch = saying.open()
        if stretch.sent_at is None:
            stretch.sent_at = now
            stretch.began_at = max(now, self._clock.silent_at)
        return stretch

    def _live(self) -> RelayStream:
        """Raises StreamLost where there is no session that can be talked to."""
        stream = self._seat.stream
        if stream is None or not stream.talking:
            raise StreamLost("the relay session is over")
        return stream

    async def finish(self, saying: RelaySaying, *, wait: bool = True) -> None:
        """Close the turn, and wait until it has been spoken or cut."""
        self.close_turn()
        stretch = saying.stretches[-1]
        while wait and not saying.cut.done():
            left = stretch.ends_at - self._clock.now()
            if left <= 0:
                break
            await first_of(saying.cut, timeout=left)
        if wait and not saying.cut.done():
            saying.end("finished", self._clock.now())

    def close_turn(self) -> None:
        """No turn of ours stays open, whatever becomes of it."""
        if (stream := self._seat.stream) is not None:
            stream.close_turn()

    def _note(self, saying: RelaySaying, answers: Waterfall | None) -> None:
        self._note_greeting()
        if answers is not None:
            answers.first_sent = saying.sent_at
            steps = self._answered(answers)
            began = self._clock.wall(answers.last_voiced)
            self._tape.write(WaterfallMeasured(last_voiced_at=began, since="prompt", after_s=steps))
        for stretch in saying.stretches:
            if stretch.ended is not None and stretch.sent_at is not None:
                self._tape.write(
                    Said(
                        text=stretch.text,
                        heard=stretch.heard,
                        heard_s=round(stretch.heard_s, 3),
                        stop=stretch.ended,
                        certainty=stretch.certainty,
                        sent_at=self._clock.wall(stretch.sent_at),
                    )
                )
