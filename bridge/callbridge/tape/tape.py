"""The tape of a call: what happens is written once, typed, and read by whoever needs it.

Readers of the process (the log, the tape file) see every event of every call; listeners of one call
(a bot, a desk) have each a bounded queue and a token of their own. Without them an event costs its
construction; a media frame never writes one."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from callbridge.errors import SettingsError
from callbridge.tape.events import CallEvent, PlatformTold
from callbridge.tape.secrecy import Secrecy, without_links
from callbridge.timing.signal import Signal

log = logging.getLogger("callbridge")

LISTENER_LIMIT = 256  # events that wait for a slow listener; then the oldest is dropped


class CallIds(Protocol):
    """Whose tape it is. The platform's id may become known after the first events."""

    @property
    def reference(self) -> str: ...

    @property
    def call_control_id(self) -> str: ...


class TapeReader(Protocol):
    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        """`at` in Unix seconds. Must not block and must not raise. `error` is what was raised, for
        readers that show it themselves; the event has it as text."""
        ...


class TapeListener:
    """The events of one call from now on, for one who waits for them.

    The bot itself has asked for what is secret: it is `trusted`."""

    def __init__(self, *, trusted: bool) -> None:
        self.trusted = trusted
        self.events: deque[CallEvent] = deque(maxlen=LISTENER_LIMIT)
        self.signal = Signal()
        self.closed = False


class Tape:
    """Of one call. `wall` gives Unix seconds."""

    __slots__ = ("_ids", "_listeners", "_readers", "_wall", "secrecy")

    def __init__(
        self, ids: CallIds, wall: Callable[[], float], readers: Sequence[TapeReader] = ()
    ) -> None:
        self._ids = ids
        self._wall = wall
        self._readers = readers
        self._listeners: tuple[TapeListener, ...] = ()
        self.secrecy = Secrecy(wall)

    def now(self) -> float:
        """Unix seconds."""
        return self._wall()

    def write(self, event: CallEvent, error: BaseException | None = None) -> None:
        shown = event
        if self.secrecy.begun:
            shown = self.secrecy.shown(event)
            error = self.secrecy.harmless(error) if error is not None else None
        if self._readers:
            at = self._wall()
            kept = without_links(shown) if isinstance(shown, PlatformTold) else shown
            for reader in self._readers:
                reader.on_event(self._ids, at, kept, error)
        for listener in self._listeners:
            listener.events.append(event if listener.trusted else shown)
            listener.signal.notify()

    def listen(self, *, trusted: bool = False) -> TapeListener:
        listener = TapeListener(trusted=trusted)
        self._listeners = (*self._listeners, listener)
        return listener

    def leave(self, listener: TapeListener) -> None:
        """Its events end here. A listener that has left already may leave again."""
        listener.closed = True
        self._listeners = tuple(other for other in self._listeners if other is not listener)
        listener.signal.notify()

    def close(self) -> None:
        """The call is over: nothing more is written."""
        for listener in self._listeners:
            self.leave(listener)


class TapeLine(msgspec.Struct, frozen=True):
    """A line of a tape file. `at` in Unix seconds."""

    at: float
    call: str
    call_control_id: str
    happened: CallEvent


_encode = msgspec.json.Encoder(enc_hook=str).encode  # what a bot has logged may be anything
read_line = msgspec.json.Decoder(TapeLine).decode


class TapeFile:
    """Appends every event of every call to a file, one JSON object a line.

    A line is a few hundred bytes into the page cache, at most some ten a second and call."""

    def __init__(self, path: str) -> None:
        """Raises SettingsError if it cannot be written."""
        try:
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115  open as long as the process
        except OSError as error:
            why = error.strerror or str(error)
            raise SettingsError(f"CALLBRIDGE_TAPE: {path} cannot be written: {why}") from None
        self._failed = False

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        line = TapeLine(round(at, 4), ids.reference, ids.call_control_id, event)
        try:
            self._file.write(_encode(line) + b"\n")
        except (OSError, ValueError, TypeError) as error:  # a full disk costs the tape, no call
            if not self._failed:
                self._failed = True
                log.error("the tape is not written", extra={"why": str(error)})

    def close(self) -> None:
        self._file.close()
