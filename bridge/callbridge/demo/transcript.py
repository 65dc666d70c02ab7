"""What was said in a call, out of the bridge's tape (`journal.py`).

All times are seconds since the call came in. Reports of older versions may lack fields: what does
not have all of them is left out."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Literal, TypeVar

import msgspec

from callbridge.carrier.core.report import TapeEntry

T = TypeVar("T")

SAME_S = 0.05  # what is no further apart tells of the same moment

STEPS = {
    "turn_ended": "end of turn",
    "final_text": "final text",
    "first_token": "first token",
    "first_audio": "first audio",
    "first_sent": "first frame",
    "first_heard": "heard",
}


class SpokenWords(msgspec.Struct, frozen=True):
    """Words, and when they sounded. `unheard` is the rest of a text that was cut."""

    start_s: float
    end_s: float
    text: str
    unheard: str = ""


class Answered(msgspec.Struct, frozen=True):
    """A turn and the waterfall of its answer: a name of STEPS → seconds after the last voiced
    sample, or after the `prompt` that told of it."""

    text: str
    last_voiced_s: float
    after_s: dict[str, float]
    since: Literal["voiced", "prompt"] = "voiced"


class Transcript(msgspec.Struct, frozen=True):
    """`bargein_s`: when speech cut the bot → when that speech had begun."""

    caller: tuple[SpokenWords, ...] = ()
    bot: tuple[SpokenWords, ...] = ()
    answered: tuple[Answered, ...] = ()
    barge_ins: tuple[tuple[float, float], ...] = ()

    def barge_in(self, clear_s: float) -> float | None:
        """When the speech began that a clear answers; None if it was no speech. The bot falls
        silent first, and a little later it is clear that it is interrupted."""
        return next(
            (began for at_s, began in self.barge_ins if began - SAME_S < clear_s < at_s + SAME_S),
            None,
        )


def transcribe(log: Iterable[TapeEntry]) -> Transcript:
    entries = list(log)
    caller = tuple(
        SpokenWords(turn.began_at_s, turn.last_voiced_at_s, turn.said)
        for turn in _lines(entries, "turn", _Turn)
    )
    return Transcript(
        caller=caller,
        bot=tuple(_said(line) for line in _lines(entries, "said", _Utterance)),
        answered=tuple(
            Answered(
                _text_at(caller, line.last_voiced_at_s),
                line.last_voiced_at_s,
                line.after_s,
                line.since,
            )
            for line in _lines(entries, "waterfall", _Waterfall)
            if "first_sent" in line.after_s
        ),
        barge_ins=tuple(
            (line.at_s, line.speech_at_s) for line in _lines(entries, "interrupted", _Interrupted)
        ),
    )


class _Turn(msgspec.Struct, frozen=True):
    said: str
    began_at_s: float
    last_voiced_at_s: float


class _Utterance(msgspec.Struct, frozen=True):
    text: str
    heard: str
    heard_s: float
    stop: str
    sent_at_s: float


class _Waterfall(msgspec.Struct, frozen=True):
    last_voiced_at_s: float
    after_s: dict[str, float]
    since: Literal["voiced", "prompt"] = "voiced"


class _Interrupted(msgspec.Struct, frozen=True):
    at_s: float
    speech_at_s: float


def _lines(log: Sequence[TapeEntry], message: str, form: type[T]) -> list[T]:
    found: list[T] = []
    for entry in log:
        if entry.kind == message:
            with suppress(msgspec.ValidationError):
                found.append(msgspec.convert(entry.detail, form))
    return found


def _said(line: _Utterance) -> SpokenWords:
    heard = line.text if line.stop == "finished" else line.heard
    unheard = line.text.removeprefix(heard).strip()
    return SpokenWords(line.sent_at_s, line.sent_at_s + line.heard_s, heard.strip(), unheard)


def _text_at(turns: Sequence[SpokenWords], last_voiced_s: float) -> str:
    """Of the turn that ended then."""
    return next((turn.text for turn in turns if abs(turn.end_s - last_voiced_s) < SAME_S), "")
