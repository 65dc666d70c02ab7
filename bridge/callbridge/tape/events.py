"""What can happen on a call, typed. The tape carries these; logs, pictures and desks read them.

Fields that end in `_at` are Unix seconds, fields that end in `_s` are seconds. The class docstring
says when an event is written. `words` is the message of its log line, `level` how loud it is."""

import logging
from typing import ClassVar, Literal

import msgspec

Level = int

# Under these names webhooks, and callbacks of TeXML, carry what was said or what follows from it.
_SPOKEN = """
transcript transcription_text message_history messages partial_results results
conversation_insights fulfillment_messages query_result
Transcript TranscriptionText MessageHistory Content
"""
SPOKEN = frozenset(_SPOKEN.split())


class Happening(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """One event of one call."""

    words: ClassVar[str]
    level: ClassVar[Level] = logging.INFO


# ---- the course of the call -------------------------------------------------------------------


class CallBegan(Happening, frozen=True, kw_only=True, tag="call_began"):
    """The call is ours: it came in, or we dial it."""

    words = "call begins"
    direction: str
    from_: str = msgspec.field(name="from", default="")
    to: str = ""


class PhaseEntered(Happening, frozen=True, kw_only=True, tag="phase"):
    """The leg has moved to another phase of its table."""

    words = "phase"
    level = logging.DEBUG
    phase: str


class DecisionCrashed(Happening, frozen=True, kw_only=True, tag="decision_crashed"):
    """The function that decides about calls that come in raised; the bot answers all the same."""

    words = "the function for incoming calls raised, the bot answers"
    level = logging.ERROR
    error: str
    traceback: str = ""
    file: str = ""
    line: int = 0


class Undecided(Happening, frozen=True, kw_only=True, tag="undecided"):
    """It has not decided in time; the bot answers."""

    words = "the function for incoming calls has not decided, the bot answers"
    level = logging.WARNING
    after_s: float


class StreamStarted(Happening, frozen=True, kw_only=True, tag="stream_started"):
    """A media stream has sent its start frame."""

    words = "media stream started"
    level = logging.DEBUG
    encoding: str
    sample_rate: int


class StreamBroke(Happening, frozen=True, kw_only=True, tag="stream_broke"):
    """A socket is gone while the call goes on; another stream is asked for."""

    words = "media stream lost, asking for another"
    level = logging.WARNING


class StreamNotRestarted(Happening, frozen=True, kw_only=True, tag="stream_not_restarted"):
    """The platform refused to open another stream."""

    words = "the stream was not restarted"
    level = logging.ERROR
    error: str


class NoStream(Happening, frozen=True, kw_only=True, tag="no_stream"):
    """No stream has come, also not when it was asked for a second time."""

    words = "no media stream: is the public URL reachable for WebSockets?"
    level = logging.ERROR


class StreamUnusable(Happening, frozen=True, kw_only=True, tag="stream_unusable"):
    """A stream has come that cannot be decoded."""

    words = "the stream cannot be decoded: ask the platform for stream_codec=PCMU"
    level = logging.ERROR
    why: str


class StreamError(Happening, frozen=True, kw_only=True, tag="stream_error"):
    """The platform did not accept a frame of ours; `sent` is what we had sent last.

    Codes 100002 to 100005: the platform's Media Streaming page."""

    words = "the platform refused a frame"
    level = logging.ERROR
    code: int
    title: str = ""
    detail: str = ""
    sent: str = ""


class RelayRefused(Happening, frozen=True, kw_only=True, tag="relay_refused"):
    """The platform did not accept a relay frame of ours."""

    words = "the platform refused a relay frame"
    level = logging.WARNING
    why: str


class ByteOrderSwitched(Happening, frozen=True, kw_only=True, tag="byte_order_switched"):
    """L16 arrives in another byte order than we sent it; from now on it is sent as it arrives."""

    words = "L16 arrives in another byte order than we send: switching, set CALLBRIDGE_L16_ORDER"
    level = logging.ERROR
    sent: str
    arrived: str


class KeyPressed(Happening, frozen=True, kw_only=True, tag="key"):
    """The caller has pressed a key. Keys of a masked entry show as •.

    `as_sound`: it was heard in the audio before the platform told of it, if it tells at all."""

    words = "key"
    level = logging.DEBUG
    digit: str
    occurred_at: str = ""
    as_sound: bool = False


class Asked(Happening, frozen=True, kw_only=True, tag="asked"):
    """The platform was asked for something that takes a while: a transfer, a dial."""

    words = "asked of the platform"
    errand: str
    to: str = ""


class ErrandSettled(Happening, frozen=True, kw_only=True, tag="settled"):
    """What was asked of the platform has come out, or is known to be unknown."""

    words = "answer of the platform"
    errand: str
    result: str
    cause: str = ""


class AnsweredBy(Happening, frozen=True, kw_only=True, tag="answered_by"):
    """It is known who has picked up a dialled call: `who` is a person, a machine or a fax.

    `word` is what the platform has told; without one, nothing came in time."""

    words = "picked up"
    who: str
    word: str = ""


class PlatformTold(Happening, frozen=True, kw_only=True, tag="platform_told"):
    """A genuine webhook of the call's own leg, as the platform sent it but for tokens of ours.

    `occurred_at` is the platform's time, ISO 8601 or empty. A repetition is not told again."""

    words = "the platform tells"
    level = logging.DEBUG
    event_type: str
    payload: dict[str, object] = {}
    occurred_at: str = ""


class CommandFailed(Happening, frozen=True, kw_only=True, tag="command_failed"):
    """A command without which the call cannot go on."""

    words = "command failed, call given up"
    level = logging.ERROR
    error: str


class NotHungUp(Happening, frozen=True, kw_only=True, tag="not_hung_up"):
    words = "not hung up"
    level = logging.ERROR
    error: str


class NotConfirmed(Happening, frozen=True, kw_only=True, tag="not_confirmed"):
    """Our hang-up was taken, and no call.hangup followed."""

    words = "the platform did not confirm the hang-up"
    level = logging.WARNING


class RecordingNotChanged(Happening, frozen=True, kw_only=True, tag="recording_not_changed"):
    """A recording was to be stopped or resumed, and the platform did not do so."""

    words = "recording not changed"
    level = logging.ERROR
    action: str
    error: str


class NotArranged(Happening, frozen=True, kw_only=True, tag="not_arranged"):
    """The caller was handed over; that the conference ends with them, or is recorded, failed."""

    words = "not arranged for the conference"
    level = logging.WARNING
    error: str


class StreamNotStopped(Happening, frozen=True, kw_only=True, tag="stream_not_stopped"):
    words = "stream not stopped"
    level = logging.DEBUG
    error: str


class NotDrained(Happening, frozen=True, kw_only=True, tag="not_drained"):
    """What was said did not play out: no progress for so long."""

    words = "playout not drained"
    level = logging.WARNING
    within_s: float


class LimitReached(Happening, frozen=True, kw_only=True, tag="limit_reached"):
    """The call has had its longest duration; it is told so and ended."""

    words = "the call has reached its longest duration"
    level = logging.WARNING
    after_s: float


class BotLog(Happening, frozen=True, kw_only=True, tag="log"):
    """The bot has logged something. `levelno` is logging's number."""

    words = "log"
    levelno: int
    message: str
    fields: dict[str, object] = {}
    error: str = ""

    @property
    def trouble(self) -> bool:
        return self.levelno >= logging.WARNING


class BotCrashed(Happening, frozen=True, kw_only=True, tag="bot_crashed"):
    """The bot raised. `traceback` is Python's own text of it; `file` and `line` are the last one
    of the author's own, if any of it is (`codeline.py`)."""

    words = "the bot raised"
    level = logging.ERROR
    error: str
    traceback: str = ""
    file: str = ""
    line: int = 0


class BotStuck(Happening, frozen=True, kw_only=True, tag="bot_stuck"):
    """The bot does not end though it was cancelled; its task is left behind."""

    words = "the bot does not end, it is left behind"
    level = logging.ERROR
    at: str


class CallBroke(Happening, frozen=True, kw_only=True, tag="call_broke"):
    """A task of the call itself raised, which is a bug of ours: it ends this call and no other."""

    words = "the call broke"
    level = logging.ERROR
    error: str
    traceback: str = ""


class CallOver(Happening, frozen=True, kw_only=True, tag="call_over"):
    """The last event of every call, but for what becomes of its recordings, and of a model's tools
    that go on to their end.

    `source` is the wire's word, `by` who that is: bot, person (at the other end), network, or empty
    if the platform did not say."""

    words = "call ended"
    cause: str
    source: str = ""
    by: str = ""


# ---- the conversation -------------------------------------------------------------------------


class TurnTaken(Happening, frozen=True, kw_only=True, tag="turn"):
    """The caller has said something that has words."""

    words = "turn"
    said: str
    audio_s: float
    began_at: float
    last_voiced_at: float


class TurnLost(Happening, frozen=True, kw_only=True, tag="turn_lost"):
    """The caller has said something that no engine understood."""

    words = "a turn was not understood"
    level = logging.ERROR
    why: str


class Withheld(Happening, frozen=True, kw_only=True, tag="withheld"):
    """Somebody speaks over the bot: nothing more is sent, nothing is cleared yet."""

    words = "withheld"
    at: float


class Resumed(Happening, frozen=True, kw_only=True, tag="resumed"):
    """It was no interruption: playout goes on."""

    words = "resumed"
    at: float


class Interrupted(Happening, frozen=True, kw_only=True, tag="interrupted"):
    """The caller has interrupted the bot."""

    words = "interrupted"
    speech_at: float | None = None  # when the speech began; None where the platform decided it
    at: float


class WordsQueued(Happening, frozen=True, kw_only=True, tag="words_queued"):
    """Words of the bot have their sound and wait to be heard; `opens` where they are the first of
    a text. Which of them were heard, `Said` tells. On the relay it is the platform that knows."""

    words = "words queued"
    level = logging.DEBUG
    text: str
    opens: bool = False


class Said(Happening, frozen=True, kw_only=True, tag="said"):
    """An utterance has ended: what it was to be, and what was heard of it."""

    words = "said"
    text: str
    heard: str
    heard_s: float
    stop: str
    certainty: str
    sent_at: float


class ToolRan(Happening, frozen=True, kw_only=True, tag="tool"):
    """A tool of a model has ended. `arguments` is what the model wrote, JSON if it was careful, and
    `result` what it is told; empty if the tool was cancelled, or has ended the call for the bot."""

    words = "tool"
    level = logging.DEBUG
    tool: str
    arguments: str
    result: str
    began_at: float


class WaterfallMeasured(Happening, frozen=True, kw_only=True, tag="waterfall"):
    """Where the time went between the caller's last voiced sample and the answer. On the relay it
    is told from the `prompt` on: when the caller fell silent, only the platform knows."""

    words = "waterfall"
    last_voiced_at: float
    since: Literal["voiced", "prompt"] = "voiced"
    after_s: dict[str, float]


class Deaf(Happening, frozen=True, kw_only=True, tag="deaf"):
    """The voice detector raised."""

    words = "the voice detector failed"
    level = logging.ERROR
    why: str


class EngineFailed(Happening, frozen=True, kw_only=True, tag="engine_failed"):
    """A speech engine has failed in the middle of its work: its fallback goes on, if it has one,
    or a connection is made anew."""

    words = "a speech engine failed"
    level = logging.WARNING
    what: str
    why: str


class ReplyStuck(Happening, frozen=True, kw_only=True, tag="reply_stuck"):
    words = "a reply does not end, it is left behind"
    level = logging.ERROR
    what: str


class ReplyFailed(Happening, frozen=True, kw_only=True, tag="reply_failed"):
    """A reply raised when it was already being closed."""

    words = "a reply failed as it was closed"
    level = logging.ERROR
    error: str
    traceback: str = ""
    file: str = ""
    line: int = 0


CallEvent = (
    CallBegan
    | PhaseEntered
    | DecisionCrashed
    | Undecided
    | StreamStarted
    | StreamBroke
    | StreamNotRestarted
    | NoStream
    | StreamUnusable
    | StreamError
    | RelayRefused
    | ByteOrderSwitched
    | KeyPressed
    | Asked
    | ErrandSettled
    | AnsweredBy
    | PlatformTold
    | CommandFailed
    | NotHungUp
    | NotConfirmed
    | NotArranged
    | RecordingNotChanged
    | StreamNotStopped
    | NotDrained
    | LimitReached
    | BotLog
    | BotCrashed
    | BotStuck
    | CallBroke
    | CallOver
    | TurnTaken
    | TurnLost
    | Withheld
    | Resumed
    | Interrupted
    | WordsQueued
    | Said
    | ToolRan
    | WaterfallMeasured
    | Deaf
    | EngineFailed
    | ReplyStuck
    | ReplyFailed
)
