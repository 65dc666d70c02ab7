"""What the caller says in one go, and where it waits until the bot takes it."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from callbridge.speech.asking import guess
from callbridge.speech.digits import digits_of
from callbridge.speech.expecting import Expecting
from callbridge.speech.language import DEFAULT, Language
from callbridge.speech.words import count_without_back_channels
from callbridge.tape.waterfall import Waterfall
from callbridge.timing.signal import Signal

UNTAKEN = 100  # turns kept for a bot that never listens; the oldest is dropped


class Message(TypedDict):
    """One entry of a history, in the form that chat models take."""

    role: Literal["assistant", "user"]
    content: str


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """A turn of the caller, or what the bot said in one go.

    `heard` is what reached the other side, cut at the word, and `unheard` what of it was ready to
    be said when it was cut; of a sound that was played both are empty. `number` rises along the
    call, and stays that of the item."""

    number: int
    role: Literal["assistant", "user"]
    heard: str
    unheard: str = ""


@dataclass(slots=True)
class Turn:
    """What the caller said in one go. True when it has words.

    `failed` says that it could not be understood because an engine failed, and why. `language` is
    the one that was listened for."""

    text: str
    audio_s: float
    waterfall: Waterfall
    over_bot: bool = False  # it interrupted what was being said
    failed: str = ""
    language: Language = field(default=DEFAULT, repr=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def over(self) -> bool:
        """False while it is only likely that the caller has finished."""
        return self.waterfall.final_text is not None

    @property
    def digits(self) -> str:
        """The digits in it, however they were said: "forty-four twelve" has 4412."""
        return digits_of(self.text, self.language)

    def merged(self, later: "Turn") -> "Turn":
        """This turn and what followed before it was answered."""
        text = " ".join(part for part in (self.text, later.text) if part)
        audio_s = self.audio_s + later.audio_s
        return Turn(
            text, audio_s, later.waterfall, self.over_bot, later.failed, language=later.language
        )


class TurnQueue:
    """The turns that nobody has taken, and the questions that wait for one.

    A question (`listen`, `gather` with speech) that is asked inside a reply owns what the caller
    says next: it is an answer, not an interruption."""

    __slots__ = (
        "_asked",
        "_given",
        "_guess",
        "_holds",
        "_likely",
        "_questions",
        "_said",
        "changed",
        "eager",
        "language",
        "latest",
        "waiting",
    )

    def __init__(self, said: Callable[[], str] = str) -> None:
        """`said` returns the text that the bot has said last."""
        self.changed = Signal()  # a turn has come, or speech has begun or ended
        self.waiting: list[Turn] = []
        self.latest: Turn | None = None  # taken last, with words
        self.eager = False  # somebody wants to know `likely`
        self._likely: Turn | None = None
        self.language: Language = DEFAULT  # whose back-channels ask for nothing
        self._questions = self._holds = 0
        self._said = said
        self._given: Expecting | None = None  # with the text that was said last
        self._asked: Expecting | None = None  # by the question that waits
        self._guess: tuple[str, Language, Expecting] | None = None

    @property
    def likely(self) -> Turn | None:
        """What was said until a pause that may be the end."""
        return self._likely

    @likely.setter
    def likely(self, turn: Turn | None) -> None:
        if turn is not None:
            turn.language = self.language
        self._likely = turn

    def put(self, turn: Turn) -> None:
        turn.language = self.language
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
    def expecting(self) -> Expecting:
        """What the bot has asked for: as it said itself, or else guessed from its last text."""
        if (given := self._asked or self._given) is not None:
            return given
        text = self._said()
        known = self._guess
        if known is None or known[0] != text or known[1] is not self.language:
            known = self._guess = text, self.language, guess(text, self.language)
        return known[2]

    def expect(self, expected: Expecting | None) -> None:
        """With a text that is about to be said; None is for guessing."""
        self._given = expected

    @contextmanager
    def expected(self, expected: Expecting | None) -> Generator[None]:
        """In the block; None changes nothing."""
        before = self._asked
        self._asked = expected or before
        try:
            yield
        finally:
            self._asked = before

    @contextmanager
    def hold(self) -> Generator[None]:
        """What the caller begins to say in the block is said to nobody."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    @property
    def on_hold(self) -> bool:
        return self._holds > 0

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
