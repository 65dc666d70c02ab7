"""Legs, their lives and the one audio clock: all of the carrier but its REST API.

No I/O and no clock: every entry is told the time, every wish leaves through `effects()`."""

import random
import uuid
from base64 import urlsafe_b64encode
from collections import deque
from typing import Literal

import msgspec

from callbridge.carrier.audio.playout import Target
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core import events as webhooks
from callbridge.carrier.core.effects import (
    CallFinished,
    CloseStream,
    Effect,
    OpenStream,
    SendFrame,
    SendWebhook,
    Synthesise,
)
from callbridge.carrier.core.leg import (
    NEVER,
    CarrierEnding,
    CarrierLeg,
    CarrierPlan,
    Identity,
    LegState,
    Routing,
)
from callbridge.carrier.core.report import CallReport, TapeEntry
from callbridge.carrier.parts.speak import CarrierUtterance
from callbridge.carrier.parts.stream import (
    CarrierStream,
    StreamParams,
    playing_codec,
    sending_codec,
)
from callbridge.carrier.people.caller import Caller, HungUp, Pressed, Situation
from callbridge.carrier.people.script import CallScript
from callbridge.media import wire
from telecodecs import Encoding, Pcm, codec

SPEAK_ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

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
    """`speaks` says whether the shell carries out `Synthesise`."""

    def __init__(
        self,
        config: CarrierConfig,
        *,
        wall: float,
        now: float = 0.0,
        seed: int | None = None,
        speaks: bool = False,
    ) -> None:
        self.config = config
        self.speaks = speaks
        self.now = now
        self._wall_at_zero = wall - now
        self._random = random.Random(seed)
        self._effects: list[Effect] = []
        self._legs: dict[str, CarrierLeg] = {}  # live ones and ended ones
        self._live: dict[str, CarrierLeg] = {}
        self._streams: dict[str, CarrierLeg] = {}
        self._speaking: dict[str, CarrierLeg] = {}
        self._finished: deque[CarrierLeg] = deque()

    # ---- for the shell ----------------------------------------------------------------------

    def effects(self) -> list[Effect]:
        """What is to be done outside, in order; handed out once."""
        effects, self._effects = self._effects, []
        return effects

    @property
    def has_effects(self) -> bool:
        return bool(self._effects)

    def place_call(self, script: CallScript, now: float) -> str:
        """A caller rings in. Returns the leg's call_control_id."""
        self.now = now
        encoding = codec(script.codec, 16000 if script.codec == "L16" else 8000).encoding
        leg = self._new_leg("incoming", script.from_, script.to, encoding)
        leg.carry_out(script)
        self.webhook(leg, "call.initiated", webhooks.initiated(leg))
        return leg.call_control_id

    def hang_up(self, call_control_id: str, now: float) -> None:
        """The far end does. Raises LookupError for a call that is unknown or long over."""
        self.now = now
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

    def webhook_outcome(self, call_control_id: str, now: float, **detail: object) -> None:
        """Note on the tape how a delivery went."""
        leg = self._legs.get(call_control_id)
        if leg is not None:
            leg.note(now, "webhook delivery", **detail)

    def shut_down(self, now: float) -> None:
        """Every call ends, as when an exchange loses power, but in order."""
        self.now = now
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

    def tick(self, now: float) -> None:
        """One step of 20 ms: first all legs speak, then all hear, then their callers react."""
        self.now = now
        legs = list(self._live.values())
        for leg in legs:
            if now >= leg.deadline:
                self._deadline(leg)
        answered = [leg for leg in legs if leg.state is LegState.ANSWERED]
        for leg in answered:
            leg.heard_from = now if leg.heard_from is None else leg.heard_from
            self._finish_tick(leg)
            leg.speak()
        for leg in answered:
            if leg.state is LegState.ENDED:  # by the other leg of its bridge, in this very tick
                continue
            heard = leg.listen()
            if leg.stream is not None and leg.stream.started:
                leg.stream.media(leg.said, heard)
            if leg.caller is not None:
                self._react(leg, leg.caller, heard)
        for leg in legs:
            if leg.caller is not None and leg.state in (
                LegState.PARKED,
                LegState.RINGING,
            ):
                self._react(leg, leg.caller, None)
        self._forget_old()

    def _finish_tick(self, leg: CarrierLeg) -> None:
        stream = leg.stream
        if stream is not None and stream.started:
            for mark in stream.finish_tick():
                leg.keep_marks(stream, (mark,))
                leg.note(self.now, "mark returned", name=mark.name, sample=leg.marks[-1].sample)
        leg.keypad.playout.finish()
        if leg.speech.active:
            for progress in leg.speech.step():
                if progress.event == "started":
                    payload = webhooks.speak_started(leg, progress.speak_id)
                    self.webhook(leg, "call.speak.started", payload)
                else:
                    self._speak_ended(leg, progress.speak_id, "completed")

    def _react(self, leg: CarrierLeg, caller: Caller, heard: Pcm | None) -> None:
        before = caller.step
        streaming = leg.stream is not None and leg.stream.started
        acts = caller.listen(Situation(leg.state is LegState.ANSWERED, streaming, heard))
        for act in acts:
            if leg.state is LegState.ENDED:
                return
            match act:
                case Pressed(digit):
                    self._digit(leg, digit)
                case HungUp(failure):
                    if failure is not None:
                        leg.failures.append(failure)
                        leg.note(self.now, "script failed", why=failure)
                    self._far_end_hangs_up(leg)
        if caller.step is not before and leg.state is not LegState.ENDED:
            leg.note(self.now, "script", at=caller.where)

    def _digit(self, leg: CarrierLeg, digit: str) -> None:
        occurred_at = self.timestamp()
        leg.note(self.now, "dtmf", digit=digit)
        if leg.stream is not None:
            leg.stream.dtmf(digit, occurred_at)
        self.webhook(leg, "call.dtmf.received", webhooks.digit_received(leg, digit))

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
        routing: Routing | None = None,
        client_state: str | None = None,
        session_of: CarrierLeg | None = None,
        bridge_to: CarrierLeg | None = None,
    ) -> CarrierLeg:
        """An outbound leg; who lives at `to` decides what becomes of it."""
        behaviour = self.config.numbers.get(to)
        script = behaviour if isinstance(behaviour, CallScript) else None
        name = script.codec if script is not None else "PCMU"
        encoding = codec(name, 16000 if name == "L16" else 8000).encoding
        leg = self._new_leg("outgoing", from_, to, encoding, session_of, routing)
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
        self.webhook(leg, "call.initiated", webhooks.initiated(leg))
        return leg

    def answer(self, leg: CarrierLeg) -> None:
        """An inbound leg is answered by the customer, an outbound one by whoever lives there."""
        leg.state, leg.answered_at = LegState.ANSWERED, self.now
        leg.intend(CarrierPlan(limit_at=self.now + leg.plan.time_limit_s))
        leg.note(self.now, "state", state="answered")
        self.webhook(leg, "call.answered", webhooks.answered(leg))
        if leg.digits_on_answer:
            leg.press(leg.digits_on_answer, 0.25)
        if leg.stream is not None and leg.stream.connected:
            self._start_stream(leg, leg.stream)
        elif leg.stream is None and leg.stream_params is not None:
            self.open_stream(leg, leg.stream_params)

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
        first.partner, second.partner = second, first
        for leg, other in ((first, second), (second, first)):
            leg.was_bridged = True
            leg.note(self.now, "bridged", leg=other.call_control_id)
        self.webhook(second, "call.bridged", webhooks.bridged(second))

    def _unbridge(self, leg: CarrierLeg) -> CarrierLeg:
        assert leg.partner is not None
        partner = leg.partner
        leg.partner = partner.partner = None
        return partner

    def end(self, leg: CarrierLeg, ending: CarrierEnding) -> None:
        """The end of a leg, from whatever side; nothing happens to one that has ended."""
        if leg.state is LegState.ENDED:
            return
        self.close_stream(leg)
        for speak_id in leg.speech.stop("all"):
            self._speak_ended(leg, speak_id, "call_hangup")
        if leg.caller is not None and not leg.failures:
            undone = leg.caller.left_undone()
            if undone is not None:
                leg.failures.append(undone)
        leg.caller = None  # with all that they had to say: finished legs are kept for a while
        leg.state, leg.ending, leg.ended_at = LegState.ENDED, ending, self.now
        leg.note(self.now, "state", state="ended", cause=ending.cause, source=ending.source)
        self.webhook(leg, "call.hangup", webhooks.hung_up(leg, self.timestamp()))
        del self._live[leg.call_control_id]
        self._finished.append(leg)
        self._forget_recording()
        self._effects.append(CallFinished(leg.call_control_id))
        self._end_others(leg, ending)

    def _end_others(self, leg: CarrierLeg, ending: CarrierEnding) -> None:
        dialled = self.awaited_by(leg)
        if dialled is not None:  # a transfer that nobody waits for any more
            self.end(dialled, CALLER_CANCELLED)
        if leg.partner is not None:
            partner = self._unbridge(leg)
            if partner.parks_after_unbridge:
                partner.note(self.now, "unbridged", parked=True)
            else:
                self.end(partner, msgspec.structs.replace(CALLER_CLEARED, source=ending.source))

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
        session_of: CarrierLeg | None = None,
        routing: Routing | None = None,
    ) -> CarrierLeg:
        config = self.config
        identity = Identity(
            call_control_id="v3:" + urlsafe_b64encode(self._random.randbytes(40)).decode()[:54],
            call_leg_id=self.new_uuid(),
            call_session_id=session_of.identity.call_session_id if session_of else self.new_uuid(),
            connection_id=config.connection_id,
            direction=direction,
            from_=from_,
            to=to,
            start_time=self.timestamp(),
        )
        routing = routing or self.default_routing()
        leg = CarrierLeg(identity, encoding, routing, self.now, record=config.record)
        self._legs[leg.call_control_id] = self._live[leg.call_control_id] = leg
        leg.note(self.now, "state", state=leg.state.value)
        return leg

    def default_routing(self) -> Routing:
        urls = (self.config.webhook_url, self.config.webhook_failover_url)
        return Routing(tuple(url for url in urls if url is not None))

    def awaited_by(self, leg: CarrierLeg) -> CarrierLeg | None:
        """The leg that is being dialled to be bridged with this one."""
        return next((other for other in self._live.values() if other.bridge_to is leg), None)

    # ---- streams ------------------------------------------------------------------------------

    def open_stream(self, leg: CarrierLeg, params: StreamParams) -> None:
        """Raises CodecError when the asked playing codec is not available here."""
        order = self.config.l16_order
        stream = CarrierStream(
            self.new_uuid(),
            params,
            sending=sending_codec(params.codec, leg.encoding, order),
            playing=playing_codec(params, order),
            send=self._send_frame,
        )
        leg.stream, leg.stream_params = stream, params
        self._streams[stream.stream_id] = leg
        leg.note(self.now, "stream opening", stream_id=stream.stream_id)
        self._effects.append(OpenStream(stream.stream_id, params.url, params.connect_headers()))

    def stream_opened(self, stream_id: str, now: float) -> None:
        """The socket is there."""
        self.now = now
        leg = self._streams.get(stream_id)
        if leg is None or leg.stream is None:
            return
        leg.stream.connect()
        if leg.state is LegState.ANSWERED:
            self._start_stream(leg, leg.stream)

    def _start_stream(self, leg: CarrierLeg, stream: CarrierStream) -> None:
        self.webhook(leg, "streaming.started", webhooks.streaming(leg, stream.params.url))
        identity = leg.identity
        leg.attach(stream)
        stream.start(
            wire.StartBody(
                call_control_id=identity.call_control_id,
                media_format=wire.MediaFormat("", 0),  # the stream fills in its own
                user_id=self.config.user_id,
                call_session_id=identity.call_session_id,
                from_=identity.from_,
                to=identity.to,
                tags=[],
                client_state=leg.client_state,
            )
        )
        leg.note(self.now, "stream started", stream_id=stream.stream_id)

    def stream_failed(self, stream_id: str, reason: str, now: float) -> None:
        """The socket could not be opened, or broke."""
        self.now = now
        leg, stream = self._lose_stream(stream_id)
        if leg is None or stream is None:
            return
        leg.note(now, "stream failed", stream_id=stream_id, reason=reason)
        payload = webhooks.streaming_failed(
            leg, stream_id, stream.params.url, stream.params.track, reason
        )
        self.webhook(leg, "streaming.failed", payload)

    def stream_closed(self, stream_id: str, now: float) -> None:
        """The customer closed the socket: the call stays up."""
        leg = self._streams.get(stream_id)
        if leg is not None and leg.stream is not None and not leg.stream.started:
            self.stream_failed(stream_id, "closed by the customer before the start", now)
            return
        self.now = now
        leg, stream = self._lose_stream(stream_id)
        if leg is not None and stream is not None:
            leg.note(now, "stream closed by the customer", stream_id=stream_id)
            self.webhook(leg, "streaming.stopped", webhooks.streaming(leg, stream.params.url))

    def stream_received(self, stream_id: str, message: str | bytes, now: float) -> None:
        self.now = now
        leg = self._streams.get(stream_id)
        if leg is None or leg.stream is None or not leg.stream.started:
            return
        stream = leg.stream
        received = stream.receive(message, now)
        if not received.kind:
            return
        leg.stream_errors += received.kind == "error"
        if received.kind == "clear":
            leg.note(now, "clear", **received.detail, sample=leg.heard_samples)
            leg.keep_clear()
        else:
            leg.note(now, received.kind, **received.detail)
        if received.marks:
            leg.keep_marks(stream, received.marks)
            for mark in received.marks:
                leg.note(now, "mark returned", name=mark.name, cleared=mark.cleared)

    def close_stream(self, leg: CarrierLeg) -> None:
        """End the leg's stream, if it has one, in the order of the contract."""
        stream = leg.detach()
        if stream is None:
            return
        del self._streams[stream.stream_id]
        if stream.started:
            self.webhook(leg, "streaming.stopped", webhooks.streaming(leg, stream.params.url))
            stream.stop(leg.call_control_id, self.config.user_id)
            leg.note(self.now, "stream stopped", stream_id=stream.stream_id)
        self._effects.append(CloseStream(stream.stream_id))

    def _lose_stream(self, stream_id: str) -> tuple[CarrierLeg | None, CarrierStream | None]:
        leg = self._streams.pop(stream_id, None)
        return leg, leg.detach() if leg is not None else None

    def _send_frame(self, stream_id: str, text: str) -> None:
        self._effects.append(SendFrame(stream_id, text))

    # ---- speech -------------------------------------------------------------------------------

    def speak(
        self, leg: CarrierLeg, text: str, *, ssml: bool, target: Target, times: int | None
    ) -> None:
        speak_id = "".join(self._random.choices(SPEAK_ID_CHARS, k=10))
        leg.speech.add(CarrierUtterance(speak_id, target, times))
        self._speaking[speak_id] = leg
        self._effects.append(Synthesise(speak_id, text, leg.encoding.sample_rate, ssml))

    def synthesised(self, speak_id: str, pcm: Pcm | None, now: float) -> None:
        """The shell's answer to `Synthesise`; None when there is no voice after all."""
        self.now = now
        leg = self._speaking.pop(speak_id, None)
        if leg is None or leg.state is LegState.ENDED:
            return
        if pcm is None:
            leg.note(now, "speak failed", speak_id=speak_id)
            leg.speech.drop(speak_id)
        else:
            leg.speech.synthesised(speak_id, pcm)

    def stop_speech(self, leg: CarrierLeg, which: Literal["current", "all"]) -> None:
        for speak_id in leg.speech.stop(which):
            self._speak_ended(leg, speak_id, "completed")

    def _speak_ended(self, leg: CarrierLeg, speak_id: str, status: str) -> None:
        self.webhook(leg, "call.speak.ended", webhooks.speak_ended(leg, speak_id, status))

    # ---- events and names ---------------------------------------------------------------------

    def webhook(self, leg: CarrierLeg, event_type: str, payload: webhooks.Payload) -> None:
        routing = leg.routing
        urls, method = routing.urls, routing.method
        if event_type in routing.by_event:
            urls, method = routing.by_event[event_type], routing.by_event_method
        event_id = self.new_uuid()
        leg.note(self.now, "webhook", event_type=event_type, id=event_id)
        if not urls:
            return
        event: dict[str, object] = {
            "record_type": "event",
            "event_type": event_type,
            "id": event_id,
            "occurred_at": self.timestamp(),
            "payload": payload,
        }
        retries_ms = routing.retries_ms.get(event_type)
        self._effects.append(
            SendWebhook(leg.call_control_id, urls, method, retries_ms, {"data": event})
        )

    def timestamp(self, at: float | None = None) -> str:
        return webhooks.instant(self._wall_at_zero + (self.now if at is None else at))

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
