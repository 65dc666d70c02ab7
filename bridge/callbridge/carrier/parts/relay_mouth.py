"""What a Conversation Relay says on its leg: text by the sentence, and sound files, in order."""

import re
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Literal

import msgspec

from callbridge.carrier.audio.playout import CarrierPlayout, Channel
from telecodecs import Pcm

InterruptibleBy = Literal["none", "any", "speech", "dtmf"]
BargeIn = Literal["speech", "dtmf"]
RelaySound = Sequence[tuple[str, Pcm]]  # all texts in a row are the text, all pcm is its sound

SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？]|\n+")
LONG = 200  # characters without the end of a sentence: said up to the last space
AHEAD = 4  # items whose sound is asked for before it is their turn


class RelayItem(msgspec.Struct, eq=False):
    """A sentence or a sound file; `turn` counts what belongs together. A sentence has no sound
    before it is asked for."""

    turn: int
    text: str
    interruptible: InterruptibleBy
    sound_id: str = ""
    preemptible: bool = False
    times: int = 1


class RelayCut(msgspec.Struct, frozen=True):
    """What was heard of a turn that somebody spoke into; `rest` of it is new, what is before had
    been heard to its end."""

    text: str
    heard_ms: int
    rest: str = ""


class CarrierMouth:
    """Speaks one item after the other. An item whose sound is not there yet holds up those behind.

    `ask` has a sentence spoken and returns the name of its sound, which comes by `ready`."""

    def __init__(
        self, sample_rate: int, interruptible: InterruptibleBy, ask: Callable[[str], str]
    ) -> None:
        self.channel = Channel(CarrierPlayout(sample_rate), "self")
        self._playout = self.channel.playout
        self._rate, self._ask = sample_rate, ask
        self._interruptible: InterruptibleBy = interruptible  # of texts
        self._waiting: deque[RelayItem] = deque()
        self._sounds: dict[str, RelaySound] = {}
        self._current: RelayItem | None = None
        self._repeats_left = 0
        self._put = 0  # samples of the current item, all repeats so far
        self._rest = ""  # of a text: its sentence has not ended yet
        self._turn = 0  # of the next item
        self._heard_turn = 0  # of the last item that was begun
        self._heard = ""  # of that turn, without the current item
        self._heard_samples = 0

    # ---- what is to be said -------------------------------------------------------------------

    def greet(self, text: str, interruptible: InterruptibleBy) -> None:
        self._add(RelayItem(self._turn, text, interruptible))
        self._turn += 1

    def say(self, token: str, *, last: bool) -> None:
        """A sentence is spoken as soon as its end is known, which is when the next one begins."""
        *sentences, self._rest = split(self._rest + token)
        if last:
            sentences, self._rest = [*sentences, self._rest], ""
        for text in sentences:
            if text.strip():
                self._add(RelayItem(self._turn, text, self._interruptible))
        self._turn += last

    def play(self, sound_id: str, *, times: int, interruptible: bool, preemptible: bool) -> None:
        """A turn of its own, without words. What was being said before is said to its end."""
        self.say("", last=True)
        mode: InterruptibleBy = "any" if interruptible else "none"
        self._add(RelayItem(self._turn, "", mode, sound_id, preemptible, times))
        self._turn += 1

    def ready(self, sound_id: str, sound: RelaySound) -> None:
        if any(item.sound_id == sound_id for item in self._waiting):
            self._sounds[sound_id] = sound

    def drop(self, sound_id: str) -> None:
        """There will be no sound of that name."""
        self._keep_waiting(lambda item: item.sound_id != sound_id)

    def _add(self, item: RelayItem) -> None:
        if self._current is not None and self._current.preemptible:
            self._stop_current()
        self._keep_waiting(lambda each: not each.preemptible)
        self._waiting.append(item)
        self._look_ahead()

    def _look_ahead(self) -> None:
        for item in islice(self._waiting, AHEAD):
            item.sound_id = item.sound_id or self._ask(item.text)

    # ---- time ---------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Nothing sounds and nothing waits."""
        return self._current is None and not self._waiting and not self._rest.strip()

    @property
    def sounding(self) -> bool:
        """Something is being said right now."""
        return self._current is not None

    def step(self) -> list[RelayItem]:
        """Begin a tick. Returns what has been heard to its end."""
        self._playout.finish()
        heard: list[RelayItem] = []
        if self._current is not None and self._playout.idle:
            if self._repeats_left:
                self._sound(self._current)
            else:
                heard.append(self._current)
                self._heard += self._current.text
                self._heard_samples += self._put
                self._forget_current()
        if self._current is None and self._waiting and self._waiting[0].sound_id in self._sounds:
            self._begin(self._waiting.popleft())
            self._look_ahead()
        return heard

    def _begin(self, item: RelayItem) -> None:
        if item.turn != self._heard_turn:
            self._heard_turn, self._heard, self._heard_samples = item.turn, "", 0
        self._current, self._repeats_left, self._put = item, item.times, 0
        self._sound(item)

    def _sound(self, item: RelayItem) -> None:
        self._repeats_left -= 1
        for _, pcm in self._sounds[item.sound_id]:
            self._playout.put(pcm)
            self._put += len(pcm)

    def _forget_current(self) -> None:
        if self._current is not None:
            del self._sounds[self._current.sound_id]
            self._current = None

    # ---- what ends it -------------------------------------------------------------------------

    def interrupt(self, by: BargeIn) -> RelayCut | None:
        """Stop what may be interrupted so; None if nothing of the kind is being said.

        What has to be heard stays, what may be interrupted is dropped wherever it waits."""
        first = self._current or next(iter(self._waiting), None)
        mode = first.interruptible if first is not None else self._interruptible
        if self.idle or mode not in ("any", by):
            return None
        cut = self._cut(first.turn if first is not None else self._turn)
        if first is self._current:
            self._stop_current()
        self._keep_waiting(lambda item: item.interruptible not in ("any", by))
        self._rest = ""
        self._turn += 1
        return cut

    def stop(self) -> RelayCut | None:
        """The session is over: returns what was heard of the turn that it ended."""
        cut = self._cut(self._current.turn) if self._current is not None else None
        self._stop_current()
        self._keep_waiting(lambda _: False)
        self._rest = ""
        return cut

    def _keep_waiting(self, stays: Callable[[RelayItem], bool]) -> None:
        for item in self._waiting:
            if not stays(item):
                self._sounds.pop(item.sound_id, None)
        self._waiting = deque(item for item in self._waiting if stays(item))
        self._look_ahead()

    def _stop_current(self) -> None:
        self.channel.clear()
        self._forget_current()

    def _cut(self, turn: int) -> RelayCut:
        if turn != self._heard_turn:
            return RelayCut("", 0)
        rest, played = "", 0
        if self._current is not None:
            played = self._put - self._playout.unheard
            rest = heard_words(self._sounds[self._current.sound_id], played)
        heard_ms = 1000 * (self._heard_samples + played) // self._rate
        return RelayCut((self._heard + rest).strip(), heard_ms, rest)


def split(text: str) -> list[str]:
    """Whole sentences, and the rest that may go on (perhaps empty)."""
    parts: list[str] = []
    begin = 0
    for end in SENTENCE_END.finditer(text):
        parts.append(text[begin : end.end()])
        begin = end.end()
    rest = text[begin:]
    while len(rest) > LONG:
        cut = rest.rfind(" ", 1, LONG) + 1 or LONG
        parts.append(rest[:cut])
        rest = rest[cut:]
    return [*parts, rest]


def heard_words(sound: RelaySound, samples: int) -> str:
    """The words that sound in the first `samples` to their end.

    A voice that does not time its words gives them in one piece; then each letter takes as long
    as every other."""
    heard = ""
    for text, pcm in sound:
        if samples < len(pcm):
            share = text[: len(text) * samples // len(pcm)]
            return heard + share[: share.rfind(" ") + 1]
        heard += text
        samples -= len(pcm)
    return heard
