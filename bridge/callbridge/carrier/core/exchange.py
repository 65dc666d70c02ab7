"""Legs, their lives and the one audio clock: all of the carrier but its REST API.

No clock and no sockets: `now` is set from outside, every wish leaves through `effects()`."""

import random
import uuid
from base64 import urlsafe_b64encode
from collections import deque
from typing import Literal

import msgspec

from callbridge.carrier.config import CarrierConfig, Unreachable
from callbridge.carrier.core import events as webhooks
from callbridge.carrier.core.deliveries import DeliveryAttempt
from callbridge.carrier.core.effects import CallFinished, Effect, SendWebhook
from callbridge.carrier.core.events import EventScope
from callbridge.carrier.core.home import HomeAt, nobody
from callbridge.carrier.core.leg import (
    NEVER,
    BridgePlan,
    CallHeaders,
    CarrierEnding,
    CarrierLeg,
    CarrierPlan,
    Identity,
    LegState,
)
from callbridge.carrier.core.log import EventLog
from callbridge.carrier.core.report import CallReport, TapeEntry
from callbridge.carrier.core.room import Room
from callbridge.carrier.core.routing import Routing
from callbridge.carrier.people.person import (
    HungUp,
    Person,
    PickedUp,
    Pressed,
    PutOnHold,
    Situation,
)
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.shapes import JsonObject
from telecodecs import Encoding, Pcm
from telecodecs import encoding as encoding_of

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
NO_COMMAND = CarrierEnding("timeout", "unknown", "480")
TIME_LIMIT = CarrierEnding("time_limit", "unknown", "200")

SECRETS = {"sip_auth_password", "stream_auth_token"}  # not in call_events

