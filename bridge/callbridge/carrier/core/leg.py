"""One leg: its identity, its state, what it says and what it hears."""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from typing import Literal, TypeVar

import msgspec

from callbridge.carrier.audio.playout import TICKS_PER_S, Channel
from callbridge.carrier.core.part import Part
from callbridge.carrier.core.report import CallReport, CarrierTape, HeardMark, Recorder
from callbridge.carrier.core.routing import Routing
from callbridge.carrier.people.caller import Caller
from callbridge.carrier.people.echo import LineEcho
from callbridge.carrier.people.expect import Expectation
from callbridge.carrier.people.person import Person
from callbridge.carrier.people.script import CallScript
from telecodecs import Encoding, Pcm, silence
from telecodecs.dtmf import DtmfDetector
from telecodecs.mix import mix

P = TypeVar("P", bound=Part)

NEVER = float("inf")
MAX_MARKS = 100_000  # that a report remembers; a call of four hours with four a second has fewer


class LegState(Enum):
    PARKED = "parked"  # inbound, not answered
    RINGING = "ringing"  # outbound, not answered
    ANSWERED = "answered"
    ENDED = "ended"


class Identity(msgspec.Struct, frozen=True):
    call_control_id: str
    call_leg_id: str
    call_session_id: str
    connection_id: str
    direction: Literal["incoming", "outgoing"]
    from_: str
    to: str
    start_time: str


class CarrierEnding(msgspec.Struct, frozen=True):
    """Why a leg ended, in the platform's words; `sip` is a status code as a string."""

    cause: str
    source: Literal["caller", "callee", "unknown"]
    sip: str


class CarrierPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is going to happen to a leg by itself, in clock seconds."""

    pick_up_at: float = NEVER
    refusal: CarrierEnding | None = None  # comes at `pick_up_at` in place of an answer
    give_up_at: float = NEVER
    on_give_up: CarrierEnding = CarrierEnding("timeout", "callee", "487")
    limit_at: float = NEVER
    time_limit_s: float = 14400.0  # counts from the answer, which sets `limit_at`


AfterUnbridge = Literal["end", "park", "hold"]


Headers = tuple[tuple[str, str], ...]  # pairs of `name` and `value`


class CallHeaders(msgspec.Struct, frozen=True):
    """What a call brings along beside its numbers."""

    custom: Headers = ()
    sip: Headers = ()


class BridgePlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a leg is to be bridged: whether the event is told of both legs, whether one that is
    bridged already is left alone, whether the new leg is to hear something first, and what becomes
    of the first leg when the other one leaves; None is what was said before."""

    tell_both: bool = False
    prevent_double: bool = False
    hears_first: bool = False  # whoever plays that says when they are to be bridged
    after: AfterUnbridge | None = None


