"""The audio of a call at the bot's rate: playout and socket, listeners and their queues.

Sockets come and go; the playout outlives them. Everything here happens at once, awaits nothing."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from callbridge.errors import LocalProtocolError
from callbridge.media.background import BackgroundSound
from callbridge.media.playout import Playout
from callbridge.media.receiver import ByteOrder
from callbridge.media.session import (
    AudioReceived,
    ByteOrderFound,
    DigitReceived,
    ErrorReceived,
    MediaEvent,
    MediaSession,
    Started,
    State,
    Stopped,
    Undecodable,
)
from callbridge.media.stream import MediaStream, Transport
from callbridge.media.utterance import Utterance
from callbridge.media.wire import StartBody
from callbridge.tape.events import ByteOrderSwitched, StreamError, StreamStarted
from callbridge.tape.tape import Tape
from callbridge.timing.clock import Clock, wall_of
from callbridge.timing.signal import Signal
from callbridge.timing.ticker import Ticker
from callbridge.voice.plan import MediaPlan
from callbridge.voice.tap import PayloadTap
from callbridge.voice.voice import SessionStart, VoiceOwner
from telecodecs import Codec, Pcm, Resampler, codec, silence
from telecodecs.dtmf import DtmfDetector

PTIME_S = 0.020
ERRORS_TOLD = 10  # error frames of a code that are told of one call; the rest is counted
QUEUE_LIMIT_S = 30.0  # more than this waits to be sent, and whoever writes waits
INBOUND_LIMIT = 100  # frames of one ptime that wait for a slow listener: two seconds


class LineOwner(VoiceOwner, Protocol):
    """A leg, as far as its line is concerned."""

    def on_undecodable(self, reason: str) -> None:
        """A stream has begun in a codec that is not built here."""
        ...

    def on_key_heard(self, digit: str) -> None:
        """The two tones of a key have begun to sound in the caller's audio."""
        ...


def _session(start: StartBody) -> SessionStart:
    ids = {
        "call_control_id": start.call_control_id,
        "call_session_id": start.call_session_id,
        "from": start.from_,
        "to": start.to,
    }
    return SessionStart(ids, start.custom_parameters or {})


class AudioListener:
    """A queue of 20 ms frames for one who listens. Two seconds behind, the oldest is dropped."""

    __slots__ = ("dropped", "frames", "signal")

    def __init__(self) -> None:
        self.frames: deque[Pcm] = deque()
        self.signal = Signal()
        self.dropped = 0

    def take(self, frame: Pcm, limit: int) -> None:
        frames = self.frames
        frames.append(frame)
        if len(frames) > limit:
            frames.popleft()
            self.dropped += 1
        self.signal.notify()


