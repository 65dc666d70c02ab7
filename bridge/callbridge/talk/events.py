"""What a conversation has beside the bridge's tape (`tape/events.py`): each becomes an object of
`--json`, with its `event` and the seconds since the call began, `at_s`."""

import msgspec

from callbridge.tape.events import CallEvent
from callbridge.voice.turn import Message


class TalkOnly(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """One event that no tape of a call has."""


class WrittenPartial(TalkOnly, frozen=True, kw_only=True, tag="partial"):
    """The beginning of what is being said, as `--interim` sends it."""

    text: str


class Unheard(TalkOnly, frozen=True, kw_only=True, tag="unheard"):
    """Somebody wrote something, and no bot is there to hear it."""

    text: str


class BotToken(TalkOnly, frozen=True, kw_only=True, tag="token"):
    """The bot has sent a piece of what it says."""

    text: str


class AnswerSent(TalkOnly, frozen=True, kw_only=True, tag="answer"):
    """The bot has sent all of a text. Milliseconds after the words or the key that it answers, None
    where it is not the first text after them."""

    text: str
    first_token_ms: int | None = None
    last_token_ms: int | None = None


class PlatformGreets(TalkOnly, frozen=True, kw_only=True, tag="greeting"):
    """What the platform says by itself when the session is there (`RelaySettings.greeting`)."""

    text: str


class FrameSent(TalkOnly, frozen=True, kw_only=True, tag="frame"):
    """The bot has sent what is no text: a sound to play, another language, keys. `fields` are those
    of the frame, by the names of the wire."""

    frame: str
    fields: dict[str, object]


class CommandAnswered(TalkOnly, frozen=True, kw_only=True, tag="command"):
    """The bridge has asked something of the platform; `status` is the answer's, 200 for done."""

    name: str
    status: int


class Printed(TalkOnly, frozen=True, kw_only=True, tag="printed"):
    """A line that the bot's code printed, or that was logged by a logger that is not the call's."""

    text: str
    logger: str = ""


class TalkOver(TalkOnly, frozen=True, kw_only=True, tag="over"):
    """The last one: why the caller's call ended, and by whom. After a transfer that is later than
    the `call_over` of the bridge, which leaves the call then."""

    cause: str
    by: str
    crashed: bool  # the bot, at any time of it


class Remembered(TalkOnly, frozen=True, kw_only=True, tag="history"):
    """What the call's history came to, as `--history` shows it."""

    messages: list[Message]


TalkEvent = (
    CallEvent
    | WrittenPartial
    | Unheard
    | BotToken
    | AnswerSent
    | PlatformGreets
    | FrameSent
    | CommandAnswered
    | Printed
    | TalkOver
    | Remembered
)