class CarrierLeg:
    """State of one leg. `Exchange` moves it; here is only what needs no other leg's help."""

    def __init__(
        self, identity: Identity, encoding: Encoding, routing: Routing, now: float, *, record: bool
    ) -> None:
        self.identity = identity
        self.call_control_id = identity.call_control_id
        self.encoding = encoding
        self.routing = routing
        self.rerouted: Routing | None = None  # of the command or the part that acts just now
        self.client_state: str | None = None
        self.billing_group_id: str | None = None
        self.state = LegState.PARKED if identity.direction == "incoming" else LegState.RINGING
        self.started_at = now
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.ending: CarrierEnding | None = None
        self.plan = CarrierPlan()
        self.deadline = NEVER  # of the plan
        self.caller: Person | None = None  # None where nobody picks up, and after the end
        self.expect: tuple[Expectation, ...] = ()

        self.partner: CarrierLeg | None = None  # bridged with
        # To be bridged with as soon as this one is answered, or has heard what comes first; how.
        self.bridge_to: CarrierLeg | None = None
        self.bridge_plan = BridgePlan()
        self.headers = CallHeaders()
        self.answer_headers: Headers = ()  # the custom ones of the answer command
        self.rivals: tuple[CarrierLeg, ...] = ()  # dialled with this one: the first answer wins
        self.was_bridged = False
        self.after_unbridge: AfterUnbridge = "end"  # when the other leg leaves
        self.held = False  # by the platform, after its bridge
        self.away = False  # the far end has put the call on hold

        self.parts: tuple[Part, ...] = ()
        self.channels: tuple[Channel, ...] = ()  # all that is played on this leg
        self.answered_with: dict[str, object] = {}  # what call.answered repeats of the command
        self.streaming = False  # what the far end says reaches the customer
        self.echo: LineEcho | None = None
        self.tones: DtmfDetector | None = None  # where keys come as sound, not as events
        self.said: Pcm | None = None  # 20 ms of the current tick
        self.uttered: Pcm | None = None  # the same without the echo of the line
        self.ticks = 0  # since the answer
        self.heard_from: float | None = None  # when the first of them was

        self.tape = CarrierTape()
        self.recorder = Recorder(encoding.sample_rate, enabled=record)
        self.marks: list[HeardMark] = []
        self.clears: list[int] = []
        self.stream_errors = 0
        self.failures: list[str] = []

    def carry_out(self, script: CallScript) -> None:
        """There is somebody at the far end."""
        self.caller = Caller(script, self.encoding.sample_rate)
        self.expect = script.expect
        self.echo = LineEcho(script.echo) if script.echo is not None else None
        if script.keys == "tones":
            self.tones = DtmfDetector(self.encoding.sample_rate)

    @property
    def scripted(self) -> Caller | None:
        """Whoever is at the far end and can be given more to do."""
        return self.caller if isinstance(self.caller, Caller) else None

    def intend(self, plan: CarrierPlan) -> None:
        self.plan = plan
        self.deadline = min(plan.pick_up_at, plan.give_up_at, plan.limit_at)

    # ---- parts --------------------------------------------------------------------------------

    def add(self, part: Part) -> None:
        """The part's webhooks go where the command says that starts it."""
        part.routing = self.rerouted
        self.parts = (*self.parts, part)

    @contextmanager
    def rerouting(self, routing: Routing | None) -> Generator[None]:
        """What is told of the leg meanwhile goes elsewhere; None is where all else goes."""
        before, self.rerouted = self.rerouted, routing
        try:
            yield
        finally:
            self.rerouted = before

    def for_part(self, part: Part) -> AbstractContextManager[None]:
        """For a command on what another one started: where it says itself, or else the other."""
        return self.rerouting(self.rerouted or part.routing)

    def parts_in_turn(self) -> Iterator[Part]:
        """What a part tells while it has its turn goes where its command said."""
        before = self.rerouted
        try:
            for part in self.parts:
                self.rerouted = part.routing
                yield part
        finally:
            self.rerouted = before

    def remove(self, part: Part) -> None:
        self.parts = tuple(each for each in self.parts if each is not part)

    def part(self, kind: type[P]) -> P | None:
        return next((part for part in self.parts if isinstance(part, kind)), None)

    def play(self, channel: Channel) -> None:
        self.channels = (*self.channels, channel)

    def silence(self, channel: Channel) -> None:
        """The channel is heard no more; nothing happens to one that was not."""
        self.channels = tuple(each for each in self.channels if each is not channel)

    # ---- sound --------------------------------------------------------------------------------

    def speak(self) -> None:
        """First half of a tick: take 20 ms from the caller and from all that is played."""
        self.said = self.uttered = self.caller.mouth() if self.caller is not None else None
        if self.echo is not None:
            back = self.echo.comes_back()
            self.said = mix([pcm for pcm in (self.said, back) if pcm is not None])
        if self.away:
            self.said = self.uttered = None
        for channel in self.channels:
            channel.take()

    def keys_heard(self) -> str:
        """The keys whose tones were in what the far end said."""
        if self.tones is None:
            return ""
        rest = silence(self.encoding.sample_rate // TICKS_PER_S)
        return self.tones.process(rest if self.uttered is None else self.uttered)

    def listen(self, others: Pcm | None) -> Pcm | None:
        """Second half, when all legs have spoken: the mix of the others and of what is played."""
        rate = self.encoding.sample_rate
        pieces = [] if others is None else [others]
        for channel in self.channels:
            piece = channel.heard_by("self", rate)
            if piece is not None:
                pieces.append(piece)
        heard = None if self.away else mix(pieces)
        if self.echo is not None:
            self.echo.heard(heard)
        self.ticks += 1
        self.recorder.add(self.said, heard)
        return heard

    @property
    def heard_samples(self) -> int:
        """Samples of the recording: what the leg has heard when the current tick is over."""
        return self.ticks * (self.encoding.sample_rate // TICKS_PER_S)

    def keep_mark(self, mark: HeardMark) -> None:
        if len(self.marks) < MAX_MARKS:
            self.marks.append(mark)

    def keep_clear(self) -> None:
        if len(self.clears) < MAX_MARKS:
            self.clears.append(self.heard_samples)

    # ---- report -------------------------------------------------------------------------------

    def report(self) -> CallReport:
        caller, bot = self.recorder.tracks()
        report = CallReport(
            call_control_id=self.call_control_id,
            direction=self.identity.direction,
            from_=self.identity.from_,
            to=self.identity.to,
            state=self.state.value,
            sample_rate=self.encoding.sample_rate,
            caller=caller,
            bot=bot,
            marks=tuple(self.marks),
            clears=tuple(self.clears),
            tape=tuple(self.tape.entries),
            tape_dropped=self.tape.dropped,
            answered_at_s=None if self.answered_at is None else self.answered_at - self.started_at,
            audio_from_s=None if self.heard_from is None else self.heard_from - self.started_at,
            start_time=self.identity.start_time,
            bridged=self.was_bridged,
            stream_errors=self.stream_errors,
            hangup_cause=self.ending.cause if self.ending else None,
            hangup_source=self.ending.source if self.ending else None,
            failed=tuple(self.failures),
        )
        if self.state is not LegState.ENDED:
            return report
        claims = [expectation.failure(report) for expectation in self.expect]
        failed = (*self.failures, *(claim for claim in claims if claim is not None))
        return msgspec.structs.replace(report, failed=failed)