NO_HEADERS, ONE_IS_TOLD = CallHeaders(), BridgePlan()


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
        self.home_at: HomeAt = nobody

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

    def place_call(
        self,
        script: CallScript,
        connection_id: str,
        routing: Routing,
        *,
        command_within_s: float = NEVER,
    ) -> CarrierLeg:
        """A caller rings in at a number of that connection. The call ends when nobody cares for
        it in time: no command comes, and call.initiated is not taken."""
        encoding = encoding_of(script.codec)
        leg = self._new_leg("incoming", script.from_, script.to, encoding, connection_id, routing)
        leg.carry_out(script)
        leg.headers = CallHeaders(tuple(script.headers.items()))
        leg.intend(CarrierPlan(give_up_at=self.now + command_within_s, on_give_up=NO_COMMAND))
        self.emit(leg, "call.initiated", **webhooks.initiated(leg))
        return leg

    def _is_cared_for(self, leg: CarrierLeg) -> None:
        """Nobody need wait for a first command any more."""
        if leg.plan.on_give_up is NO_COMMAND:
            leg.intend(msgspec.structs.replace(leg.plan, give_up_at=NEVER))

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

    def webhook_attempted(self, webhook: SendWebhook, attempt: DeliveryAttempt) -> None:
        """Note how a delivery goes."""
        leg = self._legs.get(webhook.call_control_id)
        if leg is not None:
            if attempt.delivered and webhook.event_type == "call.initiated":
                self._is_cared_for(leg)
            self.note(leg, "webhook delivery", **attempt.on_tape(webhook.event_type))
        began, ended = self.timestamp(attempt.began), self.timestamp(attempt.ended)
        self._log.attempt(webhook.data, attempt.shown(began, ended), last=attempt.last)

    def shut_down(self) -> None:
        """Every call ends, as when an exchange loses power, but in order."""
        for leg in list(self._live.values()):
            self.end(leg, POWER_CUT)

    def legs_of(self, connection_id: str) -> list[CarrierLeg]:
        """The live ones of an application, the oldest first."""
        legs = self._live.values()
        return [leg for leg in legs if leg.identity.connection_id == connection_id]

    def channels(self, connection_id: str, direction: Literal["incoming", "outgoing"]) -> int:
        return sum(leg.identity.direction == direction for leg in self.legs_of(connection_id))

    def refuse_call(self, leg: CarrierLeg, why: Unreachable) -> None:
        """As a number refuses whose customer is not told of the call."""
        self.end(leg, REFUSALS[why])

    @property
    def live_legs(self) -> int:
        return len(self._live)

    def live(self) -> list[CarrierLeg]:
        """In the order in which they began."""
        return list(self._live.values())

    def known(self) -> list[CarrierLeg]:
        """The live ones, and those that ended a while ago."""
        return list(self._legs.values())

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
            for part in leg.parts_in_turn():
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
        for part in leg.parts_in_turn():
            part.end_tick(leg.said, heard)
        for digit in leg.keys_heard():
            self._digit(leg, digit)
        if leg.caller is not None:
            self._react(leg, leg.caller, heard)

    def _react(self, leg: CarrierLeg, caller: Person, heard: Pcm | None) -> None:
        before = caller.step
        answered = leg.state is LegState.ANSWERED
        acts = caller.listen(Situation(answered, leg.streaming, heard))
        for act in acts:
            if leg.state is LegState.ENDED:
                return
            match act:
                case Pressed(digit):
                    self._digit(leg, digit)
                case PickedUp():
                    if leg.state is LegState.RINGING:
                        self._pick_up(leg)
                case PutOnHold(on):
                    leg.away = on
                    self.emit(leg, "call.hold" if on else "call.unhold")
                case HungUp(failure):
                    if failure is not None:
                        leg.failures.append(failure)
                        self.note(leg, "script failed", why=failure)
                    self._far_end_hangs_up(leg)
        if caller.step is not before and leg.state is not LegState.ENDED:
            words = {"says": caller.says} if caller.says else {}
            self.note(leg, "script", at=caller.where, **words)

    def _digit(self, leg: CarrierLeg, digit: str) -> None:
        occurred_at = self.timestamp()
        self.note(leg, "dtmf", digit=digit)
        for part in leg.parts_in_turn():
            part.digit(digit, occurred_at)
        self.emit(leg, "call.dtmf.received", digit=digit)

    def _far_end_hangs_up(self, leg: CarrierLeg) -> None:
        if leg.state is LegState.PARKED:
            self.end(leg, CALLER_CANCELLED)
        elif leg.state is LegState.RINGING:
            self.end(leg, REFUSALS["reject"])
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
        bridge_plan: BridgePlan = ONE_IS_TOLD,
        headers: CallHeaders = NO_HEADERS,
    ) -> CarrierLeg:
        """An outbound leg; who lives at `to` decides what becomes of it."""
        behaviour, home = self.config.numbers.get(to), self.home_at(to)
        if behaviour is None and home is not None and home.is_busy:
            behaviour = "busy"
        script = behaviour if isinstance(behaviour, CallScript) else None
        speaks = script or home
        encoding = encoding_of(speaks.codec if speaks is not None else "PCMU")
        leg = self._new_leg("outgoing", from_, to, encoding, connection_id, routing, session_of)
        leg.client_state, leg.headers = client_state, headers
        leg.bridge_to, leg.bridge_plan = bridge_to, bridge_plan
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
        if behaviour is None and home is not None:
            home.ring(leg)
        return leg

    def answer(self, leg: CarrierLeg) -> None:
        """An inbound leg is answered by the customer, an outbound one by whoever lives there."""
        leg.state, leg.answered_at = LegState.ANSWERED, self.now
        leg.intend(CarrierPlan(limit_at=self.now + leg.plan.time_limit_s))
        self.note(leg, "state", state="answered")
        self.emit(leg, "call.answered", **webhooks.answered(leg))
        for part in leg.parts_in_turn():
            part.leg_answered()

    def _pick_up(self, leg: CarrierLeg) -> None:
        for rival in leg.rivals:
            self.end(rival, CALLER_CANCELLED)
        leg.rivals = ()
        self.answer(leg)
        if not leg.bridge_plan.hears_first:
            self.bridge_with_waiting(leg)

    def bridge_with_waiting(self, leg: CarrierLeg) -> None:
        """The leg is answered, and bridged with the one that has waited for it, if there is one."""
        waiting, leg.bridge_to = leg.bridge_to, None
        if waiting is None or leg.state is LegState.ENDED:
            return
        if waiting.partner is not None and leg.bridge_plan.prevent_double:
            self.end(leg, CALLER_CLEARED)
        else:
            self.bridge(waiting, leg, leg.bridge_plan)

    # ---- legs that are joined -----------------------------------------------------------------

    def bridge(self, first: CarrierLeg, second: CarrierLeg, plan: BridgePlan) -> None:
        """They leave whoever they are with and hear each other; a leg that is parked is answered,
        one that rings is joined as soon as it answers."""
        if LegState.ENDED in (first.state, second.state):
            return
        if second.state is LegState.RINGING:
            second.bridge_to, second.bridge_plan = first, plan
            return
        for leg in (first, second):
            if leg.state is LegState.PARKED:
                self.answer(leg)
            self.part_company(leg)
        if LegState.ENDED in (first.state, second.state):  # with the conference that one has left
            return
        first.after_unbridge = plan.after or first.after_unbridge
        first.partner, second.partner = second, first
        self._rooms[first] = self._rooms[second] = Room(first, second)
        for leg, other in ((first, second), (second, first)):
            leg.was_bridged = True
            self.note(leg, "bridged", leg=other.call_control_id)
        if plan.tell_both:
            self.emit(first, "call.bridged")
        self.emit(second, "call.bridged")

    def part_company(self, leg: CarrierLeg) -> None:
        """The leg leaves those it is with: another leg, a queue, a conference, one that waits for
        it."""
        leg.bridge_to = None
        if leg.partner is not None:
            self._leave_partner(leg, CALLER_CLEARED)
        for part in leg.parts_in_turn():
            part.leg_moves()
        if leg.held:
            leg.held = False
            self.emit(leg, "call.unhold")

    def _leave_partner(self, leg: CarrierLeg, ending: CarrierEnding) -> None:
        """Whoever was bridged with the leg is parked, held, or ends so."""
        partner = self._unbridge(leg)
        if partner.after_unbridge == "end":
            self.end(partner, ending)
            return
        self.note(partner, "unbridged", parked=True)
        if partner.after_unbridge == "hold":
            partner.held = True
            self.emit(partner, "call.hold")

    def _unbridge(self, leg: CarrierLeg) -> CarrierLeg:
        assert leg.partner is not None
        partner = leg.partner
        leg.partner = partner.partner = None
        for each in (leg, partner):  # who supervises them finds the room empty
            self.leave(each)
        return partner

    def bridge_of(self, leg: CarrierLeg) -> Room | None:
        """Where the leg and the one it is bridged with hear each other."""
        return self._rooms[leg] if leg.partner is not None else None

    def heard_with(self, leg: CarrierLeg) -> list[CarrierLeg]:
        """Who else is where it is: the leg that it is bridged with, or those of a conference."""
        room = self._rooms.get(leg)
        return [other for other in room.members if other is not leg] if room is not None else []

    def enter(self, leg: CarrierLeg, room: Room) -> None:
        """The leg leaves those it is with, and hears who is in the room from the next tick on."""
        self.part_company(leg)
        room.join(leg)
        self._rooms[leg] = room

    def leave(self, leg: CarrierLeg) -> None:
        """The leg goes on alone."""
        self._rooms.pop(leg).leave(leg)

    def awaited_by(self, leg: CarrierLeg) -> list[CarrierLeg]:
        """The legs that are to be bridged with this one when they are answered."""
        return [other for other in self._live.values() if other.bridge_to is leg]

    def end(self, leg: CarrierLeg, ending: CarrierEnding) -> None:
        """The end of a leg, from whatever side; nothing happens to one that has ended."""
        if leg.state is LegState.ENDED:
            return
        leg.ending = ending
        for part in leg.parts_in_turn():
            part.leg_ended()
        if leg.caller is not None and not leg.failures:
            undone = leg.caller.left_undone()
            if undone is not None:
                leg.failures.append(undone)
        # With all that they had to say, and without others: finished legs are kept for a while.
        leg.caller, leg.bridge_to, leg.rivals = None, None, ()
        leg.state, leg.ended_at = LegState.ENDED, self.now
        leg.intend(CarrierPlan())  # it may have been to answer in this very tick
        self.note(leg, "state", state="ended", cause=ending.cause, source=ending.source)
        self.emit(leg, "call.hangup", **webhooks.hung_up(leg, self.timestamp()))
        if leg.routing.tells_cost:
            self.emit(leg, "call.cost", **webhooks.cost(leg, self.timestamp()))
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
        for dialled in self.awaited_by(leg):  # a transfer that nobody waits for any more
            self.customer_hangs_up(dialled)
        if leg.partner is not None:
            self._leave_partner(leg, msgspec.structs.replace(CALLER_CLEARED, source=ending.source))

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

    # ---- events and names ---------------------------------------------------------------------

    def note(self, leg: CarrierLeg, kind: str, /, **detail: object) -> None:
        """A line on the leg's tape."""
        leg.tape.add(self.now - leg.started_at, kind, **detail)

    def emit(self, about: CarrierLeg | EventScope, event_type: str, /, **fields: object) -> None:
        """A webhook. What events repeat of their leg or conference is added to the fields of the
        moment; a field that the platform does not document is a ValueError."""
        scope = about if isinstance(about, EventScope) else EventScope(about)
        leg = scope.leg
        routing = scope.routing or leg.rerouted or leg.routing
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
            self.wish(
                SendWebhook(
                    leg.call_control_id,
                    urls,
                    method,
                    routing.retries_ms.get(event_type),
                    event if flat else {"data": event},
                    routing.timeout_s,
                    routing.api_version,
                    scope.conference_id,
                )
            )

    def command(self, leg: CarrierLeg, name: str, ignored: list[str], fields: JsonObject) -> None:
        """A command was carried out, all but the `ignored` parameters."""
        self._is_cared_for(leg)
        extra: JsonObject = {"not_simulated": ignored} if ignored else {}
        self.note(leg, "command", action=name, **extra)
        told = {name: value for name, value in fields.items() if name not in SECRETS}
        self._log.command(leg.identity, name, self.timestamp(), told)

    def timestamp(self, at: float | None = None) -> str:
        return webhooks.instant(self.wall(self.now if at is None else at))

    def wall(self, at: float) -> float:
        """A time of the clock in Unix seconds."""
        return self._wall_at_zero + at

    @property
    def unix_time(self) -> int:
        """Whole seconds."""
        return int(self.wall(self.now))

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def new_id(self, characters: str, length: int) -> str:
        return "".join(self._random.choices(characters, k=length))
