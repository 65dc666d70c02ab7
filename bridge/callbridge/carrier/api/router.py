"""The REST API: one request in, one answer out. Checks first, then the exchange acts."""

import hmac
import re
from collections.abc import Callable
from typing import Literal, cast
from urllib.parse import unquote

import msgspec

from callbridge.carrier.api.checks import (
    ACTIONS,
    DIAL,
    Command,
    Fields,
    check,
    known,
    not_simulated,
)
from callbridge.carrier.api.problems import Refused, Response, refused
from callbridge.carrier.audio.playout import Target
from callbridge.carrier.core.exchange import (
    CALLEE_CLEARED,
    CALLER_CANCELLED,
    CALLER_CLEARED,
    Exchange,
)
from callbridge.carrier.core.leg import (
    CarrierEnding,
    CarrierLeg,
    CarrierPlan,
    LegState,
    Routing,
)
from callbridge.carrier.parts.stream import StreamParams, playing_codec
from callbridge.carrier.shapes import JsonObject, as_list, as_object
from telecodecs import CodecError

E164 = re.compile(r"\+[1-9]\d{1,14}")
OK: JsonObject = {"result": "ok"}
# Allowed on an inbound leg that is not answered yet.
BEFORE_ANSWER = {"answer", "reject", "hangup", "transfer"}
# On a leg that we dial, what needs no audio is allowed while it rings.
WHILE_RINGING = {"hangup", "client_state_update"}
REJECTIONS = {
    "USER_BUSY": CarrierEnding("user_busy", "callee", "486"),
    "CALL_REJECTED": CarrierEnding("call_rejected", "callee", "603"),
    "NOT_FOUND": CarrierEnding("not_found", "callee", "404"),
    # The table of causes has no word of its own for it.
    "TEMPORARILY_UNAVAILABLE": CarrierEnding("unspecified", "callee", "480"),
}
MAX_BODY = 1_000_000


