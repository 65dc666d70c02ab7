"""One call of the load generator: numbered frames out, echoes in, every moment noted.

This is the generator's hot path, fifty times a second for each call, so it does no more than note;
what the rows mean is found out elsewhere (`figures.py`)."""

from array import array
from base64 import b64encode
from binascii import Error as NoBase64
from binascii import a2b_base64
from collections import deque
from collections.abc import Callable
from time import monotonic

from callbridge.bench.caller import LoadCaller, Notes
from callbridge.bench.numbered import FRAME_S, NUMBERS, Form
from callbridge.bench.toned import ToneForm
from callbridge.errors import MalformedFrame
from callbridge.media import wire
from telecodecs import CodecError, codec

LOST_AFTER = 50  # frames: one second


class Phrasebook:
    """What all calls of a generator send, and how what comes back is read.

    An endpoint answers a frame with the same text every time, so whole messages are learned by
    heart: from then on a frame is recognised by one lookup, without its base64 being undone."""

    def __init__(self, sent: Form | ToneForm, heard: Form | ToneForm, *, echo: bool = True) -> None:
        self.heard = heard
        self.echo = echo
        self.sent = sent.codec.encoding.name
        self.known: dict[bytes, int] = {}
        self._like = sent.like
        self._tails = {self.sent: _tails(sent)}

    def tails(self, encoding: str) -> list[bytes]:
        """The end of every media message, in the codec that the stream was started with."""
        if encoding not in self._tails:  # the other law of G.711, as the answer asked for it
            self._tails[encoding] = _tails(self._like(codec(encoding)))
        return self._tails[encoding]

    def duration(self, base64: int) -> float:
        """Seconds of audio in so many characters, to a sample or two."""
        return base64 * 3 // 4 / self.heard.octets_per_s

    def learn(self, message: bytes, number: int) -> None:
        if len(self.known) < 2 * NUMBERS:  # messages that are never the same are not worth it
            self.known[message] = number


def _tails(sent: Form | ToneForm) -> list[bytes]:
    """The payload is all that a frame's number decides."""
    return [b'","payload":"' + b64encode(payload) + b'"}}' for payload in sent.payloads()]


class LoadCall(LoadCaller):
    """A stream of media frames, once its socket is open and `start` was sent."""

    def __init__(
        self, index: int, book: Phrasebook, notes: Notes, gone: Callable[[], None]
    ) -> None:
        super().__init__(index, gone)
        self.echoed = 0  # frames that came back since the call began
        self.heard_anything = False
        self._book, self._notes = book, notes
        self._tails, self._known = book.tails(book.sent), book.known
        self._reader = book.heard.reader()
        self._head = b""
        self._chunk = 0
        self._number = 0
        self._sent_at = array("d", bytes(8 * NUMBERS))  # 0 for what is not on its way
        self._counted_from = 0  # chunks before this one are nobody's loss
        self._part = b""
        self._play_end = 0.0
        self._marks: deque[tuple[float, wire.MarkBody]] = deque()
        self._stream_id = ""

    # ---- out --------------------------------------------------------------------------------

    def begin(self, stream_id: str) -> None:
        self._stream_id = stream_id
        self._head = f'{{"event":"media","stream_id":"{stream_id}","sequence_number":"'.encode()

    def started(self, encoding: str) -> None:
        self._tails = self._book.tails(encoding)

    def send(self) -> None:
        """One frame."""
        self._chunk = chunk = self._chunk + 1
        number = self._number
        self._number = (number + 1) % NUMBERS
        message = b'%b%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d%b' % (
            self._head, chunk + 1, chunk, 20 * (chunk - 1), self._tails[number]
        )  # fmt: skip
        sent_at = self._sent_at
        sent_at[number] = now = monotonic()
        if self.client is not None:
            self.client.send(message)
        notes = self._notes
        notes.sent += 1
        notes.lateness.append(now - self.due)
        overdue = (number - LOST_AFTER) % NUMBERS
        if sent_at[overdue]:
            sent_at[overdue] = 0.0
            if chunk - LOST_AFTER > self._counted_from and self._book.echo:
                notes.lost += 1
        if self._marks:
            self._return_marks(now)

    def count_from_here(self) -> None:
        """A bot hears from when it listens."""
        self._counted_from = self._chunk

    def _return_marks(self, now: float) -> None:
        """Those whose audio has been played."""
        while self._marks and self._marks[0][0] <= now:
            self.put(wire.encode_incoming(wire.Mark(self._marks.popleft()[1], self._stream_id)))

    # ---- in ---------------------------------------------------------------------------------

    def on_text(self, data: bytes, now: float) -> None:
        number = self._known.get(data, -1)
        if number >= 0 and self._reader.plain:
            self._notes.messages.extend((self.index, now, FRAME_S))
            end = self._play_end
            self._play_end = (end if end > now else now) + FRAME_S
            self._echo(number, now)
            return
        at = data.find(b'"payload"')
        if at < 0:
            self._other(data, now)
            return
        start = data.find(b'"', at + 9) + 1
        end = data.find(b'"', start)
        if not self._book.echo and not self._reader.decodes:
            self._played(self._book.duration(end - start), now)
            return
        try:
            octets = a2b_base64(data[start:end])
            octets = self._reader.decoded(octets)
        except (NoBase64, CodecError):
            self._notes.foreign += 1
            return
        self._audio(data, octets, now)

    def _audio(self, data: bytes, octets: bytes, now: float) -> None:
        self._played(len(octets) / self._book.heard.octets_per_s, now)
        if not self._book.echo:
            return
        notes, reader = self._notes, self._reader
        if reader.plain and (number := reader.whole(octets)) >= 0:
            if not reader.decodes:
                self._book.learn(data, number)
            self._echo(number, now)
            return
        unread = reader.unread
        for number, played_at in reader.read(octets, now):
            self._echo(number, played_at)
        notes.foreign += reader.unread - unread

    def _played(self, duration: float, now: float) -> None:
        self.heard_anything = True
        self._play_end = max(self._play_end, now) + duration
        self._notes.messages.extend((self.index, now, duration))

    def _echo(self, number: int, at: float) -> None:
        sent_at = self._sent_at[number]
        if sent_at:
            self._sent_at[number] = 0.0
            self.echoed += 1
            self._notes.echoes.extend((self.index, number, at - sent_at))
        else:
            self._notes.foreign += 1  # twice, or so late that it counts as lost

    def _other(self, data: bytes, now: float) -> None:
        """A mark or a clear; anything else is remembered, and no more."""
        try:
            frame = wire.decode_outgoing(data)
        except MalformedFrame:
            self.words = data[:120].decode(errors="replace")
            self._notes.foreign += 1
            return
        if isinstance(frame, wire.SetMark):
            self._marks.append((self._play_end, frame.mark))
        elif isinstance(frame, wire.Clear):
            self._play_end = now
            self._return_marks(float("inf"))

    # ---- for error messages -----------------------------------------------------------------

    @property
    def answered(self) -> bool:
        return bool(self.echoed) if self._book.echo else self.heard_anything

    def why_not(self, within_s: float) -> str:
        if self.heard_anything:
            return (
                f"the endpoint sends audio, but within {within_s:g} s no echo of what it hears: "
                "the bench needs a bot that sends back what the caller says"
            )
        words = f"; it said: {self.words}" if self.words else ""
        return f"the endpoint took the stream and sent no audio within {within_s:g} s{words}"
