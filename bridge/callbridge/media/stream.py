"""One socket of a call, between text and the call: decode, dispatch, pace, encode.

Nothing here awaits. `feed` takes a message, `pump` sends what is due and plans the next deadline on
the shared ticker. Whoever holds the socket (the ASGI server, or a test with no socket at all) is a
`Transport`, whoever wants the events a `StreamListener`."""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from callbridge.errors import MalformedFrame, RemoteProtocolError
from callbridge.media import wire
from callbridge.media.jitter import NEVER
from callbridge.media.session import MediaEvent, MediaSession, State, Undecodable
from callbridge.media.utterance import Utterance
from callbridge.timing.clock import Clock
from callbridge.timing.ticker import Ticker
from telecodecs import Pcm

WRITE_BUFFER = 65_536  # bytes not yet taken by the socket; above it the pacer stops
RETRY_S = 0.1  # how often a full write buffer is looked at
STUCK_S = 5.0  # so long above it, and the stream is closed


class Transport(Protocol):
    def send(self, text: str, /) -> None:
        """Queue a message; never waits."""
        ...

    def buffered(self) -> int:
        """Bytes that the socket has not taken yet."""
        ...

    def close(self, code: int, reason: str) -> None: ...


class StreamListener(Protocol):
    def on_audio(self, pcm: Pcm) -> None:
        """(n,) int16 of the caller at the session's rate, any n but 0. The same as the event
        `AudioReceived`, which is for frames that were not in their place."""
        ...

    def on_media_event(self, event: MediaEvent) -> None: ...

    def on_sent(self) -> None:
        """Audio has left, or an utterance has ended: whoever waits for that may look again."""
        ...


@dataclass(slots=True)
class StreamStats:
    malformed: int = 0
    unknown: int = 0
    stalls: int = 0  # times that the socket did not take what was due


class MediaStream:
    """The running end of a media session."""

    __slots__ = (
        "_closed",
        "_listener",
        "_now",
        "_planned",
        "_stalled_since",
        "_ticker",
        "_transport",
        "session",
        "stats",
    )

    def __init__(
        self,
        session: MediaSession,
        listener: StreamListener,
        transport: Transport,
        clock: Clock,
        ticker: Ticker,
    ) -> None:
        self.session = session
        self.stats = StreamStats()
        self._listener = listener
        self._transport = transport
        self._now = clock.now
        self._ticker = ticker
        self._planned = 0.0
        self._stalled_since: float | None = None
        self._closed = False

    def feed(self, text: str | bytes) -> None:
        """One message of the platform. What is malformed is counted and dropped."""
        if self._closed:
            return  # on its way when we closed
        try:
            frame = wire.decode_incoming(text)
            if isinstance(frame, wire.Unknown):
                self.stats.unknown += 1
                return
            if isinstance(frame, wire.Media) and (pcm := self.session.hear(frame)) is not None:
                if len(pcm):
                    self._listener.on_audio(pcm)
                return
            events = self.session.receive(frame, self._now())
        except MalformedFrame:
            self.stats.malformed += 1
            return
        except RemoteProtocolError as error:
            self.stats.malformed += 1
            if self.session.state is not State.STREAMING:  # a stream that cannot begin is no stream
                self.close(1002, str(error))
            return
        for event in events:
            self._listener.on_media_event(event)
        if isinstance(frame, wire.Media):
            if self.session.order.deadline < NEVER:
                self.pump()
            return
        if events and isinstance(events[0], Undecodable):
            self.close(1002, events[0].reason)
        self.pump()

    def pump(self) -> None:
        """Send what is due. Call it after anything that may have changed what that is."""
        if self._closed:
            return
        now = self._now()
        buffered = self._transport.buffered()
        free = not buffered and self._stalled_since is None
        if free or self._writable(buffered, now):
            for frame in self.session.frames_to_send(now):
                self._transport.send(wire.encode_outgoing(frame))
        self._listener.on_sent()
        self._plan(now)

    def pass_on(self, utterance: Utterance, pcm: Pcm) -> bool:
        """Send live audio at once, which needs neither queue nor plan. False changes nothing."""
        if self._closed or self._stalled_since is not None or self._transport.buffered():
            return False
        payload = self.session.pass_on(utterance, pcm, self._now())
        if payload is None:
            return False
        self._transport.send(wire.encode_audio(payload))
        return True

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket; no event follows."""
        if not self._closed:
            self._closed = True
            self._transport.close(code, reason)

    def socket_lost(self) -> None:
        """Nothing more is sent into it: what waits is for the next stream."""
        self._closed = True

    def tally(self) -> Counter[str]:
        """Everything counted on this stream."""
        session, tracks = self.session, self.session.order.tracks.values()
        return Counter(
            frames_in=session.stats.frames_in,
            frames_out=session.stats.frames_out,
            malformed=self.stats.malformed,
            unknown=self.stats.unknown,
            undecodable=session.stats.undecodable,
            concealed_samples=session.concealed,
            frames_lost=sum(track.stats.lost for track in tracks),
            frames_late=sum(track.stats.late for track in tracks),
            write_stalls=self.stats.stalls,
        )

    def _writable(self, buffered: int, now: float) -> bool:
        if buffered <= WRITE_BUFFER:
            self._stalled_since = None
            return True
        if self._stalled_since is None:
            self._stalled_since = now
            self.stats.stalls += 1
        elif now - self._stalled_since > STUCK_S:
            self.close(1013, "the socket takes no audio")
        return False

    def _plan(self, now: float) -> None:
        deadline = (
            self.session.deadline()
            if self._stalled_since is None
            else min(self.session.order.deadline, now + RETRY_S)
        )
        # What is planned already and comes earlier finds the later deadline when it comes.
        if deadline < NEVER and not now < self._planned <= deadline and not self._closed:
            self._planned = deadline
            self._ticker.at(max(deadline, now + 0.001), self._on_tick)  # never twice at one instant

    def _on_tick(self) -> None:
        self._planned = 0.0
        if self._closed:
            return
        for event in self.session.tick(self._now()):
            self._listener.on_media_event(event)
        self.pump()
