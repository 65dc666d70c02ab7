"""How a conversation is told: to people in words, to programs as objects."""

import io
import json

import pytest
from rich.text import Text

from callbridge.errors import VoiceCannot
from callbridge.host import terminal
from callbridge.talk.events import (
    AnswerSent,
    BotToken,
    CommandAnswered,
    FrameSent,
    PlatformGreets,
    Printed,
    Remembered,
    TalkEvent,
    TalkOver,
    Unheard,
    WrittenPartial,
)
from callbridge.talk.screen import PageScreen
from callbridge.talk.story import JsonLines, TalkStory
from callbridge.tape.events import (
    BotCrashed,
    BotLog,
    CallOver,
    ErrandSettled,
    Interrupted,
    KeyPressed,
    PhaseEntered,
    Said,
    TurnTaken,
)


def said(text: str, heard: str, stop: str) -> Said:
    return Said(text=text, heard=heard, heard_s=1.0, stop=stop, certainty="reported", sent_at=0.0)


def shown(*events: TalkEvent, error: BaseException | None = None) -> list[str]:
    """The lines of a pipe, without their time."""
    file = io.StringIO()
    story = TalkStory(PageScreen(terminal.console(file)))
    for event in events:
        story.tell(1.0, event, error)
    return [line.removeprefix("   1.00 s  ") for line in file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (TurnTaken(said="hello", audio_s=0, began_at=0, last_voiced_at=0), "caller  hello"),
        (WrittenPartial(text="hel"), "caller  hel …"),
        (Unheard(text="hello"), "caller  nobody hears: hello"),
        (KeyPressed(digit="5"), "caller  presses 5"),
        (said("Good morning.", "Good", "interrupted"),
         "bot     heard until here: Good |cut| morning."),
        (said("Good morning.", "", "interrupted"), "bot     was not heard: |cut| Good morning."),
        (PlatformGreets(text="Good morning."), "carrier greets: Good morning."),
        (FrameSent(frame="language", fields={"ttsLanguage": "de"}),
         "bot     sends language ttsLanguage=de"),
        (CommandAnswered(name="transfer", status=200), "bridge  command transfer"),
        (CommandAnswered(name="transfer", status=422),
         "bridge  command transfer, refused: HTTP 422"),
        (ErrandSettled(errand="transfer", result="busy"), "carrier transfer: busy"),
        (PhaseEntered(phase="released"), "bot     has left the call"),
        (BotLog(levelno=20, message="seats", fields={"n": 2}), "bot     log: seats n=2"),
        (Printed(text="seats"), "bot     prints: seats"),
        (Printed(text="seats", logger="mine"), "bot     log: seats"),
        (Printed(text="slow", logger="callbridge"), "bridge  log: slow"),
        (TalkOver(cause="normal_clearing", by="bot", crashed=False),
         "carrier the call has ended: normal_clearing, by bot"),
        (Remembered(messages=[{"role": "user", "content": "hello"}]), "user:      hello"),
    ],
)  # fmt: skip
def test_what_happens_is_a_line(event: TalkEvent, line: str) -> None:
    assert shown(event) == [line]


@pytest.mark.parametrize(
    "event",
    [
        said("Good morning.", "Good morning.", "finished"),
        Interrupted(speech_at=0.0, at=0.0),
        CallOver(cause="normal_clearing"),
        PhaseEntered(phase="answered"),
    ],
)
def test_what_another_line_says_is_not_said_twice(event: TalkEvent) -> None:
    assert shown(event) == []


def test_an_answer_is_one_line_with_its_times() -> None:
    answer = AnswerSent(text="Good morning. ", first_token_ms=120, last_token_ms=340)
    assert shown(BotToken(text="Good "), BotToken(text="morning. "), answer) == [
        "bot     Good morning.  [first token 120 ms, last 340 ms]"
    ]
    assert shown(BotToken(text="Hi."), AnswerSent(text="Hi.")) == ["bot     Hi."]


def test_of_a_crash_the_line_of_the_bot_comes_first() -> None:
    crash = BotCrashed(error="ValueError: no seat", traceback="Traceback (most …):\n  …\n")
    try:
        raise ValueError("no seat")
    except ValueError as error:
        lines = shown(crash, error=error)
    assert lines[0].startswith(__file__)
    assert lines[0].endswith('raise ValueError("no seat")')
    assert lines[1:] == [
        "Traceback (most …):",
        "  …",
        "bridge  the bot raised ValueError: no seat",
    ]


def test_what_text_cannot_do_is_a_sentence() -> None:
    crash = BotCrashed(error="VoiceCannot: …", traceback="Traceback (most …):\n  …\n")
    assert shown(crash, error=VoiceCannot("Conversation Relay carries text")) == [
        "bridge  Conversation Relay carries text",
        "`callbridge demo` calls such a bot with sound.",
    ]


def test_programs_get_an_object_a_line() -> None:
    file = io.StringIO()
    tell = JsonLines(file).tell
    tell(0.5, BotToken(text="Gut – ja"), None)
    tell(0.75, BotLog(levelno=20, message="seats", fields={"of": Text("any")}), None)
    assert [json.loads(line) for line in file.getvalue().splitlines()] == [
        {"at_s": 0.5, "event": "token", "text": "Gut – ja"},
        {"at_s": 0.75, "event": "log", "levelno": 20, "message": "seats", "fields": {"of": "any"}},
    ]
