"""CALLBRIDGE_LOG_WORDS=0: what people said is kept nowhere; a • stands for each word of it."""

import msgspec

from callbridge.tape.events import CallEvent, Said, TurnTaken
from callbridge.tape.tape import CallIds, TapeReader


class Hushed:
    """A reader that gets to know how much was said, and not what."""

    def __init__(self, reader: TapeReader) -> None:
        self._reader = reader

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        self._reader.on_event(ids, at, without_words(event), error)


def without_words(event: CallEvent) -> CallEvent:
    """What the bot itself logs, and what it raises, stays: its author has the choice."""
    match event:
        case TurnTaken():
            return msgspec.structs.replace(event, said=_dots(event.said))
        case Said():
            return msgspec.structs.replace(event, text=_dots(event.text), heard=_dots(event.heard))
        case _:
            return event


def _dots(text: str) -> str:
    return " ".join("•" for _ in text.split())
