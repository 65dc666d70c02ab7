"""Legs, their lives and the one audio clock: all of the carrier but its REST API.

No clock and no sockets: `now` is set from outside, every wish leaves through `effects()`."""

import random
import uuid
from base64 import urlsafe_b64encode
from collections import deque
from typing import Literal

import msgspec

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core import events as webhooks
from callbridge.carrier.core.effects import CallFinished, Effect, SendWebhook
from callbridge.carrier.core.events import EventScope
from callbridge.carrier.core.leg import (
    NEVER,
    CarrierEnding,
    CarrierLeg,
    CarrierPlan,
    Identity,
    LegState,
    Routing,
)
from callbridge.carrier.core.log import EventLog
from callbridge.carrier.core.report import CallReport, TapeEntry
from callbridge.carrier.core.room import Room
from callbridge.carrier.people.caller import Caller, HungUp, Pressed, Situation
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.shapes import JsonObject
from telecodecs import Encoding, Pcm, codec

# How a number that refuses shows in call.hangup.
REFUSALS = {
    "busy": CarrierEnding("user_busy", "callee", "486"),
    "no_answer": CarrierEnding("no_answer", "callee", "480"),
    "reject": CarrierEnding("call_rejected", "callee", "603"),
    "not_found": CarrierEnding("not_found", "callee", "404"),
}
CALLER_CLEARED = CarrierEnding("normal_clearing", "caller", "200")
CALLEE_CLEARED = CarrierEnding("normal_clearing", "callee", "200")
CALLER_CANCELLED = CarrierEnding("originator_cancel", "caller", "487")
POWER_CUT = CarrierEnding("unspecified", "unknown", "503")
TIME_LIMIT = CarrierEnding("time_limit", "unknown", "200")


