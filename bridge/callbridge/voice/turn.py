"""What the caller says in one go, and where it waits until the bot takes it."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypedDict

from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.words import count_without_back_channels
from callbridge.tape.waterfall import Waterfall
from callbridge.timing.signal import Signal

UNTAKEN = 100  # turns kept for a bot that never listens; the oldest is dropped


class Message(TypedDict):
    """One entry of a history, in the form that chat models take."""

    role: Literal["assistant", "user"]
    content: str


@dataclass(slots=True)
class Turn:
    """What the caller said in one go. True when it has words.

    `failed` says that it could not be understood because an engine failed, and why."""

    text: str
    audio_s: float
    waterfall: Waterfall
    over_bot: bool = False  # it interrupted what was being said
    failed: str = ""

    def __bool__(self) -> bool:
        return bool(self.text)

    def merged(self, later: "Turn") -> "Turn":
        """This turn and what followed before it was answered."""
        text = " ".join(part for part in (self.text, later.text) if part)
        return Turn(
            text, self.audio_s + later.audio_s, later.waterfall, self.over_bot, later.failed
        )


class TurnQueue:
    """The turns that nobody has taken, and the questions that wait for one.

    A question (`listen`, `gather` with speech) that is asked inside a reply owns what the caller
    says next: it is an answer, not an interruption."""

    __slots__ = ("_questions", "changed", "language", "latest", "waiting")

    def __init__(self) -> None:
        self.changed = Signal()  # a turn has come, or speech has begun or ended
        self.waiting: list[Turn] = []
        self.latest: Turn | None = None  # taken last, with words
        self.language: Language = DEFAULT  # whose back-channels ask for nothing
        self._questions = 0

    def put(self, turn: Turn) -> None:
        self.waiting.append(turn)
        del self.waiting[:-UNTAKEN]
        self.changed.notify()

    def take(self) -> Turn:
        """The oldest one. Raises IndexError."""
        turn = self.waiting.pop(0)
        if turn:
            self.latest = turn
        return turn

    def spoken(self) -> str:
        """Take turns up to the first one with words, and return these; "" if there is none."""
        while self.waiting:
            if turn := self.take():
                return turn.text
        return ""

    def clear(self) -> None:
        self.waiting.clear()

    @contextmanager
    def question(self) -> Generator[None]:
        self._questions += 1
        try:
            yield
        finally:
            self._questions -= 1
            self.changed.notify()  # what waits may now be an interruption

    @property
    def asked_for(self) -> bool:
        """Whether a question waits for what the caller says."""
        return self._questions > 0

    @property
    def demanding(self) -> bool:
        """Whether a turn waits that asks for something, or that could not be understood."""
        language = self.language
        return any(
            turn.failed or count_without_back_channels(turn.text, language) for turn in self.waiting
        )
