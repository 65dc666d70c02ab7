"""One relay session of a probe: what it says to the endpoint, and what it makes of the answers."""

import asyncio
import json
from dataclasses import dataclass, field
from functools import partial

from callbridge.carrier.parts.relay import CarrierRelaySession
from callbridge.probe import rules
from callbridge.probe.calls import ProbePace
from callbridge.probe.findings import ProbeBook
from callbridge.probe.line import ProbeLine
from callbridge.probe.rules import Rule
from callbridge.relay import wire

BAD_FRAMES = 10  # in a row, and the platform closes: contract of the relay
SHOWN = 120  # characters of what was seen


@dataclass(slots=True)
class ProbeTurn:
    """One answer of the endpoint: its tokens, or none if it is a sound file."""

    began_at: float
    tokens: list[str] = field(default_factory=list[str])
    closed_at: float | None = None

    @property
    def text(self) -> str:
        return "".join(self.tokens)

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class RelayTalk(CarrierRelaySession):
    """Strict: what the endpoint sends is refused as the platform refuses it, and written down."""

    def __init__(
        self, setup: wire.Setup, line: ProbeLine, book: ProbeBook, pace: ProbePace
    ) -> None:
        """Nothing has been said on the line; its messages are for `hear`."""
        super().__init__(self._put, bad_frames=BAD_FRAMES)
        self.setup, self.line = setup, line
        self.turns: list[ProbeTurn] = []
        self.ended = False  # by an `end` of the endpoint
        self._book, self._pace = book, pace
        self._now = asyncio.get_running_loop().time
        self.asked_at = 0.0  # the last time
        self._interrupted = False  # and no other turn has begun since
        self.open_turn: ProbeTurn | None = None  # the last one that was not closed
        self._outbox: list[str] = []

    # ---- what comes -------------------------------------------------------------------------

    async def hear(self, message: str | bytes) -> None:
        self._read(message)
        while self._outbox:
            await self.line.send(self._outbox.pop(0))
        if self.broken:
            self.line.give_up("the platform closed the socket")

    def _read(self, message: str | bytes) -> None:
        if len(message) > wire.MAX_FRAME_CHARS:
            self._book.found(rules.RELAY_FRAME_SIZE, f"{len(message):,} characters")
        if self.ended:
            self._book.found(rules.RELAY_AFTER_END, shown(message))
        frame = self.receive(message)
        if isinstance(frame, wire.TextToken):
            self._hear_token(frame)
        elif isinstance(frame, wire.PlaySource):
            self.turns.append(ProbeTurn(self._now(), closed_at=self._now()))
        elif isinstance(frame, wire.EndSession):
            self.ended = True

    def complain(self, description: str) -> None:
        """What the platform tells the endpoint."""
        self._book.found(rules.RELAY_FRAMES, description)
        super().complain(description)

    def _put(self, text: str) -> None:
        self._outbox.append(text)

    def _hear_token(self, frame: wire.TextToken) -> None:
        turn = self.open_turn
        if turn is None:
            if frame.last and not frame.token:
                self._close_nothing()
                return
            turn = self.open_turn = ProbeTurn(self._now())
            self.turns.append(turn)
            self._interrupted = False
        turn.tokens.append(frame.token)
        if frame.last:
            self.end_turn(turn)

    def _close_nothing(self) -> None:
        """Forgiven once after an interrupt: the turn's own end may have been on its way."""
        if not self._interrupted:
            self._book.found(rules.RELAY_TURN_ONCE, "an empty turn: `last: true` behind the last")
        self._interrupted = False

    # ---- what is said -----------------------------------------------------------------------

    async def say(self, frame: wire.RelayIncoming) -> None:
        await self.line.send(wire.encode(frame))

    async def say_odd(self, **fields: object) -> None:
        """A message that no typed frame can be: nulls, unknown fields."""
        await self.line.send(json.dumps(fields))

    async def ask(self, prompt: str) -> None:
        self.asked_at = self._now()
        await self.say(wire.Prompt(prompt, "en", last=True))

    async def interrupt(self) -> None:
        """As when the caller speaks over the bot: what was said of the turn counts as heard."""
        self._interrupted = True
        said = self.turns[-1].text if self.turns else ""
        await self.say(wire.RelayInterrupt(said[: len(said) // 2], 20 * len(said)))

    # ---- what is waited for -----------------------------------------------------------------

    async def answered(self, prompt: str, blames: Rule) -> ProbeTurn | None:
        """Ask, and wait for the whole answer; None without one, which breaks `blames`."""
        before = len(self.turns)
        await self.ask(prompt)
        return await self.answer_after(before, blames)

    async def answer_after(self, before: int, blames: Rule) -> ProbeTurn | None:
        """The whole answer that begins after so many turns; None breaks `blames`."""
        if not await self.begun(before):
            self.unanswered(blames)
            return None
        await self.settled()
        return self.turns[before]

    async def begun(self, before: int, within: float | None = None) -> bool:
        """Whether another turn begins after so many; in time of patience, if no other is given."""
        seconds = self._pace.patience if within is None else within
        return await self.line.until(lambda: len(self.turns) > before, seconds)

    def unanswered(self, blames: Rule) -> None:
        if self.ended:
            self._book.cannot_see("the endpoint ended the session with `end`")
        elif self.broken:
            self._book.cannot_see(f"{BAD_FRAMES} bad messages in a row: the platform closes")
        elif self.line.ending is not None:
            self._book.found(blames, self.line.ending)
        else:
            self._book.found(blames, f"no answer to a final prompt in {self._pace.patience:g} s")

    async def settled(self) -> None:
        """Until nothing is being said any more: every turn is closed, and no other one follows."""
        while True:
            await self._finished()
            if not await self.begun(len(self.turns), self._pace.quiet):
                return

    async def _finished(self) -> None:
        """Until the open turn is closed; one that stays open and silent breaks a rule."""
        while (turn := self.open_turn) is not None:
            goes_on = partial(_goes_on, turn, len(turn.tokens))
            if not await self.line.until(goes_on, self._waits_for_more):
                self._left_open(turn)
                return

    @property
    def _waits_for_more(self) -> float:
        """An endpoint that never closes its turns is not waited for each time."""
        pace = self._pace
        return pace.quiet if self._book.has(rules.RELAY_TURN_CLOSED) else pace.patience

    def _left_open(self, turn: ProbeTurn) -> None:
        self.end_turn(turn)
        if self.line.ending is None and not self.ended:
            seen = f"{len(turn.tokens)} tokens without a last one: {shown(turn.text)}"
            self._book.found(rules.RELAY_TURN_CLOSED, seen)

    def end_turn(self, turn: ProbeTurn) -> None:
        """What comes behind it is another one."""
        turn.closed_at = self._now()
        self.open_turn = None


def _goes_on(turn: ProbeTurn, tokens: int) -> bool:
    return not turn.is_open or len(turn.tokens) > tokens


def shown(message: str | bytes) -> str:
    text = message if isinstance(message, str) else repr(message)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
