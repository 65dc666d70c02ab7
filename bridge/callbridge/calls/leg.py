"""One leg as the bridge keeps it: who it is, its phase, its keys, its errands, and its voice.

Everything here happens at once and awaits nothing; `Call` gives it to a bot as things to await. A
leg exists before its socket (ringing) and after it (a lost stream, a handoff)."""

import asyncio
import base64
import binascii
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from callbridge.calls.errands import Errand, Errands
from callbridge.calls.keys import Digit, Keypad
from callbridge.calls.phase import MOVES, Phase
from callbridge.calls.pickup import Pickup
from callbridge.errors import StreamLost, VoiceCannot
from callbridge.outcomes import Transferred
from callbridge.sockets.endpoint import SocketStream, SocketTransport
from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.studio import SpeechCounts, Studio
from callbridge.tape.events import CallOver, ErrandSettled, KeyPressed, PhaseEntered, StreamUnusable
from callbridge.tape.tape import Tape, TapeReader
from callbridge.timing.clock import Clock
from callbridge.timing.signal import Signal
from callbridge.timing.ticker import Ticker
from callbridge.voice.audio_voice import AudioVoice
from callbridge.voice.ear import Spawn
from callbridge.voice.line import AudioLine
from callbridge.voice.plan import MediaPlan
from callbridge.voice.relay_voice import RelaySettings, RelayVoice
from callbridge.voice.voice import SessionStart, Voice

Direction = Literal["incoming", "outgoing"]
VoiceKind = Literal["media", "relay"]

POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1
HEARD_S = 0.06  # a key sounds for so long when it is heard, at most
REATTACH_S = 10.0  # how long a lost stream may come back under the same token


@dataclass(frozen=True, slots=True)
class Hangup:
    """Why a call ended, in the platform's words; `unspecified` if it did not say."""

    cause: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class LegMeans:
    """What every leg of a process needs."""

    plan: MediaPlan
    clock: Clock
    ticker: Ticker
    studio: Callable[[], Studio]  # the speech engines, made when a bot first needs them
    counts: SpeechCounts
    media_url: str = ""  # wss://…/media, as the platform reaches it
    relay_url: str = ""  # wss://…/relay
    hold_url: str = ""  # https://…/hold.wav: for the relay, which plays what has a URL
    silence_url: str = ""  # https://…/silence.wav: for the relay, to end what plays
    readers: Sequence[TapeReader] = ()
    language: Language = DEFAULT  # that callers speak


