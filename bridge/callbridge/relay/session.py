"""One relay session as a state machine: frames in, frames checked; tokens in, messages out.

No I/O and no clock. A turn of ours that has begun is always closed, whatever becomes of it: an open
one would make the platform wait for the rest of it."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

from callbridge.errors import LocalProtocolError, RemoteProtocolError
from callbridge.relay import wire


class RelayState(Enum):
    CONNECTED = auto()  # the socket is there, nobody has said whose it is
    TALKING = auto()
    OVER = auto()


# What may arrive in which state, and where it leads.
RELAY_MOVES: dict[RelayState, dict[type[wire.RelayFrame], RelayState]] = {
    RelayState.CONNECTED: {
        wire.Setup: RelayState.TALKING,
        wire.RelayError: RelayState.CONNECTED,
    },
    RelayState.TALKING: {
        wire.Prompt: RelayState.TALKING,
        wire.RelayDtmf: RelayState.TALKING,
        wire.RelayInterrupt: RelayState.TALKING,
        wire.RelayError: RelayState.TALKING,
        wire.EagerEndOfTurn: RelayState.TALKING,
        wire.TurnResumed: RelayState.TALKING,
    },
    RelayState.OVER: {},
}


@dataclass(slots=True)
class RelayCounts:
    frames_in: int = 0
    tokens_out: int = 0
    turns_out: int = 0
    refused: int = 0  # frames of ours that the platform did not accept
    illegal: Counter[str] = field(default_factory=Counter[str])  # frames out of their state


class RelaySession:
    __slots__ = ("counts", "state", "turn_is_open")

    def __init__(self) -> None:
        self.state = RelayState.CONNECTED
        self.turn_is_open = False
        self.counts = RelayCounts()

    def receive(self, frame: wire.RelayIncoming) -> None:
        """Raises RemoteProtocolError for a frame that has no place here; the state stays."""
        following = RELAY_MOVES[self.state].get(type(frame))
        if following is None:
            name = type(frame).__struct_config__.tag
            self.counts.illegal[str(name)] += 1
            raise RemoteProtocolError(f"a {name} frame while {self.state.name.lower()}")
        self.counts.frames_in += 1
        self.counts.refused += isinstance(frame, wire.RelayError)
        self.state = following

    def token(self, token: str) -> str:
        """A piece of a turn, which it opens if there is none. Raises LocalProtocolError."""
        self._require_talking()
        self.turn_is_open = True
        self.counts.tokens_out += 1
        return wire.encode_token(token, last=False)

    def close_turn(self) -> str | None:
        """The end of the open turn, if there is one."""
        if not self.turn_is_open or self.state is not RelayState.TALKING:
            self.turn_is_open = False
            return None
        self.turn_is_open = False
        self.counts.turns_out += 1
        return wire.encode_token("", last=True)

    def send(self, frame: wire.RelayOutgoing) -> list[str]:
        """Anything but text, behind the end of an open turn. Raises LocalProtocolError."""
        self._require_talking()
        closing = self.close_turn()
        if isinstance(frame, wire.EndSession):
            self.state = RelayState.OVER
        message = wire.encode(frame)
        return [message] if closing is None else [closing, message]

    def lost(self) -> None:
        """The socket is gone: the session is over, there is no other one for it."""
        self.state = RelayState.OVER
        self.turn_is_open = False

    def _require_talking(self) -> None:
        if self.state is not RelayState.TALKING:
            raise LocalProtocolError(f"nothing can be sent while {self.state.name.lower()}")
