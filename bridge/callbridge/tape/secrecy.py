"""What of a call nobody may read later: numbers of cards, PINs. A • stands in the place of each.

The bot sees them, as it has asked for them; readers of the tape, and who listens to it, do not."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import cast

import msgspec

from callbridge.tape.events import (
    SPOKEN,
    BotCrashed,
    BotLog,
    CallBroke,
    CallEvent,
    KeyPressed,
    PlatformTold,
    RelayRefused,
    ReplyFailed,
    Said,
    StreamError,
    ToolRan,
    TurnTaken,
    WordsQueued,
)

DOT = "•"
# Under these names webhooks, and callbacks of TeXML, carry what was keyed in or is as secret.
KEYED = frozenset(
    {"digit", "digits", "Digits", "SpeechResult", "result", "body", "Body"}
    | {"payment_card_number", "security_code", "expiration_date", "payment_card_postal_code"}
    | {"bank_account_number", "bank_routing_number"}
)

LINKS = ("recording_urls", "public_recording_urls")

Hide = Callable[[str], str]
"""Of a text, the digits and the words of numbers."""


class Secrecy:
    """Of one call. Blocks may stand in each other, and overlap."""

    __slots__ = ("_blocks", "_hide", "_left_at", "_wall", "begun")

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall  # Unix seconds
        self._blocks = 0
        self._left_at = float("-inf")
        self._hide: Hide = str
        self.begun = False  # from the first block on; asked with every event

    def enter(self, hide: Hide) -> None:
        self._blocks += 1
        self._hide, self.begun = hide, True

    def leave(self) -> None:
        self._blocks -= 1
        self._left_at = self._wall()

    @property
    def inside(self) -> bool:
        return self._blocks > 0

    def covers(self, at: float) -> bool:
        """Whether what began then, Unix seconds, and is told now is secret."""
        return self.inside or at < self._left_at

    def hidden(self, text: str) -> str:
        return self._hide(text)

    def shown(self, event: CallEvent) -> CallEvent:
        """As readers may see it. What repeats a secret may come late (a webhook), and what raises
        may have it in its words: these are looked at until the call ends."""
        match event:
            case KeyPressed():
                secret = self.covers(_unix(event.occurred_at))
                return msgspec.structs.replace(event, digit=DOT) if secret else event
            case PlatformTold():
                return msgspec.structs.replace(event, payload=self._payload(event.payload))
            case BotCrashed() | ReplyFailed() | CallBroke():
                trace = self._trace(event.traceback)
                return msgspec.structs.replace(
                    event, error=self.hidden(event.error), traceback=trace
                )
            case _:
                return self._said(event)

    def _said(self, event: CallEvent) -> CallEvent:
        """What is secret in the block alone."""
        replace, hidden = msgspec.structs.replace, self.hidden
        match event:
            case TurnTaken() if self.covers(event.began_at):
                return replace(event, said=hidden(event.said))
            case WordsQueued() if self.inside:
                return replace(event, text=hidden(event.text))
            case Said() if self.covers(event.sent_at):
                return replace(event, text=hidden(event.text), heard=hidden(event.heard))
            case ToolRan() if self.covers(event.began_at):
                arguments, result = hidden(event.arguments), hidden(event.result)
                return replace(event, arguments=arguments, result=result)
            case BotLog() if self.inside:
                fields = self.fields(event.fields)
                message, error = hidden(event.message), hidden(event.error)
                return replace(event, message=message, fields=fields, error=error)
            case RelayRefused() if self.inside:
                return replace(event, why=hidden(event.why))
            case StreamError() if self.inside:
                return replace(event, sent=hidden(event.sent), detail=hidden(event.detail))
            case _:
                return event

    def fields(self, fields: Mapping[str, object]) -> dict[str, object]:
        """All of them may be secret."""
        return {name: self._value(value) for name, value in fields.items()}

    def _value(self, value: object) -> object:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Mapping):
            return self.fields(cast("Mapping[str, object]", value))
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return [self._value(each) for each in cast("Sequence[object]", value)]
        return self.hidden(str(value))

    def _payload(self, payload: Mapping[str, object]) -> dict[str, object]:
        """Of a webhook: its ids, numbers and times stay."""
        shown = dict(payload)
        for name, value in payload.items():
            if name in SPOKEN or name in KEYED:
                key = name in ("digit", "digits", "Digits") and isinstance(value, str)
                shown[name] = DOT * len(str(value)) if key else self._value(value)
            elif isinstance(value, Mapping):
                shown[name] = self._payload(cast("Mapping[str, object]", value))
        return shown

    def _trace(self, text: str) -> str:
        """Lines of code keep the numbers that say where they are."""
        return "".join(
            line if line.lstrip().startswith('File "') else self.hidden(line)
            for line in text.splitlines(keepends=True)
        )

    def harmless(self, error: BaseException) -> BaseException | None:
        """The error for who prints it himself: of the same type and from the same place, with what
        may be read of its words. None for a type that cannot be made anew."""
        try:
            copy = type(error).__new__(type(error))
            copy.args = tuple(self.hidden(str(each)) for each in error.args)
            copy.__suppress_context__ = True
            traceback.format_exception_only(copy)
        except Exception:  # of a constructor, or of a text, that wants more
            return None
        return copy.with_traceback(error.__traceback__)


def without_links(told: PlatformTold) -> PlatformTold:
    """Who reads a log or a tape shall not listen to calls: links to recordings are good for whoever
    has them. What is behind the ? of an address is what makes it one."""
    links = {name: _unsigned(told.payload[name]) for name in LINKS if name in told.payload}
    return msgspec.structs.replace(told, payload=told.payload | links) if links else told


def _unsigned(urls: object) -> object:
    if not isinstance(urls, Mapping):
        return urls
    formats = cast("Mapping[str, object]", urls).items()
    return {
        name: f"{url.partition('?')[0]}?***" if isinstance(url, str) and "?" in url else url
        for name, url in formats
    }


def _unix(occurred_at: str) -> float:
    """Of ISO 8601; infinity if that is nothing."""
    try:
        return datetime.fromisoformat(occurred_at).timestamp()
    except ValueError:
        return float("inf")