class AudioLine:
    """What is said and heard on one leg."""

    # Hot: no dictionary for every call.
    __slots__ = (
        "_ear",
        "_hearing",
        "_keys",
        "_loop",
        "_owner",
        "_past_dropped",
        "_past_streams",
        "_ptime",
        "_rest",
        "_tape",
        "_ticker",
        "clock",
        "given_up",
        "listeners",
        "lost_at",
        "plan",
        "platform_errors",
        "playout",
        "queue_limit",
        "sent",
        "stream",
        "streams",
        "taps",
    )

    def __init__(
        self, plan: MediaPlan, clock: Clock, ticker: Ticker, owner: LineOwner, tape: Tape
    ) -> None:
        self.plan = plan
        self.clock = clock
        self.playout = Playout(plan.tx_rate, plan.playout)
        self.stream: MediaStream | None = None
        self.given_up = False
        self.lost_at: float | None = None
        self.queue_limit = round(QUEUE_LIMIT_S * plan.tx_rate)  # samples
        self.sent = Signal()  # audio has left or an utterance has ended: there is room
        self.streams = self._past_dropped = 0
        self.platform_errors: Counter[int] = Counter()
        self._owner = owner
        self._tape = tape
        self._ear: Callable[[Pcm], None] | None = None
        self._keys = DtmfDetector(plan.sample_rate) if plan.dtmf_in_audio else None
        self._ticker = ticker
        self._loop = asyncio.get_running_loop()
        self._past_streams: Counter[str] = Counter()
        self.listeners: tuple[AudioListener | PayloadTap, ...] = ()
        self.taps: tuple[PayloadTap, ...] = ()
        self._rest: Pcm | None = None
        self._ptime = round(PTIME_S * plan.sample_rate)
        self._hearing: dict[Utterance, asyncio.Future[Utterance]] = {}

    # ---- streams ----------------------------------------------------------------------------

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
            wanted=self._wants_audio,
        )
        self.stream = MediaStream(session, self, transport, self.clock, self._ticker)
        self.streams += 1
        return self.stream

    def detach(self, stream: MediaStream) -> None:
        """The socket is gone. Whether that ends the call is for the leg to find out."""
        if stream is not self.stream:
            return
        self.stream = None
        stream.socket_lost()
        self._past_streams.update(stream.tally())
        self.lost_at = self.clock.now()
        self.playout.stream_lost(self.lost_at)
        self.on_sent()
        self._owner.on_stream_lost(stopped=stream.session.state is State.STOPPED)

    def give_up(self) -> None:
        """No other stream will come: what waits to be heard ends."""
        self.given_up = True
        self.playout.end("stream_lost", self.clock.now())
        self.wake()

    def end(self) -> None:
        """The call is over."""
        self.playout.end("call_ended", self.clock.now())
        self.wake()

    def wake(self) -> None:
        """Whoever waits for anything here looks again."""
        self.on_sent()
        for listener in self.listeners:
            listener.signal.notify()

    def on_media_event(self, event: MediaEvent) -> None:
        match event:
            case AudioReceived():
                self.on_audio(event.pcm)
            case ByteOrderFound():
                self._match_order(event.order)
            case DigitReceived():
                self._owner.on_key(event.digit, event.occurred_at)
            case Started():
                self._match_taps()
                if self._owner.on_session(_session(event.start)):
                    form = event.start.media_format
                    self._tape.write(
                        StreamStarted(encoding=form.encoding, sample_rate=form.sample_rate)
                    )
            case Undecodable():
                self._owner.on_undecodable(event.reason)
            case ErrorReceived():
                self._note_error(event)
            case Stopped():
                pass  # the platform closes the socket next; `detach` follows

    def _note_error(self, event: ErrorReceived) -> None:
        """A bot that sends rubbish is told so fifty times a second: all are counted, some told."""
        self.platform_errors[event.code] += 1
        if self.platform_errors[event.code] <= ERRORS_TOLD:
            self._tape.write(
                StreamError(
                    code=event.code, title=event.title, detail=event.detail, sent=event.sent
                )
            )

    # ---- audio in ---------------------------------------------------------------------------

    def listen(self) -> AudioListener:
        """The caller's voice from now on, for one listener."""
        listener = AudioListener()
        self.listeners = (*self.listeners, listener)
        self._match_wishes()
        return listener

    def leave(self, listener: AudioListener) -> None:
        self.listeners = tuple(other for other in self.listeners if other is not listener)
        self._past_dropped += listener.dropped
        listener.dropped = 0
        self._match_wishes()

    def tap(self, tap: PayloadTap) -> None:
        self.taps = (*self.taps, tap)
        self._match_taps()

    def untap(self, tap: PayloadTap) -> None:
        self.taps = tuple(other for other in self.taps if other is not tap)
        self._match_taps()

    def _match_taps(self) -> None:
        """Straight from the wire for those that want what it has; the others are listeners."""
        session = self.stream.session if self.stream is not None else None
        straight = [tap for tap in self.taps if session is not None and tap.fits(session.rx)]
        if session is not None:
            session.taps = tuple(tap.take_octets for tap in straight)
        others = tuple(tap for tap in self.taps if tap not in straight)
        queues = (each for each in self.listeners if isinstance(each, AudioListener))
        self.listeners = (*queues, *others)
        self._match_wishes()

    def hear_with(self, ear: Callable[[Pcm], None] | None) -> None:
        """Who is told of each ptime as it comes, besides the listeners."""
        self._ear = ear
        self._match_wishes()

    @property
    def _wants_audio(self) -> bool:
        return bool(self.listeners) or self._ear is not None or self._keys is not None

    def _match_wishes(self) -> None:
        """What is decoded for nobody is not decoded."""
        if not self._wants_audio:
            self._rest = None
        if self.stream is not None:
            self.stream.session.wanted = self._wants_audio

    def on_audio(self, pcm: Pcm) -> None:
        """Cut into ptimes, whatever length came."""
        if self._rest is None and len(pcm) == self._ptime:  # as nearly all of them are
            for listener in self.listeners:
                listener.take(pcm, INBOUND_LIMIT)
            if self._keys is not None:
                pcm = self._without_keys(self._keys, pcm)
            if self._ear is not None:
                self._ear(pcm)
            return
        if not self._wants_audio:
            return
        if self._rest is not None:
            pcm = np.concatenate([self._rest, pcm])
            self._rest = None
        whole = len(pcm) - len(pcm) % self._ptime
        if whole < len(pcm):
            self._rest = pcm[whole:]
        # One message can hold 30 s: that is no bot's slowness.
        limit = max(INBOUND_LIMIT, whole // self._ptime)
        for start in range(0, whole, self._ptime):
            self._hand_out(pcm[start : start + self._ptime], limit)

    def _hand_out(self, frame: Pcm, limit: int) -> None:
        for listener in self.listeners:
            listener.take(frame, limit)
        if self._keys is not None:
            frame = self._without_keys(self._keys, frame)
        if self._ear is not None:
            self._ear(frame)

    def _without_keys(self, detector: DtmfDetector, frame: Pcm) -> Pcm:
        """Tell of the keys in a ptime. What sounds like one is silence to the ear: no speech."""
        sounded = detector.sounding
        for digit in detector.process(frame):
            self._owner.on_key_heard(digit)
        return silence(len(frame)) if sounded or detector.sounding else frame

    # ---- audio out --------------------------------------------------------------------------

    def _tx_codec(self) -> Codec:
        plan = self.plan
        return codec(plan.tx_name, plan.tx_rate, l16_order=plan.l16_order)

    def _match_order(self, order: ByteOrder) -> None:
        """Send L16 as it arrives: a platform will hardly want two byte orders on one socket."""
        if self.plan.tx_name != "L16" or self.plan.l16_order == order or self.stream is None:
            return
        self._tape.write(ByteOrderSwitched(sent=self.plan.l16_order, arrived=order))
        self.plan = replace(self.plan, l16_order=order)
        self.stream.session.set_tx(self._tx_codec())

    def transmitter(self) -> Resampler | None:
        """From the bot's rate to the wire's: one for each utterance, as it has a memory."""
        plan = self.plan
        return (
            None if plan.sample_rate == plan.tx_rate else Resampler(plan.sample_rate, plan.tx_rate)
        )

    def write(self, utterance: Utterance, pcm: Pcm, text: str = "") -> None:
        """Add samples at the wire's rate, and the text that they sound like; sent as it is due."""
        stream = self.stream
        if stream is not None and not text and stream.pass_on(utterance, pcm):
            return
        self.playout.write(utterance, pcm, self.clock.now(), text)
        self.pump()

    def pump(self) -> None:
        """Something was queued, closed or cut."""
        if self.stream is not None:
            self.stream.pump()
        else:
            self.on_sent()

    def begin_background(self, sound: BackgroundSound) -> None:
        """It sounds until its end, under all that is said, or until another one begins."""
        if not self.given_up:
            self.playout.add_background(sound)
            self.pump()

    def end_background(self, sound: BackgroundSound) -> None:
        """It fades."""
        self.playout.end_background(sound)
        self.pump()

    def interrupt(self) -> None:
        """Stop speaking, here and at the carrier. There is no other way to stop."""
        now = self.clock.now()
        if self.stream is not None:
            self.stream.session.interrupt(now)
        else:
            self.playout.interrupt(now)
        self.pump()

    def withhold(self) -> None:
        """Be silent at once, until it is clear whether the caller interrupts; nothing is lost."""
        now = self.clock.now()
        if self.stream is not None:
            self.stream.session.withhold(now)
        else:
            self.playout.withhold(now)
        self.pump()

    def resume(self) -> None:
        """They did not: go on where it stopped."""
        self.playout.resume(self.clock.now())
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
        self.sent.notify()

    def progress(self) -> tuple[float, int, int]:
        """Changes whenever speech has got any further: written, sent or heard."""
        playout = self.playout
        ledger = playout.ledger
        return playout.queued_s(), ledger.sent, ledger.heard(self.clock.now())

    def at(self, deadline: float, callback: Callable[[], None]) -> None:
        """Call back at a time, on the timer that all calls share."""
        self._ticker.at(deadline, callback)

    def wall(self, at: float) -> float:
        """A time of the loop as Unix seconds."""
        return wall_of(self.clock, at)

    # ---- figures ----------------------------------------------------------------------------

    def tally(self) -> Counter[str]:
        """Everything counted on this line and its streams."""
        counts = self._past_streams.copy()
        if self.stream is not None:
            counts.update(self.stream.tally())
        ledger = self.playout.ledger
        counts.update(
            underruns=self.playout.stats.underruns,
            early_marks=ledger.early_marks,
            stray_marks=ledger.stray_marks,
            inbound_dropped=self._past_dropped + sum(each.dropped for each in self.listeners),
            carrier_errors=self.platform_errors.total(),
        )
        return counts
