"""How a call hears and speaks: one protocol, two voices.

`AudioVoice` is raw media and our own engines. `RelayVoice` is Conversation Relay, where the
platform hears and speaks and only text crosses the wire."""

from collections import Counter
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from callbridge.control import commands as control
from callbridge.media.ledger import Certainty
from callbridge.media.utterance import EndReason
from callbridge.sockets.endpoint import SocketStream, SocketTransport
from callbridge.tape.waterfall import Waterfall
from callbridge.voice.source import Dismissal
from callbridge.voice.turn import HistoryItem, Message, TurnQueue


@dataclass(frozen=True, slots=True)
class Can:
    """What a voice can do besides text."""

    frames: bool  # `audio` and `write`
    files: bool  # `play`
    marks: bool  # what was heard is measured, not reported
    withhold: bool  # playout can wait while it is unclear whether the caller interrupts


class Heard(Protocol):
    """What became of a text that was said."""

    @property
    def text(self) -> str:
        """As far as it is known."""
        ...

    @property
    def sent_at(self) -> float | None:
        """When its first sound left; None before."""
        ...

    def outcome(self) -> tuple[EndReason, float, Certainty, str]:
        """Why it ended, seconds heard, how certain that is, and their text."""
        ...


@dataclass(frozen=True, slots=True)
class SessionStart:
    """What the platform says when a socket begins: the call's ids by their names in webhooks."""

    ids: Mapping[str, object]
    custom_parameters: dict[str, str]


class VoiceOwner(Protocol):
    """A leg, as far as its voice is concerned."""

    def on_session(self, start: SessionStart) -> bool:
        """A socket says whose it is; False if that is another call, and then it is closed."""
        ...

    def on_key(self, digit: str, occurred_at: str) -> None: ...

    def on_stream_lost(self, *, stopped: bool) -> None:
        """The socket is gone; `stopped` if the platform had ended the stream before."""
        ...


class Voice(Protocol):
    """`stream` is the live socket's, `lost_at` when the last one was lost."""

    can: Can

    @property
    def lost_at(self) -> float | None: ...

    @property
    def stream(self) -> SocketStream | None: ...

    @property
    def turns(self) -> TurnQueue: ...

    @property
    def history(self) -> list[Message]: ...

    @property
    def history_items(self) -> list[HistoryItem]: ...

    @property
    def busy(self) -> bool:
        """Whether the caller is speaking, or what was said is not yet known."""
        ...

    @property
    def in_progress(self) -> bool:
        """Whether the caller is speaking just now, or it seems so."""
        ...

    @property
    def partial(self) -> str:
        """What of a turn that goes on is known so far; empty where nothing is told of it."""
        ...

    @property
    def speaking(self) -> bool:
        """Whether the caller has something yet to hear."""
        ...

    @property
    def said_last(self) -> Heard | None:
        """The text that was said last, or is being said."""
        ...

    @property
    def dismiss(self) -> Dismissal:
        """Cancels tasks that run a bot's code."""
        ...

    def opening(self, token: str) -> control.Stream | control.Relay:
        """What goes into the answer or dial command, so that the platform opens our socket."""
        ...

    def restart(self, call_control_id: str, token: str) -> control.Command:
        """What asks for another socket when one is lost."""
        ...

    def farewell(self, call_control_id: str) -> control.Command:
        """What ends the socket of a call that goes on without us."""
        ...

    def attach(self, transport: SocketTransport) -> SocketStream: ...

    def detach(self, stream: Any) -> None: ...

    @property
    def patience_s(self) -> float:
        """Without progress for so long, nothing that was said is on its way any more."""
        ...

    def attend(self) -> None:
        """Listen from now on. Raises SettingsError without engines."""
        ...

    def overhear(self) -> None:
        """Take down what is said before the bot is there: turns, which cut nothing. Without
        engines nothing is heard."""
        ...

    def stop_overhearing(self, *, at_once: bool = False) -> None:
        """The bot is there: unless it listens soon nobody does. What is being said becomes a turn
        yet, but not `at_once`."""
        ...

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        answers: Waterfall | None = None,
    ) -> Heard: ...

    def switch_language(self, speak: str | None, hear: str | None) -> None:
        """Of what is said and heard from now on; None leaves it. Raises VoiceCannot."""
        ...

    def hold_over(self) -> None:
        """Nothing that was begun for who holds is to be heard on: somebody else is."""
        ...

    def interrupt(self) -> None:
        """Stop speaking, at once."""
        ...

    async def drain(self, patience: float) -> bool:
        """Wait until all was heard or cut; False after `patience` seconds without progress."""
        ...

    def give_up(self) -> None:
        """No other socket will come: what waits to be heard ends."""
        ...

    def end(self) -> None:
        """The call is over: what waits to be heard ends."""
        ...

    def wake(self) -> None:
        """Whoever waits for anything here looks again."""
        ...

    def close(self) -> None:
        """Nobody has use for it any more."""
        ...

    def tally(self) -> Counter[str]: ...
