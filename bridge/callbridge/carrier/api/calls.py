"""Calls: dialling, answering, transferring and ending them."""

import re
from dataclasses import dataclass

from callbridge.carrier.api.detection import Detected
from callbridge.carrier.api.headers import WithHeaders
from callbridge.carrier.api.joining import Conferenced
from callbridge.carrier.api.operation import (
    LIVE,
    PARKED,
    AccountOperation,
    CarrierMeans,
    LegCommand,
)
from callbridge.carrier.api.playing import file_of
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.recordings import Recorded
from callbridge.carrier.api.relay import Relayed
from callbridge.carrier.api.routing import RoutedByEvent
from callbridge.carrier.api.streaming import Streamed
from callbridge.carrier.api.supervision import Supervising
from callbridge.carrier.api.transcription import Transcribed
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import (
    BridgePlan,
    CarrierEnding,
    CarrierLeg,
    CarrierPlan,
    LegState,
)
from callbridge.carrier.core.routing import Routing
from callbridge.carrier.parts.keypad import MAX_DIGITS, CarrierKeypad
from callbridge.carrier.parts.playback import CarrierPlayback
from callbridge.carrier.parts.sounds import SoundFile
from callbridge.carrier.parts.supervision import Supervision
from callbridge.carrier.shapes import JsonObject
from callbridge.carrier.store.store import Application

E164 = re.compile(r"\+[1-9]\d{1,14}")
MOST_AT_ONCE = 50  # numbers of one dial; the platform documents no limit
REJECTIONS = {
    "USER_BUSY": CarrierEnding("user_busy", "callee", "486"),
    "CALL_REJECTED": CarrierEnding("call_rejected", "callee", "603"),
    "NOT_FOUND": CarrierEnding("not_found", "callee", "404"),
    # The table of causes has no word of its own for it.
    "TEMPORARILY_UNAVAILABLE": CarrierEnding("unspecified", "callee", "480"),
}


@dataclass(frozen=True, kw_only=True)
class AnswerLeg(
    Streamed,
    Relayed,
    Transcribed,
    Recorded,
    WithHeaders,
    RoutedByEvent,
    LegCommand,
    operation_id="calls.actions.answer",
    allowed=PARKED,
):
    billing_group_id: str | None = None

    def routing_of_leg(self, before: Routing, means: CarrierMeans) -> Routing:
        if means.exchange.config.answer_moves_leg:
            return self.routing(before)
        return self.by_event(before)

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> JsonObject:
        params, relay, recording = self.stream(means), self.relay(means), self.recording(means)
        headers = self.headers()
        self.check_transcription(means)
        self.transcribe(leg, means)
        if params is not None:
            means.streams.add(leg, params)
        if relay is not None:
            means.relays.add(leg, relay)
        leg.answer_headers, leg.billing_group_id = headers.custom, self.billing_group_id
        answer: JsonObject = {}
        if recording is not None:
            answer["recording_id"] = means.recordings.start(leg, recording)
        means.exchange.answer(leg)
        return answer


@dataclass(frozen=True, kw_only=True)
class RejectLeg(LegCommand, operation_id="calls.actions.reject", allowed=PARKED):
    cause: str = "CALL_REJECTED"

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        means.exchange.end(leg, REJECTIONS[self.cause])


@dataclass(frozen=True, kw_only=True)
class HangUpLeg(LegCommand, operation_id="calls.actions.hangup", allowed=LIVE):
    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        means.exchange.customer_hangs_up(leg)


@dataclass(frozen=True, kw_only=True)
class UpdateClientState(
    LegCommand,
    operation_id="calls.actions.update_client_state",
    allowed=LIVE - PARKED,
):
    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        """Every command sets the client_state: nothing is left to be done."""


def require_few(digits: str, pointer: str) -> None:
    """Raises Refused."""
    if len(digits) > MAX_DIGITS:
        raise refused("90014", f"digits must be at most {MAX_DIGITS}", pointer)


@dataclass(frozen=True, kw_only=True)
class SendDtmfOnLeg(LegCommand, operation_id="calls.actions.send_dtmf"):
    digits: str
    duration_millis: int = 250

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        require_few(self.digits, "/digits")
        CarrierKeypad.of(leg).press(self.digits, self.duration_millis / 1000)