class Leg:
    """Made, owned and forgotten by the registry of calls."""

    # Hot: no dictionary for every call.
    __slots__ = (
        "_loop",
        "answered",
        "audio",
        "call_control_id",
        "call_leg_id",
        "call_session_id",
        "client_state",
        "clock",
        "custom_parameters",
        "direction",
        "ended",
        "errands",
        "from_",
        "gone",
        "hold_url",
        "keys",
        "kind",
        "on_lost",
        "phase",
        "phase_changed",
        "pickup",
        "reference",
        "sessions",
        "streaming",
        "streams_lost",
        "tape",
        "to",
        "undecodable",
        "voice",
    )

    def __init__(
        self,
        means: LegMeans,
        spawn: Spawn,
        *,
        direction: Direction,
        voice: VoiceKind = "media",
        relay: RelaySettings | None = None,
        from_: str = "",
        to: str = "",
        told: Mapping[str, object] | None = None,
    ) -> None:
        """`told` is the webhook that it comes from, if one does."""
        self.reference = secrets.token_hex(8)
        self.direction: Direction = direction
        self.kind: VoiceKind = voice
        self.from_, self.to = from_, to
        self.call_control_id = self.call_leg_id = self.call_session_id = ""
        self.client_state = ""  # the text that it came with, or that its bot has set
        self.custom_parameters: dict[str, str] = {}
        self.clock = means.clock
        self.hold_url = means.hold_url
        self._loop = loop = asyncio.get_running_loop()
        self.phase = Phase.RINGING
        self.gone = False  # nothing more can be said or heard; asked with every frame
        self.phase_changed = Signal()
        self.answered: asyncio.Future[None] = loop.create_future()
        self.streaming: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[Hangup] = loop.create_future()
        self.keys = Keypad(as_sound=means.plan.dtmf_in_audio and voice == "media")
        self.errands = Errands()
        self.pickup: Pickup | None = None  # where it is to be found out who has picked up
        self.on_lost: Callable[[], None] | None = None
        self.sessions = 0  # that have begun on it: more than one if one was lost
        self.streams_lost = 0  # while the call went on
        self.undecodable = ""  # why the call's audio cannot be decoded, if it cannot
        self.tape = Tape(self, means.clock.wall, means.readers)
        self.audio: AudioVoice | None = None  # the voice, where it is one of frames
        self.voice: Voice
        if voice == "relay":
            self.voice = RelayVoice(
                self,
                means.clock,
                self.tape,
                means.counts,
                means.relay_url,
                means.silence_url,
                relay or RelaySettings(),
            )
        else:
            plan = means.plan.for_leg(told or {})
            line = AudioLine(plan, means.clock, means.ticker, self, self.tape)
            self.voice = self.audio = AudioVoice(
                line, self.tape, means.studio, spawn, means.media_url
            )
        self.voice.turns.language = means.language

    @property
    def line(self) -> AudioLine:
        """Of a voice of frames. Raises VoiceCannot on any other."""
        if self.audio is None:
            raise VoiceCannot(
                "Conversation Relay carries text: frames and files need the voice 'media'"
            )
        return self.audio.line

    # ---- who it is --------------------------------------------------------------------------

    def identify(self, payload: Mapping[str, object]) -> None:
        """Take the ids that an answer or a webhook carries; what is known stays."""
        self.call_control_id = self.call_control_id or text_of(payload, "call_control_id")
        self.call_leg_id = self.call_leg_id or text_of(payload, "call_leg_id")
        self.call_session_id = self.call_session_id or text_of(payload, "call_session_id")
        self.from_ = self.from_ or text_of(payload, "from")
        self.to = self.to or text_of(payload, "to")

    # ---- phases -----------------------------------------------------------------------------

    @property
    def released(self) -> bool:
        return self.phase is Phase.RELEASED

    @property
    def over(self) -> bool:
        """Whether nothing of ours is left to do on it: it has ended, or it was handed over."""
        return self.phase in (Phase.RELEASED, Phase.ENDED)

    def _move(self, to: Phase) -> bool:
        """Enter a phase; False if the table has no such move, which then changes nothing."""
        if to not in MOVES[self.phase]:
            return False
        self.phase = to
        self.gone = to is not Phase.ANSWERED
        self.tape.write(PhaseEntered(phase=to.value))
        return True

    def _told(self) -> None:
        """Who waits for anything on this leg looks again."""
        self.phase_changed.notify()
        self.keys.changed.notify()
        self.voice.wake()

    def set_answered(self) -> None:
        if self._move(Phase.ANSWERED):
            self.phase_changed.notify()
        if not self.answered.done():
            self.answered.set_result(None)

    def give_up_stream(self) -> None:
        """No other stream will come: what waits to be heard ends, other awaits raise StreamLost."""
        if self._move(Phase.MUTE):
            self.voice.give_up()
            self._told()

    def release(self) -> None:
        """A person talks to the caller now: nothing of the bot is to be heard any more."""
        if self._move(Phase.RELEASED):
            self.voice.interrupt()
            self._told()

    def end(self, hangup: Hangup) -> None:
        """Every end of a call comes through here, and only the first one counts."""
        if not self._move(Phase.ENDED):
            return
        self.ended.set_result(hangup)
        self.errands.close()
        self.voice.end()
        self._told()
        by = self._who(hangup.source)
        self.tape.write(CallOver(cause=hangup.cause, source=hangup.source, by=by))

    @property
    def was_ended_by_us(self) -> bool:
        """Whether our side of it was hung up, by whatever command."""
        return self.ended.done() and self._who(self.ended.result().source) == "bot"

    def _who(self, source: str) -> str:
        """Who is meant by the wire's names of the two ends."""
        bot = "callee" if self.direction == "incoming" else "caller"
        return {"": "", "unknown": "network"}.get(source, "bot" if source == bot else "person")

    # ---- streams ----------------------------------------------------------------------------

    @property
    def stream(self) -> SocketStream | None:
        return self.voice.stream

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

    def may_attach(self, expires: float) -> str | None:
        """None, or why a socket with this call's token (and its expiry) is not taken now."""
        if self.over:
            return "the call has ended"
        if self.stream is not None:
            return "the call has a live stream already"
        lost_at = self.voice.lost_at
        if lost_at is not None and self.clock.now() - lost_at <= REATTACH_S:
            return None
        return "the token has expired" if self.clock.wall() > expires else None

    def attach(self, transport: SocketTransport) -> SocketStream:
        """Give a new socket its session."""
        return self.voice.attach(transport)

    def detach(self, stream: Any) -> None:
        """The socket is gone. Whether that ends the call is for its course to find out."""
        self.voice.detach(stream)

    def on_stream_lost(self, *, stopped: bool) -> None:
        if self.over:
            return
        self.streams_lost += not stopped
        if not self.undecodable:
            self.expect_stream()
        if self.on_lost:
            self.on_lost()

    def on_undecodable(self, reason: str) -> None:
        """A stream in a codec that is not built here: whoever waits for its start learns why."""
        self.undecodable = reason
        self.tape.write(StreamUnusable(why=reason))
        self.fail_stream(reason)

    def on_session(self, start: SessionStart) -> bool:
        whose = text_of(start.ids, "call_control_id")
        if self.stream is not None and whose != (self.call_control_id or whose):
            self.stream.close(POLICY_VIOLATION, "this stream is another call's")
            return False
        self.identify(start.ids)
        self.custom_parameters = start.custom_parameters
        self.sessions += 1
        self.set_answered()  # audio flows, whatever became of the webhook
        if not self.streaming.done():
            self.streaming.set_result(None)
        return True

    # ---- keys -------------------------------------------------------------------------------

    def on_key(self, digit: str, occurred_at: str) -> None:
        """A key of the stream."""
        self._press(Digit(digit, occurred_at), by_webhook=False)

    def key_by_webhook(self, digit: str, occurred_at: str) -> None:
        """While a stream lives its frames are the truth, and webhooks only repeat them."""
        if self.stream is None:
            self._press(Digit(digit, occurred_at), by_webhook=True)

    def on_key_heard(self, digit: str) -> None:
        """A key of the audio, which sounds for some 50 ms by now."""
        if self.keys.hear(digit, self.clock.now()):
            since = datetime.fromtimestamp(self.clock.wall() - HEARD_S, UTC)
            self.tape.write(KeyPressed(digit=digit, occurred_at=since.isoformat(), as_sound=True))

    def _press(self, digit: Digit, *, by_webhook: bool) -> None:
        if self.keys.press(digit, self.clock.now(), by_webhook=by_webhook):
            self.tape.write(KeyPressed(digit=digit.digit, occurred_at=digit.occurred_at))

    # ---- errands ----------------------------------------------------------------------------

    def settle(self, errand: Errand, outcome: Transferred) -> None:
        """What was asked of the platform has come out. Answered: the call is the person's."""
        if self.errands.settle(errand, outcome):
            self.tape.write(
                ErrandSettled(errand=errand.kind, result=outcome.result, cause=outcome.cause)
            )
            if outcome and not errand.stays:
                self.release()

    # ---- figures ----------------------------------------------------------------------------

    def tally(self) -> Counter[str]:
        """Everything counted on this leg and its streams."""
        counts = self.voice.tally()
        counts["keys_dropped"] += self.keys.dropped
        counts["streams_lost"] += self.streams_lost
        return counts


