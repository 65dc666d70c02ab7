"""One socket of a relay session, between text and the voice. Nothing here awaits."""

from collections import Counter
from typing import Protocol

from callbridge.errors import MalformedFrame, RemoteProtocolError
from callbridge.relay import wire
from callbridge.relay.session import RelaySession, RelayState

MAX_MALFORMED = 10  # in a row, as the platform has it for ours
POLICY_VIOLATION, PROTOCOL_ERROR = 1008, 1002  # RFC 6455, section 7.4.1


class RelayTransport(Protocol):
    def send(self, text: str, /) -> None:
        """Queue a message; never waits."""
        ...

    def buffered(self) -> int:
        """Bytes that the socket has not taken yet."""
        ...

    def close(self, code: int, reason: str) -> None: ...


class RelayListener(Protocol):
    def on_relay_frame(self, frame: wire.RelayIncoming) -> None:
        """One that has its place, in order."""
        ...


class RelayStream:
    """The running end of a relay session."""

    __slots__ = ("_closed", "_listener", "_malformed", "_transport", "session", "unknown")

    def __init__(self, listener: RelayListener, transport: RelayTransport) -> None:
        self.session = RelaySession()
        self.unknown = 0  # frames of types that the contract does not name
        self._listener = listener
        self._transport = transport
        self._malformed = 0  # in a row
        self._closed = False

    @property
    def talking(self) -> bool:
        return self.session.state is RelayState.TALKING and not self._closed

    def feed(self, text: str | bytes) -> None:
        """One message of the platform. What is malformed or out of place is counted and dropped;
        a session that cannot begin is closed."""
        if self._closed:
            return
        try:
            frame = wire.decode_incoming(text)
            if isinstance(frame, wire.UnknownRelayFrame):
                self.unknown += 1
                return
            self.session.receive(frame)
        except (MalformedFrame, RemoteProtocolError) as error:
            self._malformed += 1
            if self.session.state is RelayState.CONNECTED or self._malformed >= MAX_MALFORMED:
                self.close(PROTOCOL_ERROR, str(error))
            return
        self._malformed = 0
        self._listener.on_relay_frame(frame)

    def token(self, token: str) -> None:
        self._transport.send(self.session.token(token))

    def close_turn(self) -> None:
        """End the open turn, if there is one."""
        if (message := self.session.close_turn()) is not None and not self._closed:
            self._transport.send(message)

    def send(self, frame: wire.RelayOutgoing) -> None:
        for message in self.session.send(frame):
            self._transport.send(message)

    def buffered(self) -> int:
        return 0 if self._closed else self._transport.buffered()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket, once; what is fed after that does nothing."""
        if not self._closed:
            self.close_turn()
            self._closed = True
            self.session.lost()
            self._transport.close(code, reason)

    def tally(self) -> Counter[str]:
        counts = self.session.counts
        return Counter(
            relay_frames_in=counts.frames_in,
            relay_tokens_out=counts.tokens_out,
            relay_turns_out=counts.turns_out,
            relay_refused=counts.refused,
            malformed=counts.illegal.total(),
            unknown=self.unknown,
        )