# ---- legs that are dialled ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DialledLeg(Detected, WithHeaders):
    """What dial and transfer say about the new leg."""

    to: str | list[str]
    from_: str | None = None
    timeout_secs: int = 30
    time_limit_secs: int = 14400
    park_after_unbridge: str | None = None
    send_digits_on_answer: str | None = None
    media_encryption: str | None = None

    def destination(self) -> tuple[str, str]:
        """The number, and the digits to press when it answers: `+E164,digits`, or their own
        field."""
        destinations, digits = self.destinations()
        return destinations[0], digits

    def destinations(self) -> tuple[list[str], str]:
        """Several numbers ring at once; digits behind a comma are for a single one."""
        require_few(self.send_digits_on_answer or "", "/send_digits_on_answer")
        if isinstance(self.to, list):
            if len(self.to) > MOST_AT_ONCE:
                raise refused("10027", f"at most {MOST_AT_ONCE} numbers ring at once", "/to")
            return [self._possible(number) for number in self.to], self.send_digits_on_answer or ""
        number, comma, digits = self.to.partition(",")
        self._possible(number)
        if comma and not re.fullmatch(r"[0-9A-DwW*#]+", digits):
            raise refused("90014", "only 0-9 A-D w W * # may follow the comma", "/to")
        require_few(digits, "/to")
        return [number], self.send_digits_on_answer or digits

    def _possible(self, number: str) -> str:
        """Raises Refused for what cannot be dialled."""
        if not number.startswith("sip:") and not E164.fullmatch(number):
            raise refused("10016", "write the number as + and digits, or use a sip: address", "/to")
        if number.startswith("+") and self.media_encryption in ("SRTP", "DTLS"):
            raise refused("10011", "only SIP destinations can be encrypted", "/media_encryption")
        return number

    def plan(self, *, retry_on_timeout: bool = True) -> CarrierPlan:
        gives_up = CarrierEnding("timeout", "callee", "487")
        if not retry_on_timeout:
            gives_up = CarrierEnding("no_answer", "callee", "480")
        return CarrierPlan(on_give_up=gives_up, time_limit_s=float(self.time_limit_secs))


@dataclass(frozen=True, kw_only=True)
class TransferLeg(
    DialledLeg,
    Recorded,
    RoutedByEvent,
    LegCommand,
    operation_id="calls.actions.transfer",
    allowed=LIVE - {LegState.RINGING},
):
    target_leg_client_state: str | None = None
    audio_url: str | None = None
    media_name: str | None = None

    def rerouted(self, before: Routing) -> Routing | None:
        """What it says of webhooks is said of the new leg."""
        return None

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        to, digits = self.destination()
        headers = self.headers()
        recording = self.recording(means)
        file = file_of(self.audio_url, self.media_name)
        if means.exchange.awaited_by(leg):
            raise refused("90102", "a transfer of this call is under way")
        means.calls.check(means.exchange.now)
        target = means.exchange.dial(
            to,
            self.from_ or leg.identity.to,
            plan=self.plan(),
            timeout_s=float(self.timeout_secs),
            connection_id=leg.identity.connection_id,
            routing=self.routing(leg.routing),
            client_state=self.target_leg_client_state,
            session_of=leg,
            bridge_to=leg,
            bridge_plan=BridgePlan(
                after="park" if self.park_after_unbridge else None,
                hears_first=file is not None,
            ),
            headers=headers,
        )
        self.detect(target, means)
        if file is not None:
            means.playbacks.play_before_bridge(target, CarrierPlayback(file=file))
        else:
            means.speech.announce_on_answer(target)
        if digits:
            CarrierKeypad.of(target).press_on_answer(digits)
        if recording is not None:  # from the answer on, which is the new leg's
            means.recordings.start(target, recording)


