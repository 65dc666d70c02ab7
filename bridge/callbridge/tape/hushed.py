"""CALLBRIDGE_LOG_WORDS=0: what people said is kept nowhere; a • stands for each word of it."""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from callbridge.tape.events import (
    SPOKEN,
    CallEvent,
    PlatformTold,
    Said,
    ToolRan,
    TurnTaken,
    WordsQueued,
)
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
        case WordsQueued():
            return msgspec.structs.replace(event, text=_dots(event.text))
        case Said():
            return msgspec.structs.replace(event, text=_dots(event.text), heard=_dots(event.heard))
        case ToolRan():
            arguments, result = _dots(event.arguments), _dots(event.result)
            return msgspec.structs.replace(event, arguments=arguments, result=result)
        case PlatformTold():
            return msgspec.structs.replace(event, payload=_hush(event.payload))
        case _:
            return event


def _hush(payload: Mapping[str, object]) -> dict[str, object]:
    """Without the words of a webhook. A `result` is one word of the platform's own ("human"), but
    what a caller has told an assistant where it is an object."""
    return {
        name: _wordless(value) if _is_spoken(name, value) else _within(value)
        for name, value in payload.items()
    }


def _is_spoken(name: str, value: object) -> bool:
    return name in SPOKEN or (name == "result" and isinstance(value, Mapping))


def _within(value: object) -> object:
    if isinstance(value, Mapping):
        return _hush(cast("Mapping[str, object]", value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_within(each) for each in cast("Sequence[object]", value)]
    return value


def _wordless(value: object) -> object:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return {name: _wordless(field) for name, field in fields.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_wordless(each) for each in cast("Sequence[object]", value)]
    return value if value is None or isinstance(value, bool) else _dots(str(value))


def _dots(text: str) -> str:
    return " ".join("•" for _ in text.split())
