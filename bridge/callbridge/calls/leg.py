"""One leg as the bridge keeps it: who it is, its media, its keys, and how it ended.

Everything here happens at once and awaits nothing; `Call` gives it to a bot as things to await. A
leg exists before its socket (ringing) and after it (a lost stream, a handoff), so streams attach
and detach and the playout outlives them."""

import asyncio
import base64
import binascii
import logging
import secrets
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from callbridge.errors import LocalProtocolError, StreamLost
from callbridge.media.playout import Playout, PlayoutSettings, Utterance
from callbridge.media.session import (
    AudioReceived,
    ByteOrder,
    ByteOrderFound,
    DigitReceived,
    ErrorReceived,
    Event,
    MediaSession,
    Started,
    State,
    Stopped,
    Undecodable,
)
from callbridge.media.stream import MediaStream, Transport
from callbridge.media.wire import StartBody
from callbridge.timing.clock import Clock
from callbridge.timing.ticker import Ticker
from telecodecs import Codec, Pcm, Resampler, codec

log = logging.getLogger("callbridge")

Direction = Literal["incoming", "outgoing"]

PTIME_S = 0.020
INBOUND_LIMIT = 100  # frames of one ptime that wait for a slow bot: two seconds
KEYS_REMEMBERED = 256
POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1
REATTACH_S = 10.0  # how long a lost stream may come back under the same token


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """The audio of a call: `sample_rate` towards the bot, the codec we asked to send in."""

    sample_rate: int = 8000
    tx_name: str = "PCMU"
    tx_rate: int = 8000
    l16_order: ByteOrder = "little"
    playout: PlayoutSettings = field(default_factory=PlayoutSettings)


@dataclass(frozen=True, slots=True)
class Digit:
    """One key. `occurred_at` is the platform's time, ISO 8601; frames can overtake each other."""

    digit: str
    occurred_at: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """Why a call ended, in the platform's words (`hangup_cause`, `hangup_source`)."""

    cause: str
    source: str = "unknown"


@dataclass(slots=True)
class LegStats:
    """What went wrong or missing on this leg, and how much went through."""

    inbound_dropped: int = 0  # ptimes that a slow bot did not take in time
    streams: int = 0
    streams_lost: int = 0
    errors: Counter[int] = field(default_factory=Counter[int])  # the platform's error frames