def text_of(payload: Mapping[str, object], field: str) -> str:
    """Of a webhook; empty for what is not there, or is no text."""
    value = payload.get(field)
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class ClientState:
    """What webhooks of a leg carry; an empty reference if the state is not ours."""

    reference: str = ""
    errand: int | None = None
    text: str = ""  # the bot's; of what is not ours, all of it


def client_state(reference: str, errand: int | None = None, text: str = "") -> str:
    """What leads a webhook back to its call, and the bot's own text; base64 as is demanded.

    `callbridge:<reference>`, with an errand `:<number>`, with a text `:<number or nothing>:<text>`.
    """
    number = "" if errand is None else str(errand)
    rest = f":{number}:{text}" if text else f":{number}" if number else ""
    return base64.b64encode(f"callbridge:{reference}{rest}".encode()).decode()


def read_client_state(state: str | None) -> ClientState:
    try:
        whole = base64.b64decode(state or "", validate=True).decode()
    except (binascii.Error, ValueError):
        return ClientState()
    name, _, ours = whole.partition(":")
    reference, _, rest = ours.partition(":")
    number, _, text = rest.partition(":")
    if name != "callbridge" or not (number == "" or number.isdecimal()):
        return ClientState(text=whole)
    return ClientState(reference, int(number) if number else None, text)
