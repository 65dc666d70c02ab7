"""One call as the page shows it, folded from both of its tapes.

What each entry means is said by the demo's readers: `Story` has the lines of the sequence,
`transcribe` the words, their cuts and the waterfalls. Nothing is measured here."""

from bisect import insort
from operator import attrgetter
from typing import Literal, NamedTuple

from callbridge.carrier.core.report import TapeEntry
from callbridge.demo.journal import Journal
from callbridge.demo.live import Story, ToldLine
from callbridge.demo.person import PersonStory
from callbridge.demo.transcript import Answered, Transcript, transcribe
from callbridge.run.trouble import BotTrouble, excerpt
from callbridge.tape.events import (
    BotCrashed,
    CallEvent,
    DecisionCrashed,
    Interrupted,
    ReplyFailed,
    Said,
    TurnTaken,
    WaterfallMeasured,
    WordsQueued,
)
from callbridge.tape.tape import TapeLine
from callbridge.voice.history import messages_of
from callbridge.voice.turn import Message

MOST_EVENTS = 20_000  # of one call that are shown; the tape on the disk has all
SPOKEN_EVENTS = (TurnTaken, Said, Interrupted, WaterfallMeasured)

RowSide = Literal["caller", "bot"]


class SpokenRow(NamedTuple):
    """`heard` was heard, `unheard` was cut off."""

    at_s: float
    who: RowSide
    heard: str
    unheard: str


class Moment(NamedTuple):
    """What the waveforms show besides sound."""

    at_s: float
    kind: Literal["mark", "cleared", "clear", "key"]


class CallFace(NamedTuple):
    """What the head of a call says; `ended` is empty while it goes on."""

    state: str = ""
    ended: str = ""
    answered_at_s: float | None = None


class SequenceStory(Story):
    """Marks as well, one by one."""

    def _mark(self, entry: TapeEntry) -> ToldLine | None:
        return mark_line(entry)


class DialledStory(PersonStory):
    def _mark(self, entry: TapeEntry) -> ToldLine | None:
        return mark_line(entry)


def mark_line(entry: TapeEntry) -> ToldLine:
    what = "is cleared, nobody heard it" if entry.detail.get("cleared") else "is back: heard"
    return ToldLine(entry.at_s, "carrier", f"mark {entry.detail['name']} {what}")


class CallRows:
    """`version` rises with whatever is added."""

    def __init__(self, began_at: float, direction: str) -> None:
        """`began_at`: Unix seconds of the leg's first moment."""
        self.version = 0
        self.sequence: list[ToldLine] = []
        self.moments: list[Moment] = []
        self.face = CallFace()
        self.coming = ""  # what the bot is saying: what of it is heard, its end will tell
        self.trouble: BotTrouble | None = None
        self._journal = Journal(began_at)
        self._story: Story = DialledStory() if direction == "outgoing" else SequenceStory()
        self._left = MOST_EVENTS
        self._transcript = Transcript()
        self._is_new = False  # there is something spoken that is not in it

    def tape(self, entry: TapeEntry) -> None:
        """An entry of the carrier's tape."""
        if self._full():
            return
        self._note(entry)
        if line := self._story.tape(entry):
            self._tell(line)
            if entry.detail.get("state") == "ended":
                self.face = self.face._replace(ended=f"{line.who} {line.what}")

    def event(self, line: TapeLine) -> None:
        """A line of the bridge's tape."""
        if self._full():
            return
        self.version += 1
        if isinstance(line.happened, SPOKEN_EVENTS):
            self._journal.add(line)
            self._is_new = True
        if trouble := _crash(line.happened):
            self.trouble = trouble
        self._await_words(line.happened)
        if told := self._story.event(line.happened, self._journal.at_s(line.at)):
            self._tell(told)

    def _full(self) -> bool:
        self._left -= 1
        return self._left < 0

    def _note(self, entry: TapeEntry) -> None:
        self.version += 1
        detail = entry.detail
        match entry.kind:
            case "state":
                self.coming = ""
                answered = detail["state"] == "answered"
                at_s = entry.at_s if answered else self.face.answered_at_s
                self.face = self.face._replace(state=str(detail["state"]), answered_at_s=at_s)
            case "mark returned":
                cleared = bool(detail.get("cleared"))
                self.moments.append(Moment(entry.at_s, "cleared" if cleared else "mark"))
            case "clear" | "relay interrupted":
                self.moments.append(Moment(entry.at_s, "clear"))
            case "dtmf":
                self.moments.append(Moment(entry.at_s, "key"))
            case _:
                pass

    def _await_words(self, event: CallEvent) -> None:
        match event:
            case WordsQueued(text=text, opens=opens):
                self.coming = text if opens else self.coming + text
            case Said() | Interrupted():
                self.coming = ""
            case _:
                pass

    def _tell(self, line: ToldLine) -> None:
        """The two tapes are read one after the other, and times go before the order of reading."""
        insort(self.sequence, line, key=attrgetter("at_s"))

    # ---- what was said ------------------------------------------------------------------------

    @property
    def _told(self) -> Transcript:
        if self._is_new:
            self._transcript, self._is_new = transcribe(self._journal.entries()), False
        return self._transcript

    @property
    def transcript(self) -> list[SpokenRow]:
        """Of both sides, in the order in which they began."""
        told = self._told
        rows = [SpokenRow(each.start_s, "caller", each.text, each.unheard) for each in told.caller]
        rows += [SpokenRow(each.start_s, "bot", each.text, each.unheard) for each in told.bot]
        return sorted(rows)

    @property
    def answered(self) -> tuple[Answered, ...]:
        return self._told.answered

    @property
    def history(self) -> list[Message]:
        """As `call.history` gives it to a model: what was heard."""
        return messages_of(
            ("user" if row.who == "caller" else "assistant", row.heard) for row in self.transcript
        )


def _crash(event: CallEvent) -> BotTrouble | None:
    if isinstance(event, BotCrashed | DecisionCrashed | ReplyFailed):
        code = excerpt(event.file, event.line)
        return BotTrouble(event.error, event.file, event.line, code, event.traceback)
    return None
