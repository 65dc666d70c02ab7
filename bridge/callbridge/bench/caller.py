"""What all calls of the load generator have in common: a socket, a number, and what they note."""

from array import array
from collections.abc import Callable

from callbridge.bench.socket import Client


class Notes:
    """What all calls note until somebody takes it. Columns: see `results.Window`."""

    def __init__(self) -> None:
        self.take()

    def take(self) -> None:
        """Begin anew."""
        self.sent = self.lost = self.foreign = 0
        self.lateness = array("d")
        self.echoes = array("d")
        self.messages = array("d")
        self.tokens = array("d")

    @property
    def length(self) -> int:
        """Grows with whatever is sent or received."""
        return self.sent + len(self.messages) + len(self.tokens)


class LoadCaller:
    """A call, once its socket is open.

    `client` is given to it when its socket is open; `gone` is told when that closes."""

    def __init__(self, index: int, gone: Callable[[], None]) -> None:
        self.index = index
        self.due = 0.0  # when it is to send the next time
        self.words = ""  # what the endpoint said last that it should not, for error messages
        self.closed = False
        self.client: Client | None = None
        self._gone = gone

    def begin(self, stream_id: str) -> None:
        """From now on it may send."""

    def started(self, encoding: str) -> None:
        """Its stream was started in this codec, which is not always the caller's own."""

    def greet(self) -> None:
        """What it says before its first turn to send."""

    def put(self, text: str) -> None:
        """Send any message."""
        if self.client is not None:
            self.client.send(text.encode())

    def send(self) -> None:
        """What it is to send when it is due: a frame, or a prompt."""
        raise NotImplementedError

    @property
    def answered(self) -> bool:
        """Whether the endpoint has done once what the bench needs it to do."""
        raise NotImplementedError

    def why_not(self, within_s: float) -> str:
        """Why it counts as one that does not answer, in words."""
        raise NotImplementedError

    def count_from_here(self) -> None:
        """What was sent before is nobody's loss."""

    def give_up(self, now: float) -> None:
        """Count what should have come by `now`."""

    def on_text(self, data: bytes, now: float) -> None:
        raise NotImplementedError

    def on_closed(self, why: str) -> None:
        self.closed = True
        self.client = None
        self.words = why
        self._gone()

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