@dataclass(frozen=True, kw_only=True)
class DialLeg(
    DialledLeg,
    Streamed,
    Relayed,
    Conferenced,
    Supervising,
    Transcribed,
    Recorded,
    RoutedByEvent,
    AccountOperation,
    operation_id="calls.dial",
):
    connection_id: str
    billing_group_id: str | None = None
    audio_url: str | None = None
    media_name: str | None = None
    command_id: str | None = None
    client_state: str | None = None
    link_to: str | None = None
    bridge_intent: bool = False
    bridge_on_answer: bool = False
    prevent_double_bridge: bool = False
    retry_on_timeout: bool = True
    stream_establish_before_call_originate: bool = False

    def act(self, means: CarrierMeans) -> JsonObject:
        """Answers with the first of several legs."""
        application = means.application(self.connection_id)
        destinations, digits = self.destinations()
        self._refuse_if_impossible(means)
        _refuse_if_closed(application, len(destinations), means.exchange)
        means.calls.check(means.exchange.now, len(destinations))
        legs: list[CarrierLeg] = []
        for to in destinations:
            legs.append(self._dial(to, digits, application, legs[:1], means))
        for leg in legs:
            leg.rivals = tuple(other for other in legs if other is not leg)
        answer = status(legs[0], means.exchange) | {"is_alive": False}  # nobody has picked up yet
        for recording in means.recordings.of(legs[0]):
            answer["recording_id"] = recording.recording_id
        return answer

    def _refuse_if_impossible(self, means: CarrierMeans) -> None:
        """Before the first of several legs rings."""
        self.headers()
        self._file()
        self._linked(means.exchange)
        self.stream(means)
        self.relay(means)
        self.recording(means)
        self.check_transcription(means)
        self._refuse_two_places(means)

    def _refuse_two_places(self, means: CarrierMeans) -> None:
        """Where the leg goes when it is answered. Raises Refused for more than one."""
        joins = self.invitation(means) is not None
        if joins and self.bridge_on_answer:
            detail = "a leg is bridged when it is answered or joins a conference, not both"
            raise refused("10027", detail, "/conference_config")
        if self.supervised(means) is not None and (joins or self.bridge_on_answer):
            detail = "a leg that supervises a call is neither bridged nor in a conference"
            raise refused("10027", detail, "/supervise_call_control_id")

    def _file(self) -> SoundFile | None:
        return file_of(self.audio_url, self.media_name)

    def _dial(
        self,
        to: str,
        digits: str,
        application: Application,
        before: list[CarrierLeg],
        means: CarrierMeans,
    ) -> CarrierLeg:
        """`before` is the first leg of those that ring at once: they share its session."""
        linked = self._linked(means.exchange)
        leg = means.exchange.dial(
            to,
            self.from_ or "",
            plan=self.plan(retry_on_timeout=self.retry_on_timeout),
            timeout_s=float(self.timeout_secs),
            connection_id=self.connection_id,
            routing=self.routing(application.routing()),
            client_state=self.client_state,
            session_of=linked or next(iter(before), None),
            bridge_to=linked if self.bridge_on_answer else None,
            bridge_plan=BridgePlan(prevent_double=self.prevent_double_bridge),
            headers=self.headers(),
        )
        leg.billing_group_id = self.billing_group_id
        self.detect(leg, means)
        self.transcribe(leg, means)
        if (file := self._file()) is not None:
            means.playbacks.play_on_answer(leg, CarrierPlayback(file=file))
        else:
            means.speech.announce_on_answer(leg)
        if self.park_after_unbridge is not None:
            leg.after_unbridge = "park"
        if digits:
            CarrierKeypad.of(leg).press_on_answer(digits)
        if (params := self.stream(means)) is not None:
            at_once = self.stream_establish_before_call_originate
            means.streams.add(leg, params, at_once=at_once)
        if (relay := self.relay(means)) is not None:
            means.relays.add(leg, relay)
        if (recording := self.recording(means)) is not None:
            means.recordings.start(leg, recording)
        if (invitation := self.invitation(means)) is not None:
            means.conferences.invite(leg, invitation)
        if (supervised := self.supervised(means)) is not None:
            leg.add(Supervision(leg, supervised, self.supervisor_role, means.exchange))
        means.exchange.command(leg, "dial", self.not_simulated(), self.given)
        return leg

    def _linked(self, exchange: Exchange) -> CarrierLeg | None:
        if self.link_to is None:
            for name in ("bridge_on_answer", "bridge_intent", "park_after_unbridge"):
                if getattr(self, name):
                    raise refused("10004", f"{name} needs link_to", "/link_to")
            return None
        leg = exchange.find(self.link_to)
        if leg is None or leg.state is LegState.ENDED:
            raise refused("90015", "link_to names no live call", "/link_to")
        return leg


def _refuse_if_closed(application: Application, calls: int, exchange: Exchange) -> None:
    """Raises Refused for an application that makes no calls, or not as many."""
    if not application.is_active:
        raise refused("10015", "this application is not active", "/connection_id")
    limit = application.channel_limit("outbound")
    if exchange.channels(application.id, "outgoing") + calls > limit:
        raise refused("90043", f"this application makes at most {limit:g} calls at once")


@dataclass(frozen=True, kw_only=True)
class RetrieveStatus(AccountOperation, operation_id="calls.retrieve_status"):
    call_control_id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        leg = means.exchange.find(self.call_control_id)
        if leg is None:
            raise refused("10005", f"no call {self.call_control_id[:100]!r}", status=404)
        return status(leg, means.exchange)


def status(leg: CarrierLeg, exchange: Exchange) -> JsonObject:
    identity = leg.identity
    until = exchange.now if leg.ended_at is None else leg.ended_at
    data: JsonObject = {
        "record_type": "call",
        "call_control_id": identity.call_control_id,
        "call_leg_id": identity.call_leg_id,
        "call_session_id": identity.call_session_id,
        "is_alive": leg.state is not LegState.ENDED,
        "start_time": identity.start_time,
        "call_duration": 0 if leg.answered_at is None else int(until - leg.answered_at),
    }
    if leg.client_state is not None:
        data["client_state"] = leg.client_state
    if leg.ended_at is not None:
        data["end_time"] = exchange.timestamp(leg.ended_at)
    return data
