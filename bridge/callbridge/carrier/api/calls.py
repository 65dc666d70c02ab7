"""Calls: dialling, answering, transferring and ending them."""

import re
from dataclasses import dataclass

from callbridge.carrier.api.detection import Detected
from callbridge.carrier.api.joining import Conferenced
from callbridge.carrier.api.operation import (
    LIVE,
    PARKED,
    AccountOperation,
    CarrierMeans,
    LegCommand,
)
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.relay import Relayed
from callbridge.carrier.api.routing import RoutedByEvent
from callbridge.carrier.api.streaming import Streamed
from callbridge.carrier.api.transcription import Transcribed
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierEnding, CarrierLeg, CarrierPlan, LegState
from callbridge.carrier.parts.keypad import CarrierKeypad
from callbridge.carrier.shapes import JsonObject

E164 = re.compile(r"\+[1-9]\d{1,14}")
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
    RoutedByEvent,
    LegCommand,
    operation_id="calls.actions.answer",
    allowed=PARKED,
):
    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        params, relay = self.stream(means), self.relay(means)
        self.check_transcription(means)
        self.transcribe(leg, means)
        if params is not None:
            means.streams.add(leg, params)
        if relay is not None:
            means.relays.add(leg, relay)
        means.exchange.answer(leg)


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


@dataclass(frozen=True, kw_only=True)
class SendDtmfOnLeg(LegCommand, operation_id="calls.actions.send_dtmf"):
    digits: str
    duration_millis: int = 250

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        CarrierKeypad.of(leg).press(self.digits, self.duration_millis / 1000)


# ---- legs that are dialled ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DialledLeg(Detected):
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
        if isinstance(self.to, list):
            detail = "ringing several numbers is not supported by this local carrier"
            raise refused("10026", detail, "/to")
        number, comma, digits = self.to.partition(",")
        if not number.startswith("sip:") and not E164.fullmatch(number):
            raise refused("10016", "write the number as + and digits, or use a sip: address", "/to")
        if comma and not re.fullmatch(r"[0-9A-DwW*#]+", digits):
            raise refused("90014", "only 0-9 A-D w W * # may follow the comma", "/to")
        if number.startswith("+") and self.media_encryption in ("SRTP", "DTLS"):
            raise refused("10011", "only SIP destinations can be encrypted", "/media_encryption")
        return number, self.send_digits_on_answer or digits

    def plan(self, *, retry_on_timeout: bool = True) -> CarrierPlan:
        gives_up = CarrierEnding("timeout", "callee", "487")
        if not retry_on_timeout:
            gives_up = CarrierEnding("no_answer", "callee", "480")
        return CarrierPlan(on_give_up=gives_up, time_limit_s=float(self.time_limit_secs))


@dataclass(frozen=True, kw_only=True)
class TransferLeg(
    DialledLeg,
    RoutedByEvent,
    LegCommand,
    operation_id="calls.actions.transfer",
    allowed=LIVE - {LegState.RINGING},
):
    target_leg_client_state: str | None = None

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        to, digits = self.destination()
        if means.exchange.awaited_by(leg) is not None:
            raise refused("90102", "a transfer of this call is under way")
        if self.park_after_unbridge is not None:
            leg.parks_after_unbridge = True
        target = means.exchange.dial(
            to,
            self.from_ or leg.identity.to,
            plan=self.plan(),
            timeout_s=float(self.timeout_secs),
            connection_id=leg.identity.connection_id,
            routing=leg.routing,
            client_state=self.target_leg_client_state,
            session_of=leg,
            bridge_to=leg,
        )
        self.detect(target, means.exchange)
        if digits:
            CarrierKeypad.of(target).press_on_answer(digits)


@dataclass(frozen=True, kw_only=True)
class DialLeg(
    DialledLeg,
    Streamed,
    Relayed,
    Conferenced,
    Transcribed,
    RoutedByEvent,
    AccountOperation,
    operation_id="calls.dial",
):
    connection_id: str
    command_id: str | None = None
    client_state: str | None = None
    link_to: str | None = None
    bridge_on_answer: bool = False
    retry_on_timeout: bool = True
    stream_establish_before_call_originate: bool = False

    def act(self, means: CarrierMeans) -> JsonObject:
        application = means.store.application(self.connection_id)
        if application is None:
            detail = "no Call Control Application of this carrier has that id"
            raise refused("10015", detail, "/connection_id")
        to, digits = self.destination()
        linked = self._linked(means.exchange)
        params, relay = self.stream(means), self.relay(means)
        self.check_transcription(means)
        invitation = self.invitation(means)
        if invitation is not None and self.bridge_on_answer:
            detail = "a leg is bridged when it is answered or joins a conference, not both"
            raise refused("10027", detail, "/conference_config")
        leg = means.exchange.dial(
            to,
            self.from_ or "",
            plan=self.plan(retry_on_timeout=self.retry_on_timeout),
            timeout_s=float(self.timeout_secs),
            connection_id=self.connection_id,
            routing=self.routing(application.routing()),
            client_state=self.client_state,
            session_of=linked,
            bridge_to=linked if self.bridge_on_answer else None,
        )
        self.detect(leg, means.exchange)
        self.transcribe(leg, means)
        if digits:
            CarrierKeypad.of(leg).press_on_answer(digits)
        leg.parks_after_unbridge = self.park_after_unbridge is not None
        if params is not None:
            at_once = self.stream_establish_before_call_originate
            means.streams.add(leg, params, at_once=at_once)
        if relay is not None:
            means.relays.add(leg, relay)
        if invitation is not None:
            means.conferences.invite(leg, invitation)
        means.exchange.command(leg, "dial", self.not_simulated(), self.given)
        return status(leg, means.exchange) | {"is_alive": False}  # nobody has picked up yet

    def _linked(self, exchange: Exchange) -> CarrierLeg | None:
        if self.link_to is None:
            if self.bridge_on_answer:
                raise refused("10004", "bridge_on_answer needs link_to", "/link_to")
            return None
        leg = exchange.find(self.link_to)
        if leg is None or leg.state is LegState.ENDED:
            raise refused("90015", "link_to names no live call", "/link_to")
        return leg


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
        "client_state": leg.client_state,
        "is_alive": leg.state is not LegState.ENDED,
        "start_time": identity.start_time,
        "call_duration": 0 if leg.answered_at is None else int(until - leg.answered_at),
    }
    if leg.ended_at is not None:
        data["end_time"] = exchange.timestamp(leg.ended_at)
    return data
