"""The platform's end of one Conversation Relay socket: frames, strictly checked, both ways.

Texts of errors are the platform's where it documents them: for a field that is missing and for an
unknown type. The others are this carrier's, in the same form."""

from collections.abc import Callable

import msgspec

from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.shapes import JsonObject, as_object
from callbridge.errors import LocalProtocolError
from callbridge.relay import wire

FRAMES: dict[str, type[wire.RelayOutgoing]] = {
    "text": wire.TextToken,
    "play": wire.PlaySource,
    "sendDigits": wire.SendDigits,
    "language": wire.SwitchLanguage,
    "end": wire.EndSession,
}


class InvalidRelayMessage(Exception):
    """Its text is what the customer is told."""


class CarrierRelaySession:
    """Setup first; then each message of the customer is a frame, or is answered by an error."""

    def __init__(self, send: Callable[[str], None], *, bad_frames: int) -> None:
        """So many bad frames in a row, and the session is `broken`."""
        self._send, self._allowed = send, bad_frames
        self._bad = 0  # in a row

    @property
    def broken(self) -> bool:
        return self._bad >= self._allowed

    def send(self, frame: wire.RelayIncoming) -> None:
        self._send(wire.encode(frame))

    def receive(self, message: str | bytes) -> wire.RelayOutgoing | None:
        """None for a message that was refused; the customer has been told why."""
        try:
            frame = read(message)
        except InvalidRelayMessage as invalid:
            self._bad += 1
            self.complain(f"Invalid message: {invalid}")
            return None
        self._bad = 0
        return frame

    def complain(self, description: str) -> None:
        self.send(wire.RelayError(description[:500]))


def read(message: str | bytes) -> wire.RelayOutgoing:
    """Raises InvalidRelayMessage."""
    fields = _object(message)
    kind = fields.get("type")
    if kind is None:
        raise InvalidRelayMessage("missing required field: type")
    frame = FRAMES.get(kind) if isinstance(kind, str) else None
    if frame is None:
        raise InvalidRelayMessage(f"unknown type: {str(kind)[:80]}")
    for field in msgspec.structs.fields(frame):
        if field.required and fields.get(field.encode_name) is None:
            raise InvalidRelayMessage(f"missing required field: {field.encode_name}")
    try:
        return _sensible(msgspec.convert(fields, frame))
    except (msgspec.ValidationError, LocalProtocolError) as error:
        raise InvalidRelayMessage(str(error)) from None


def _object(message: str | bytes) -> JsonObject:
    if isinstance(message, bytes):
        raise InvalidRelayMessage("frames are text messages, this one is binary")
    try:
        value: object = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRelayMessage(f"not JSON: {error}") from None
    fields = as_object(value)
    if fields is None:
        raise InvalidRelayMessage("not a JSON object")
    return fields


def _sensible(frame: wire.RelayOutgoing) -> wire.RelayOutgoing:
    if isinstance(frame, wire.PlaySource):
        if frame.loop < 1:
            raise InvalidRelayMessage("loop is at least 1")
        if not frame.source.startswith(("http://", "https://")):
            raise InvalidRelayMessage("source is an http or https URL")
    return frame


def setup_of(leg: CarrierLeg, session_id: str, account: str, parameters: JsonObject) -> wire.Setup:
    identity = leg.identity
    return wire.Setup(
        session_id=session_id,
        call_control_id=identity.call_control_id,
        account_sid=account,
        call_sid=identity.call_control_id,
        call_session_id=identity.call_session_id,
        call_leg_id=identity.call_leg_id,
        from_=identity.from_,
        to=identity.to,
        direction="inbound" if identity.direction == "incoming" else "outbound",
        caller_name="",
        call_status="active",
        custom_parameters=parameters,
    )