class RestApi:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._config = exchange.config
        # (call or account, action, command_id) -> when, and what was answered
        self._done: dict[tuple[str, str, str], tuple[float, JsonObject]] = {}
        self._actions: dict[str, Callable[[CarrierLeg, Fields], None]] = {
            "answer": self._answer,
            "reject": self._reject,
            "hangup": self._hangup,
            "streaming_start": self._streaming_start,
            "streaming_stop": self._streaming_stop,
            "speak": self._speak,
            "send_dtmf": self._send_dtmf,
            "transfer": self._transfer,
            "client_state_update": lambda leg, fields: None,  # every command sets it
        }

    def request(
        self, method: str, path: str, body: bytes, authorization: str | None, now: float
    ) -> Response:
        self._exchange.now = now
        try:
            self._authorise(authorization)
            return Response(200, {"data": self._route(method, path.partition("?")[0], body)})
        except Refused as refusal:
            return refusal.response

    def _authorise(self, authorization: str | None) -> None:
        expected = f"Bearer {self._config.api_key}".encode()
        given = (authorization or "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected):
            raise refused("10009", "send the carrier's API key as a bearer token", status=401)

    def _route(self, method: str, path: str, body: bytes) -> JsonObject:
        match [unquote(part) for part in path.strip("/").split("/")]:
            case ["v2", "calls"]:
                _require_method(method, "POST")
                return self._dial(_fields(DIAL, body))
            case ["v2", "calls", call]:
                _require_method(method, "GET")
                return self._status(call)
            case ["v2", "calls", call, "actions", action] if action in ACTIONS:
                command = ACTIONS[action]
                _require_method(method, command.facts.method)
                return self._command(command, call, body)
            case _:
                detail = f"{method} {path[:200]} is not supported by this local carrier"
                raise refused("10005", detail, status=404)

    # ---- commands -----------------------------------------------------------------------------

    def _command(self, command: Command, call: str, body: bytes) -> JsonObject:
        values = _json(body)
        leg = self._exchange.find(call)
        if leg is None:
            raise refused("90015", f"no call {call[:100]!r}", "/call_control_id")
        key = (call, command.name, str(values.get("command_id")))
        if self._is_repeated(key, values):
            return OK
        fields = _checked(command, values)
        _check_state(leg, command.name)
        before = leg.client_state, leg.routing
        self._remember_wishes(leg, fields)
        try:
            self._actions[command.name](leg, fields)
        except Refused:
            leg.client_state, leg.routing = before
            raise
        ignored = not_simulated(command, fields.values)
        extra: JsonObject = {"not_simulated": ignored} if ignored else {}
        leg.note(self._exchange.now, "command", action=command.name, **extra)
        self._keep(key, values, OK)
        return OK

    def _remember_wishes(self, leg: CarrierLeg, fields: Fields) -> None:
        """What any command may set for the rest of the call."""
        leg.client_state = fields.text("client_state") or leg.client_state
        leg.routing = _routing(fields, leg.routing)

    def _answer(self, leg: CarrierLeg, fields: Fields) -> None:
        if leg.state is not LegState.PARKED:
            raise refused("90102", "only an inbound leg that rings can be answered")
        leg.stream_params = self._stream_params(fields)
        self._exchange.answer(leg)

    def _reject(self, leg: CarrierLeg, fields: Fields) -> None:
        if leg.state is not LegState.PARKED:
            raise refused("90102", "only an inbound leg that rings can be rejected")
        self._exchange.end(leg, REJECTIONS[fields.text("cause") or "CALL_REJECTED"])

    def _hangup(self, leg: CarrierLeg, fields: Fields) -> None:
        if leg.state is LegState.PARKED:
            self._exchange.end(leg, REJECTIONS["CALL_REJECTED"])
        elif leg.state is LegState.RINGING:
            self._exchange.end(leg, CALLER_CANCELLED)
        elif leg.identity.direction == "incoming":
            self._exchange.end(leg, CALLEE_CLEARED)
        else:
            self._exchange.end(leg, CALLER_CLEARED)

    def _streaming_start(self, leg: CarrierLeg, fields: Fields) -> None:
        if leg.stream is not None:
            raise refused("90045", "this call is being streamed already")
        params = self._stream_params(fields)
        if params is None:
            raise refused("10004", "stream_url is required", "/stream_url")
        self._exchange.open_stream(leg, params)

    def _streaming_stop(self, leg: CarrierLeg, fields: Fields) -> None:
        stream_id = fields.text("stream_id")
        if leg.stream is None or stream_id not in (None, leg.stream.stream_id):
            raise refused("90048", "this call has no such stream")
        self._exchange.close_stream(leg)

    def _speak(self, leg: CarrierLeg, fields: Fields) -> None:
        if not self._exchange.speaks:
            detail = "this local carrier has no voice: install callbridge[voice] and restart it"
            raise refused("10027", detail)
        times = _loop(fields.get("loop"))
        stop = fields.text("stop")
        if stop is not None:
            self._exchange.stop_speech(leg, "all" if stop == "all" else "current")
        self._exchange.speak(
            leg,
            fields.text("payload") or "",
            ssml=fields.text("payload_type") == "ssml",
            target=cast(Target, fields.text("target_legs") or "self"),
            times=times,
        )

    def _send_dtmf(self, leg: CarrierLeg, fields: Fields) -> None:
        leg.press(fields.text("digits") or "", (fields.whole("duration_millis") or 250) / 1000)

    def _transfer(self, leg: CarrierLeg, fields: Fields) -> None:
        to, digits = _destination(fields)
        if self._exchange.awaited_by(leg) is not None:
            raise refused("90102", "a transfer of this call is under way")
        if fields.text("park_after_unbridge") is not None:
            leg.parks_after_unbridge = True
        target = self._exchange.dial(
            to,
            fields.text("from") or leg.identity.to,
            plan=_plan(fields),
            timeout_s=float(fields.whole("timeout_secs") or 30),
            routing=leg.routing,
            client_state=fields.text("target_leg_client_state"),
            session_of=leg,
            bridge_to=leg,
        )
        target.digits_on_answer = digits

    # ---- dial and status ----------------------------------------------------------------------

    def _dial(self, fields: Fields) -> JsonObject:
        values = fields.values
        key = ("account", "dial", str(values.get("command_id")))
        if self._is_repeated(key, values):
            return self._done[key][1]
        if fields.text("connection_id") != self._config.connection_id:
            detail = f"this local carrier's connection_id is {self._config.connection_id}"
            raise refused("10015", detail, "/connection_id")
        to, digits = _destination(fields)
        linked = self._linked(fields)
        params = self._stream_params(fields)
        leg = self._exchange.dial(
            to,
            fields.text("from") or "",
            plan=_plan(fields),
            timeout_s=float(fields.whole("timeout_secs") or 30),
            routing=_routing(fields, self._exchange.default_routing()),
            client_state=fields.text("client_state"),
            session_of=linked,
            bridge_to=linked if fields.flag("bridge_on_answer") else None,
        )
        leg.digits_on_answer = digits
        leg.stream_params = params
        leg.parks_after_unbridge = fields.text("park_after_unbridge") is not None
        if params is not None and fields.flag("stream_establish_before_call_originate"):
            self._exchange.open_stream(leg, params)
        ignored = not_simulated(DIAL, fields.values)
        extra: JsonObject = {"not_simulated": ignored} if ignored else {}
        leg.note(self._exchange.now, "command", action="dial", **extra)
        data = self._call(leg) | {"is_alive": False}  # nobody has picked up yet
        self._keep(key, values, data)
        return data

    def _linked(self, fields: Fields) -> CarrierLeg | None:
        link = fields.text("link_to")
        if link is None:
            if fields.flag("bridge_on_answer"):
                raise refused("10004", "bridge_on_answer needs link_to", "/link_to")
            return None
        leg = self._exchange.find(link)
        if leg is None or leg.state is LegState.ENDED:
            raise refused("90015", "link_to names no live call", "/link_to")
        return leg

    def _status(self, call: str) -> JsonObject:
        leg = self._exchange.find(call)
        if leg is None:
            raise refused("10005", f"no call {call[:100]!r}", status=404)
        return self._call(leg)

    def _call(self, leg: CarrierLeg) -> JsonObject:
        identity = leg.identity
        until = self._exchange.now if leg.ended_at is None else leg.ended_at
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
            data["end_time"] = self._exchange.timestamp(leg.ended_at)
        return data

    # ---- command_id ---------------------------------------------------------------------------

    def _is_repeated(self, key: tuple[str, str, str], values: JsonObject) -> bool:
        """True for a command that was carried out a minute ago or less; a refused one may be
        sent again."""
        if not isinstance(values.get("command_id"), str):
            return False
        done = self._done.get(key)
        return done is not None and self._exchange.now - done[0] <= self._config.dedup_s

    def _keep(self, key: tuple[str, str, str], values: JsonObject, answer: JsonObject) -> None:
        if not isinstance(values.get("command_id"), str):
            return
        now = self._exchange.now
        self._done.pop(key, None)
        self._done[key] = (now, answer)
        while self._done:  # insertion order is order of age
            oldest = next(iter(self._done))
            if now - self._done[oldest][0] <= self._config.dedup_s:
                break
            del self._done[oldest]

    # ---- parameters that belong together ------------------------------------------------------

    def _stream_params(self, fields: Fields) -> StreamParams | None:
        """None without a stream_url. Raises Refused for a codec that is not available here."""
        url = fields.text("stream_url")
        if url is None:
            if fields.flag("enable_dialogflow"):
                raise refused("90046", "Dialogflow is not supported by this local carrier")
            return None
        params = StreamParams(
            url=url,
            track=fields.text("stream_track") or "inbound_track",
            codec=fields.text("stream_codec") or "default",
            mode=fields.text("stream_bidirectional_mode") or "mp3",
            bidirectional_codec=fields.text("stream_bidirectional_codec") or "PCMU",
            bidirectional_rate=fields.whole("stream_bidirectional_sampling_rate"),
            target=cast(Target, fields.text("stream_bidirectional_target_legs") or "opposite"),
            auth_token=fields.text("stream_auth_token"),
            custom_parameters=_pairs(fields.get("custom_parameters")),
        )
        try:
            playing_codec(params, self._config.l16_order)
        except CodecError as error:
            raise refused("90046", f"not in this local carrier: {error}",
                          "/stream_bidirectional_codec") from None  # fmt: skip
        return params


def _require_method(method: str, expected: str) -> None:
    if method != expected:
        raise refused("10030", f"use {expected}", status=405)


def _json(body: bytes) -> JsonObject:
    """An empty body is an empty object: clients leave it out where nothing is to be said."""
    if len(body) > MAX_BODY:
        raise refused("10015", f"a body of more than {MAX_BODY} bytes", status=400)
    try:
        values: object = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise refused("10015", f"the body is not JSON: {error}"[:300], status=400) from None
    found = as_object(values)
    if found is None:
        raise refused("10015", "the body is not a JSON object", status=400)
    return found


def _checked(command: Command, values: JsonObject) -> Fields:
    problems = check(command, values)
    if problems:
        raise Refused(422, *problems)
    return Fields(known(command, values))


def _fields(command: Command, body: bytes) -> Fields:
    return _checked(command, _json(body))


def _check_state(leg: CarrierLeg, action: str) -> None:
    if leg.state is LegState.ENDED:
        raise refused("90018", "This call is no longer active and can't receive commands.")
    if action == "answer" and leg.identity.direction == "outgoing":
        raise refused("90102", "an outbound leg is answered by the other side")
    allowed = {LegState.PARKED: BEFORE_ANSWER, LegState.RINGING: WHILE_RINGING}.get(leg.state)
    if allowed is not None and action not in allowed:
        raise refused("90034", f"{action} needs an answered call")


def _destination(fields: Fields) -> tuple[str, str]:
    """The number and the digits to press when it answers: `+E164,digits`, or their own field."""
    to = fields.get("to")
    if isinstance(to, list):
        raise refused("10026", "ringing several numbers is not supported by this local carrier",
                      "/to")  # fmt: skip
    if not isinstance(to, str):
        raise refused("10026", "to must be of type string", "/to")
    number, comma, digits = to.partition(",")
    if not number.startswith("sip:") and not E164.fullmatch(number):
        raise refused("10016", "write the number as + and digits, or use a sip: address", "/to")
    if comma and not re.fullmatch(r"[0-9A-DwW*#]+", digits):
        raise refused("90014", "only 0-9 A-D w W * # may follow the comma", "/to")
    if number.startswith("+") and fields.text("media_encryption") in ("SRTP", "DTLS"):
        raise refused("10011", "only SIP destinations can be encrypted", "/media_encryption")
    return number, fields.text("send_digits_on_answer") or digits


def _plan(fields: Fields) -> CarrierPlan:
    gives_up = CarrierEnding("timeout", "callee", "487")
    if fields.get("retry_on_timeout") is False:
        gives_up = CarrierEnding("no_answer", "callee", "480")
    limit = fields.whole("time_limit_secs")
    return CarrierPlan(
        on_give_up=gives_up, time_limit_s=float(limit if limit is not None else 14400)
    )


def _routing(fields: Fields, before: Routing) -> Routing:
    """A webhook_url replaces the first address; the application's failover stays behind it."""
    url = fields.text("webhook_url")
    by_event = {
        event: tuple(map(str, as_list(urls) or ()))
        for event, urls in (as_object(fields.get("webhook_urls")) or {}).items()
    }
    retries = {
        event: tuple(msgspec.convert(as_object(policy) or {}, RetriesPolicy).retries_ms)
        for event, policy in (as_object(fields.get("webhook_retries_policies")) or {}).items()
    }
    return Routing(
        urls=(url, *before.urls[1:]) if url is not None else before.urls,
        method=_method(fields, "webhook_url_method") or before.method,
        by_event=before.by_event | by_event,
        by_event_method=_method(fields, "webhook_urls_method") or before.by_event_method,
        retries_ms=before.retries_ms | retries,
    )


def _method(fields: Fields, name: str) -> Literal["POST", "GET"] | None:
    value = fields.text(name)
    return None if value is None else "GET" if value == "GET" else "POST"


class RetriesPolicy(msgspec.Struct, frozen=True):
    retries_ms: list[int] = []


def _pairs(value: object) -> dict[str, str] | None:
    """[{name, value}] as the object of the start frame."""
    if (items := as_list(value)) is None:
        return None
    pairs = [pair for item in items if (pair := as_object(item)) is not None]
    return {str(pair["name"]): str(pair.get("value", "")) for pair in pairs if "name" in pair}


def _loop(value: object) -> int | None:
    """How often to speak; None is without end."""
    if value is None:
        return 1
    if value == "infinity":
        return None
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 100:
        raise refused("90009", "loop is a number from 1 to 100, or infinity", "/loop")
    return number
