"""One call of the load generator over a relay: numbered prompts out, tokens in, every moment noted.

Like `call.py` it does no more than note."""

from collections.abc import Callable
from time import monotonic

from callbridge.bench.caller import LoadCaller, Notes
from callbridge.bench.relay_script import NUMBERS, RelayLoad, prompt, read_token
from callbridge.errors import MalformedFrame
from callbridge.relay import wire

LATE_S = 1.0  # an answer that is so long behind its time is lost


class RelayCall(LoadCaller):
    """A relay session, once its socket is open and `setup` was sent."""

    def __init__(self, index: int, load: RelayLoad, notes: Notes, gone: Callable[[], None]) -> None:
        super().__init__(index, gone)
        self._load, self._notes = load, notes
        self._number = 0
        self._sent_at = 0.0
        self._waits_for_first = False
        self._left = 0  # tokens of the answer that are still to come, and the end of the turn
        self._finished = 0  # answers

    # ---- out --------------------------------------------------------------------------------

    def greet(self) -> None:
        """A prompt that is quickly answered, to see that it is."""
        self._ask(1)

    def send(self) -> None:
        """A prompt."""
        notes = self._notes
        notes.lost += self._left > 0
        self._ask(self._load.tokens)
        notes.sent += 1
        notes.lateness.append(self._sent_at - self.due)

    def _ask(self, tokens: int) -> None:
        self._number += 1
        text = wire.encode(wire.Prompt(prompt(tokens, self._load.token_ms, self._number), "en"))
        self._left, self._waits_for_first = tokens + 1, True
        self._sent_at = monotonic()
        self.put(text)

    def give_up(self, now: float) -> None:
        if self._left and now - self._sent_at > self._load.making_s + LATE_S:
            self._left = 0
            self._notes.lost += 1

    # ---- in ---------------------------------------------------------------------------------

    def on_text(self, data: bytes, now: float) -> None:
        try:
            frame = wire.decode_outgoing(data)
        except MalformedFrame:
            frame = None
        if not isinstance(frame, wire.TextToken):
            self._note_foreign(data)
            return
        if frame.token:
            self._note_token(frame.token, data, now)
        if frame.last:
            self._done_one()

    def _note_token(self, token: str, data: bytes, now: float) -> None:
        read = read_token(token, now)
        if read is None or read[0] != self._number % NUMBERS or not self._left:
            self._note_foreign(data)
            return
        notes = self._notes
        notes.tokens.append(read[1])
        if self._waits_for_first:
            self._waits_for_first = False
            notes.echoes.extend((self.index, self._number, now - self._sent_at))
        self._done_one()

    def _done_one(self) -> None:
        if self._left:
            self._left -= 1
            self._finished += not self._left

    def _note_foreign(self, data: bytes) -> None:
        self.words = data[:120].decode(errors="replace")
        self._notes.foreign += 1

    # ---- for error messages -----------------------------------------------------------------

    @property
    def answered(self) -> bool:
        return self._finished > 0

    def why_not(self, within_s: float) -> str:
        words = f"; it said: {self.words}" if self.words else ""
        return (
            f"the endpoint took the relay session and gave no whole answer within {within_s:g} s: "
            f"the bench needs a bot that does what its prompts ask for{words}"
        )