class Leg:
    """Ids, media and keys of one leg. Made, owned and forgotten by the registry of calls."""

    # Hot: more than 30 attributes would be a dictionary for every call.
    __slots__ = (
        "_hearing",
        "_keys_seen",
        "_loop",
        "_lost_at",
        "_past_streams",
        "_ptime",
        "_rest",
        "_ticker",
        "_waiters",
        "answered",
        "call_control_id",
        "call_leg_id",
        "call_session_id",
        "client_state",
        "clock",
        "custom_parameters",
        "digits",
        "direction",
        "ended",
        "from_",
        "gone",
        "inbound",
        "listening",
        "on_audio",
        "on_digit",
        "on_stream_lost",
        "plan",
        "playout",
        "reference",
        "released",
        "stats",
        "stream",
        "stream_given_up",
        "streaming",
        "to",
        "undecodable",
    )

    def __init__(
        self,
        plan: MediaPlan,
        clock: Clock,
        ticker: Ticker,
        *,
        direction: Direction,
        from_: str = "",
        to: str = "",
    ) -> None:
        self.reference = secrets.token_hex(8)
        self.direction: Direction = direction
        self.from_, self.to = from_, to
        self.call_control_id = self.call_leg_id = self.call_session_id = ""
        self.client_state: str | None = None
        self.custom_parameters: dict[str, str] = {}
        self.plan = plan
        self.clock = clock
        self.stats = LegStats()
        self.playout = Playout(plan.tx_rate, plan.playout)
        self.stream: MediaStream | None = None
        self._past_streams: Counter[str] = Counter()
        self._loop = loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[None] = loop.create_future()
        self.streaming: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[Hangup] = loop.create_future()
        self.listening = False
        self.released = False
        self.stream_given_up = False
        self.undecodable = ""  # why the call's audio cannot be decoded, if it cannot
        self.gone = False  # any of these, or ended: nothing more can be said or heard
        self.inbound: deque[Pcm] = deque()
        self.digits: list[Digit] = []
        self.on_digit: Callable[[Digit], bool] | None = None  # takes a key before `digits` does
        self.on_audio: Callable[[Pcm], None] | None = None  # one ptime each
        self.on_stream_lost: Callable[[], None] | None = None
        self._ticker = ticker
        self._rest: Pcm | None = None
        self._ptime = round(PTIME_S * plan.sample_rate)
        self._lost_at: float | None = None
        self._keys_seen: deque[tuple[str, str]] = deque(maxlen=KEYS_REMEMBERED)
        self._hearing: dict[Utterance, asyncio.Future[Utterance]] = {}
        self._waiters: list[asyncio.Future[None]] = []

    # ---- who it is --------------------------------------------------------------------------

    def identify(self, payload: Mapping[str, object]) -> None:
        """Take the ids that an answer or a webhook carries; what is known stays."""
        self.call_control_id = self.call_control_id or _text(payload, "call_control_id")
        self.call_leg_id = self.call_leg_id or _text(payload, "call_leg_id")
        self.call_session_id = self.call_session_id or _text(payload, "call_session_id")
        self.from_ = self.from_ or _text(payload, "from")
        self.to = self.to or _text(payload, "to")

    def set_answered(self) -> None:
        if not self.answered.done():
            self.answered.set_result(None)

    # ---- streams ----------------------------------------------------------------------------

    def expect_stream(self) -> None:
        """A stream was asked for: `streaming` waits for its start again."""
        if self.streaming.done():
            self.streaming.exception()  # retrieved: it was about the stream before
            self.streaming = self._loop.create_future()

    def fail_stream(self, reason: str) -> None:
        """The platform could not open the stream."""
        if not self.streaming.done():
            self.streaming.set_exception(StreamLost(f"streaming failed: {reason or 'no reason'}"))
            self.streaming.exception()  # retrieved: perhaps nobody waits for it any more

    def give_up_stream(self) -> None:
        """No other stream will come: what waits to be heard ends, other awaits raise StreamLost."""
        self.stream_given_up = self.gone = True
        self.playout.end("stream_lost", self.clock.now())
        self.on_sent()

    def may_attach(self, expires: float) -> str | None:
        """None, or why a socket with this call's token (and its expiry) is not taken now."""
        if self.ended.done() or self.released:
            return "the call has ended"
        if self.stream is not None:
            return "the call has a live stream already"
        if self._lost_at is not None and self.clock.now() - self._lost_at <= REATTACH_S:
            return None
        return "the token has expired" if self.clock.wall() > expires else None

    def attach(self, transport: Transport) -> MediaStream:
        """Give a new socket its session."""
        if self.stream is not None:
            raise LocalProtocolError("a second stream on one call")
        plan = self.plan
        session = MediaSession(
            self.playout,
            self._tx_codec(),
            plan.sample_rate,
            l16_order=plan.l16_order,
            wanted=self.wants_audio,
        )
        self.stream = MediaStream(session, self, transport, self.clock, self._ticker)
        self.stats.streams += 1
        return self.stream

    def detach(self, stream: MediaStream) -> None:
        """The socket is gone. Whether that ends the call is for the registry to find out."""
        if stream is not self.stream:
            return
        self.stream = None
        self._past_streams.update(stream.tally())
        self._lost_at = self.clock.now()
        self.playout.stream_lost(self._lost_at)
        self.on_sent()
        if self.ended.done() or self.released:
            return
        if stream.session.state is not State.STOPPED:
            self.stats.streams_lost += 1
        if not self.undecodable:
            self.expect_stream()
        if self.on_stream_lost:
            self.on_stream_lost()

    def on_media_event(self, event: Event) -> None:
        match event:
            case AudioReceived():
                self._take_audio(event.pcm)
            case ByteOrderFound():
                self._match_order(event.order)
            case DigitReceived():
                self.digit(Digit(event.digit, event.occurred_at))
            case Started():
                self._started(event.start)
            case Undecodable():
                self._cannot_decode(event.reason)
            case ErrorReceived():
                self.stats.errors[event.code] += 1
            case Stopped():
                pass  # the platform closes the socket next; `detach` follows

    def _started(self, start: StartBody) -> None:
        if self.stream is not None and start.call_control_id != (
            self.call_control_id or start.call_control_id
        ):
            self.stream.close(POLICY_VIOLATION, "this stream is another call's")
            return
        self.identify(
            {
                "call_control_id": start.call_control_id,
                "call_session_id": start.call_session_id,
                "from": start.from_,
                "to": start.to,
            }
        )
        self.custom_parameters = start.custom_parameters or {}
        self.set_answered()  # audio flows, whatever became of the webhook
        if not self.streaming.done():
            self.streaming.set_result(None)

    def _cannot_decode(self, reason: str) -> None:
        log.error(
            f"{reason}: ask the platform for stream_codec=PCMU",
            extra={"call": self.reference, "call_control_id": self.call_control_id},
        )
        self.undecodable = reason
        self.fail_stream(reason)

    # ---- audio in ---------------------------------------------------------------------------

    def wants_audio(self) -> bool:
        return self.listening or self.on_audio is not None

    def _take_audio(self, pcm: Pcm) -> None:
        """Cut into ptimes, whatever length came."""
        if not self.wants_audio():
            return
        if self._rest is None and len(pcm) == self._ptime:  # as nearly all of them are
            if self.listening:
                self.inbound.append(pcm)
            if self.on_audio is not None:
                self.on_audio(pcm)
            self._drop_oldest(INBOUND_LIMIT)
            self.notify()
            return
        if self._rest is not None:
            pcm = np.concatenate([self._rest, pcm])
            self._rest = None
        whole = len(pcm) - len(pcm) % self._ptime
        if whole < len(pcm):
            self._rest = pcm[whole:]
        for start in range(0, whole, self._ptime):
            frame = pcm[start : start + self._ptime]
            if self.listening:
                self.inbound.append(frame)
            if self.on_audio is not None:
                self.on_audio(frame)
        # One message can hold 30 s: that is no bot's slowness.
        self._drop_oldest(max(INBOUND_LIMIT, whole // self._ptime))
        self.notify()

    def _drop_oldest(self, limit: int) -> None:
        while len(self.inbound) > limit:
            self.inbound.popleft()
            self.stats.inbound_dropped += 1

    # ---- audio out --------------------------------------------------------------------------

    def _tx_codec(self) -> Codec:
        plan = self.plan
        return codec(plan.tx_name, plan.tx_rate, l16_order=plan.l16_order)

    def _match_order(self, order: ByteOrder) -> None:
        """Send L16 as it arrives: a platform will hardly want two byte orders on one socket."""
        if self.plan.tx_name != "L16" or self.plan.l16_order == order or self.stream is None:
            return
        log.error(
            "L16 arrives in another byte order than we send: switching, set CALLBRIDGE_L16_ORDER",
            extra={
                "call": self.reference,
                "call_control_id": self.call_control_id,
                "sent": self.plan.l16_order,
                "arrived": order,
            },
        )
        self.plan = replace(self.plan, l16_order=order)
        self.stream.session.set_tx(self._tx_codec())

    def transmitter(self) -> Resampler | None:
        """From the bot's rate to the wire's: one for each utterance, as it has a memory."""
        plan = self.plan
        return (
            None if plan.sample_rate == plan.tx_rate else Resampler(plan.sample_rate, plan.tx_rate)
        )

    def pump(self) -> None:
        """Something was queued, closed or cut."""
        if self.stream is not None:
            self.stream.pump()
        else:
            self.on_sent()

    def stop_listening(self) -> None:
        """Forget what nobody has taken."""
        self.listening = False
        self.inbound.clear()
        if self.on_audio is None:
            self._rest = None

    def interrupt(self) -> None:
        """Stop speaking, here and at the carrier. There is no other way to stop."""
        now = self.clock.now()
        if self.stream is not None:
            self.stream.session.interrupt(now)
        else:
            self.playout.interrupt(now)
        self.pump()

    def hearing(self, utterance: Utterance) -> asyncio.Future[Utterance]:
        """Done when the utterance has ended, one way or the other."""
        future = self._hearing.get(utterance)
        if future is None:
            future = self._loop.create_future()
            if utterance.ending:
                future.set_result(utterance)
            else:
                self._hearing[utterance] = future
        return future

    def on_sent(self) -> None:
        for utterance in self.playout.ended():
            future = self._hearing.pop(utterance, None)
            if future is not None and not future.done():
                future.set_result(utterance)
        self.notify()

    # ---- keys -------------------------------------------------------------------------------

    def digit(self, digit: Digit, *, by_webhook: bool = False) -> None:
        """A key. While a stream lives its frames are the truth and webhooks repeat them."""
        key = (digit.occurred_at, digit.digit)
        if (by_webhook and self.stream is not None) or key in self._keys_seen:
            return
        self._keys_seen.append(key)
        if self.on_digit is None or not self.on_digit(digit):
            self.digits.append(digit)
        self.notify()

    # ---- the end ----------------------------------------------------------------------------

    def end(self, hangup: Hangup) -> None:
        """Every end of a call comes through here, and only the first one counts."""
        if self.ended.done():
            return
        self.gone = True
        self.ended.set_result(hangup)
        self.playout.end("call_ended", self.clock.now())
        self.on_sent()

    def tally(self) -> Counter[str]:
        """Everything counted on this leg and its streams."""
        counts = self._past_streams.copy()
        if self.stream is not None:
            counts.update(self.stream.tally())
        ledger = self.playout.ledger
        counts.update(
            underruns=self.playout.stats.underruns,
            early_marks=ledger.early_marks,
            stray_marks=ledger.stray_marks,
            inbound_dropped=self.stats.inbound_dropped,
            streams_lost=self.stats.streams_lost,
            carrier_errors=self.stats.errors.total(),
        )
        return counts

    # ---- waiting ----------------------------------------------------------------------------

    def changed(self) -> asyncio.Future[None]:
        """Done at the next change: audio, a key, room in the queue, an end."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append(waiter)
        return waiter

    def at(self, deadline: float, callback: Callable[[], None]) -> None:
        """Call back at a time, on the timer that all calls share."""
        self._ticker.at(deadline, callback)

    def notify(self) -> None:
        """Something has changed: those who wait look again."""
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)


def _text(payload: Mapping[str, object], field: str) -> str:
    value = payload.get(field)
    return value if isinstance(value, str) else ""


def client_state(reference: str, transfer: int | None = None) -> str:
    """What leads a webhook back to its call, base64 as the platform demands."""
    text = f"callbridge:{reference}" + (f":{transfer}" if transfer is not None else "")
    return base64.b64encode(text.encode()).decode()


def read_client_state(state: str | None) -> tuple[str, int | None]:
    """(reference, number of the transfer); an empty reference for what is not ours."""
    try:
        name, reference, *rest = base64.b64decode(state or "", validate=True).decode().split(":")
        return (reference, int(rest[0]) if rest else None) if name == "callbridge" else ("", None)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", None