class Exchange:
    """`now` is the time of whatever goes on, in monotonic seconds: whoever calls sets it first.

    `speaks` says whether the shell carries out `Synthesise`, `converses` whether it carries out
    `SpeakWords` and `Recognise`."""

    def __init__(
        self,
        config: CarrierConfig,
        log: EventLog,
        *,
        wall: float,
        now: float = 0.0,
        seed: int | None = None,
        speaks: bool = False,
        converses: bool = False,
    ) -> None:
        self.config = config
        self.speaks, self.converses = speaks, converses
        self.now = now
        self._log = log
        self._wall_at_zero = wall - now
        self._random = random.Random(seed)
        self._effects: list[Effect] = []
        self._legs: dict[str, CarrierLeg] = {}  # live ones and ended ones
        self._live: dict[str, CarrierLeg] = {}
        self._rooms: dict[CarrierLeg, Room] = {}  # of those who hear others
        self._finished: deque[CarrierLeg] = deque()

    # ---- for the shell ----------------------------------------------------------------------

    def effects(self) -> list[Effect]:
        """What is to be done outside, in order; handed out once."""
        effects, self._effects = self._effects, []
        return effects

    @property
    def has_effects(self) -> bool:
        return bool(self._effects)

    def wish(self, effect: Effect) -> None:
        self._effects.append(effect)

    def place_call(self, script: CallScript, connection_id: str, routing: Routing) -> CarrierLeg:
        """A caller rings in at a number of that connection."""
        encoding = codec(script.codec, 16000 if script.codec == "L16" else 8000).encoding
        leg = self._new_leg("incoming", script.from_, script.to, encoding, connection_id, routing)
        leg.carry_out(script)
        self.emit(leg, "call.initiated", **webhooks.initiated(leg))
        return leg

    def hang_up(self, call_control_id: str) -> None:
        """The far end does. Raises LookupError for a call that is unknown or long over."""
        leg = self._known(call_control_id)
        if leg.state is not LegState.ENDED:
            self._far_end_hangs_up(leg)

    def report(self, call_control_id: str) -> CallReport:
        """Raises LookupError for a call that is unknown or long over."""
        return self._known(call_control_id).report()

    def tape(self, call_control_id: str, after: int = 0) -> tuple[list[TapeEntry], bool]:
        """Entries from number `after` on, and whether the call is over. Raises LookupError."""
        leg = self._known(call_control_id)
        return leg.tape.entries[after:], leg.state is LegState.ENDED

    def webhook_outcome(self, call_control_id: str, **detail: object) -> None:
        """Note on the tape how a delivery went."""
        leg = self._legs.get(call_control_id)
        if leg is not None:
            self.note(leg, "webhook delivery", **detail)

    def shut_down(self) -> None:
        """Every call ends, as when an exchange loses power, but in order."""
        for leg in list(self._live.values()):
            self.end(leg, POWER_CUT)

    @property
    def live_legs(self) -> int:
        return len(self._live)

    def find(self, call_control_id: str) -> CarrierLeg | None:
        return self._legs.get(call_control_id)

    def _known(self, call_control_id: str) -> CarrierLeg:
        leg = self._legs.get(call_control_id)
        if leg is None:
            raise LookupError(f"no call {call_control_id!r}")
        return leg

    # ---- time ---------------------------------------------------------------------------------

    def tick(self) -> None:
        """One step of 20 ms: first all legs speak, then all hear, then their callers react."""
        legs = list(self._live.values())
        for leg in legs:
            if self.now >= leg.deadline:
                self._deadline(leg)
        answered = [leg for leg in legs if leg.state is LegState.ANSWERED]
        for leg in answered:
            leg.heard_from = self.now if leg.heard_from is None else leg.heard_from
            for part in leg.parts:
                part.begin_tick()
            leg.speak()
        for room in dict.fromkeys(self._rooms.values()):
            room.mix()
        for leg in answered:
            if leg.state is not LegState.ENDED:  # by the other leg of its bridge, in this very tick
                self._hear(leg)
        for leg in legs:
            if leg.caller is not None and leg.state in (LegState.PARKED, LegState.RINGING):
                self._react(leg, leg.caller, None)
        self._forget_old()

    def _hear(self, leg: CarrierLeg) -> None:
        room = self._rooms.get(leg)
        heard = leg.listen(room.heard_by(leg) if room is not None else None)
        for part in leg.parts:
            part.end_tick(leg.said, heard)
        for digit in leg.keys_heard():
            self._digit(leg, digit)
        if leg.caller is not None:
            self._react(leg, leg.caller, heard)

    def _react(self, leg: CarrierLeg, caller: Caller, heard: Pcm | None) -> None:
        before = caller.step
        answered = leg.state is LegState.ANSWERED
        acts = caller.listen(Situation(answered, leg.streaming, heard))
        for act in acts:
            if leg.state is LegState.ENDED:
                return
            match act:
                case Pressed(digit):
                    self._digit(leg, digit)
                case HungUp(failure):
                    if failure is not None:
                        leg.failures.append(failure)
                        self.note(leg, "script failed", why=failure)
                    self._far_end_hangs_up(leg)
        if caller.step is not before and leg.state is not LegState.ENDED:
            self.note(leg, "script", at=caller.where)

    def _digit(self, leg: CarrierLeg, digit: str) -> None:
        occurred_at = self.timestamp()
        self.note(leg, "dtmf", digit=digit)
        for part in leg.parts:
            part.digit(digit, occurred_at)
        self.emit(leg, "call.dtmf.received", digit=digit)

    def _far_end_hangs_up(self, leg: CarrierLeg) -> None:
        if leg.state is LegState.PARKED:
            self.end(leg, CALLER_CANCELLED)
        else:
            inbound = leg.identity.direction == "incoming"
            self.end(leg, CALLER_CLEARED if inbound else CALLEE_CLEARED)

    def _deadline(self, leg: CarrierLeg) -> None:
        plan, now = leg.plan, self.now
        if now >= plan.limit_at:
            self.end(leg, TIME_LIMIT)
        elif now >= plan.give_up_at:
            self.end(leg, plan.on_give_up)
        elif plan.refusal is not None:
            self.end(leg, plan.refusal)
        else:
            self._pick_up(leg)

    def _forget_old(self) -> None:
        config = self.config
        while self._finished:
            ended_at = self._finished[0].ended_at or 0.0
            too_many = len(self._finished) > config.keep_finished
            if not too_many and self.now - ended_at <= config.keep_finished_s:
                return
            del self._legs[self._finished.popleft().call_control_id]

    # ---- lives of legs ------------------------------------------------------------------------

    def dial(
        self,
        to: str,
        from_: str,
        *,
        plan: CarrierPlan,
        timeout_s: float,
        connection_id: str,
        routing: Routing,
        client_state: str | None = None,
        session_of: CarrierLeg | None = None,
        bridge_to: CarrierLeg | None = None,
    ) -> CarrierLeg:
        """An outbound leg; who lives at `to` decides what becomes of it."""
        behaviour = self.config.numbers.get(to)
        script = behaviour if isinstance(behaviour, CallScript) else None
        name = script.codec if script is not None else "PCMU"
        encoding = codec(name, 16000 if name == "L16" else 8000).encoding
        leg = self._new_leg("outgoing", from_, to, encoding, connection_id, routing, session_of)
        leg.client_state, leg.bridge_to = client_state, bridge_to
        if script is not None:
            leg.carry_out(script)
        leg.intend(
            msgspec.structs.replace(
                plan,
                pick_up_at=self.now + self.config.ring_s if behaviour is not None else NEVER,
                refusal=REFUSALS[behaviour] if isinstance(behaviour, str) else None,
                give_up_at=self.now + timeout_s,
            )
        )
        self.emit(leg, "call.initiated", **webhooks.initiated(leg))
        return leg

    def answer(self, leg: CarrierLeg) -> None:
        """An inbound leg is answered by the customer, an outbound one by whoever lives there."""
        leg.state, leg.answered_at = LegState.ANSWERED, self.now
        leg.intend(CarrierPlan(limit_at=self.now + leg.plan.time_limit_s))
        self.note(leg, "state", state="answered")
        self.emit(leg, "call.answered", **webhooks.answered(leg))
        for part in leg.parts:
            part.leg_answered()

    def _pick_up(self, leg: CarrierLeg) -> None:
        self.answer(leg)
        if leg.bridge_to is not None:
            waiting, leg.bridge_to = leg.bridge_to, None
            self._bridge(waiting, leg)

    def _bridge(self, first: CarrierLeg, second: CarrierLeg) -> None:
        if first.state is LegState.ENDED:
            return
        if first.state is LegState.PARKED:  # transferred before it was answered
            self.answer(first)
        if first.partner is not None:
            former = self._unbridge(first)
            self.end(former, CALLER_CLEARED)
        for leg in (first, second):
            self._leave_company(leg)
        if LegState.ENDED in (first.state, second.state):  # with the conference that one has left
            return
        first.partner, second.partner = second, first
        self._rooms[first] = self._rooms[second] = Room(first, second)
        for leg, other in ((first, second), (second, first)):
            leg.was_bridged = True
            self.note(leg, "bridged", leg=other.call_control_id)
        self.emit(second, "call.bridged")

    def _unbridge(self, leg: CarrierLeg) -> CarrierLeg:
        assert leg.partner is not None
        partner = leg.partner
        leg.partner = partner.partner = None
        del self._rooms[leg], self._rooms[partner]
        return partner

    # ---- conferences --------------------------------------------------------------------------

    def enter(self, leg: CarrierLeg, room: Room) -> None:
        """The leg leaves those it is with, and hears who is in the room from the next tick on."""
        if leg.partner is not None:
            self._leave_partner(leg, CALLER_CLEARED)
        self._leave_company(leg)
        room.join(leg)
        self._rooms[leg] = room

    def leave(self, leg: CarrierLeg) -> None:
        """The leg goes on alone."""
        self._rooms.pop(leg).leave(leg)

    def _leave_company(self, leg: CarrierLeg) -> None:
        for part in leg.parts:
            part.leg_moves()

    def end(self, leg: CarrierLeg, ending: CarrierEnding) -> None:
        """The end of a leg, from whatever side; nothing happens to one that has ended."""
        if leg.state is LegState.ENDED:
            return
        leg.ending = ending
        for part in leg.parts:
            part.leg_ended()
        if leg.caller is not None and not leg.failures:
            undone = leg.caller.left_undone()
            if undone is not None:
                leg.failures.append(undone)
        leg.caller = None  # with all that they had to say: finished legs are kept for a while
        leg.state, leg.ended_at = LegState.ENDED, self.now
        self.note(leg, "state", state="ended", cause=ending.cause, source=ending.source)
        self.emit(leg, "call.hangup", **webhooks.hung_up(leg, self.timestamp()))
        del self._live[leg.call_control_id]
        self._finished.append(leg)
        self._forget_recording()
        self._effects.append(CallFinished(leg.call_control_id))
        self._end_others(leg, ending)

    def customer_hangs_up(self, leg: CarrierLeg) -> None:
        if leg.state is LegState.PARKED:
            self.end(leg, REFUSALS["reject"])
        elif leg.state is LegState.RINGING:
            self.end(leg, CALLER_CANCELLED)
        else:
            inbound = leg.identity.direction == "incoming"
            self.end(leg, CALLEE_CLEARED if inbound else CALLER_CLEARED)

    def _end_others(self, leg: CarrierLeg, ending: CarrierEnding) -> None:
        dialled = self.awaited_by(leg)
        if dialled is not None:  # a transfer that nobody waits for any more
            self.end(dialled, CALLER_CANCELLED)
        if leg.partner is not None:
            self._leave_partner(leg, msgspec.structs.replace(CALLER_CLEARED, source=ending.source))

    def _leave_partner(self, leg: CarrierLeg, ending: CarrierEnding) -> None:
        """Whoever was bridged with the leg is parked, or ends so."""
        partner = self._unbridge(leg)
        if partner.parks_after_unbridge:
            self.note(partner, "unbridged", parked=True)
        else:
            self.end(partner, ending)

    def _forget_recording(self) -> None:
        excess = len(self._finished) - self.config.keep_recordings - 1
        if excess >= 0:
            self._finished[excess].recorder.drop()

    def _new_leg(
        self,
        direction: Literal["incoming", "outgoing"],
        from_: str,
        to: str,
        encoding: Encoding,
        connection_id: str,
        routing: Routing,
        session_of: CarrierLeg | None = None,
    ) -> CarrierLeg:
        identity = Identity(
            call_control_id="v3:" + urlsafe_b64encode(self._random.randbytes(40)).decode()[:54],
            call_leg_id=self.new_uuid(),
            call_session_id=session_of.identity.call_session_id if session_of else self.new_uuid(),
            connection_id=connection_id,
            direction=direction,
            from_=from_,
            to=to,
            start_time=self.timestamp(),
        )
        leg = CarrierLeg(identity, encoding, routing, self.now, record=self.config.record)
        self._legs[leg.call_control_id] = self._live[leg.call_control_id] = leg
        self.note(leg, "state", state=leg.state.value)
        return leg

    def awaited_by(self, leg: CarrierLeg) -> CarrierLeg | None:
        """The leg that is being dialled to be bridged with this one."""
        return next((other for other in self._live.values() if other.bridge_to is leg), None)

    # ---- events and names ---------------------------------------------------------------------

    def note(self, leg: CarrierLeg, kind: str, /, **detail: object) -> None:
        """A line on the leg's tape."""
        leg.tape.add(self.now - leg.started_at, kind, **detail)

    def emit(self, about: CarrierLeg | EventScope, event_type: str, /, **fields: object) -> None:
        """A webhook. What events repeat of their leg or conference is added to the fields of the
        moment; a field that the platform does not document is a ValueError."""
        scope = about if isinstance(about, EventScope) else EventScope(about)
        leg, routing = scope.leg, scope.routing or scope.leg.routing
        urls, method = routing.urls, routing.method
        if event_type in routing.by_event:
            urls, method = routing.by_event[event_type], routing.by_event_method
        at = self.timestamp()
        payload = webhooks.payload_of(scope, event_type, fields)
        event = webhooks.event(event_type, self.new_uuid(), at, payload)
        self.note(leg, "webhook", event_type=event_type, id=event["id"])
        self._log.webhook(leg.identity, event, at)
        if urls:
            flat = self.config.floor_changed_flat and webhooks.is_flat(event_type)
            body: dict[str, object] = event if flat else {"data": event}
            retries_ms = routing.retries_ms.get(event_type)
            self.wish(
                SendWebhook(
                    leg.call_control_id, urls, method, retries_ms, body, scope.conference_id
                )
            )

    def command(self, leg: CarrierLeg, name: str, ignored: list[str], fields: JsonObject) -> None:
        """A command was carried out, all but the `ignored` parameters."""
        extra: JsonObject = {"not_simulated": ignored} if ignored else {}
        self.note(leg, "command", action=name, **extra)
        self._log.command(leg.identity, name, self.timestamp(), fields)

    def timestamp(self, at: float | None = None) -> str:
        return webhooks.instant(self._wall_at_zero + (self.now if at is None else at))

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def new_id(self, characters: str, length: int) -> str:
        return "".join(self._random.choices(characters, k=length))
