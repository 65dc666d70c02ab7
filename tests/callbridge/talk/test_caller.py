"""A conversation as text, in virtual time: when a script's line is sent, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callbridge import App, Call, RelaySettings, Turn
from callbridge.errors import CallbridgeError, VoiceCannot
from callbridge.talk.events import (
    AnswerSent,
    BotToken,
    CommandAnswered,
    FrameSent,
    PlatformGreets,
    Printed,
    Remembered,
    TalkOver,
    Unheard,
    WrittenPartial,
)
from callbridge.talk.script import HELP
from callbridge.tape.events import BotCrashed, Interrupted, KeyPressed, Said, TurnTaken
from callbridge.voice.relay_mouth import spoken_s
from tests.callbridge.talk.talked import talked

GREETING = "Good morning, this is the box office."
LONG = "We have seats in the stalls, in the circle, in the gallery and on the stage."


@pytest.fixture
def app() -> App:
    """Greets, and answers with what it has heard; some words have an answer of their own."""
    app = App()

    @app.reply(greeting=GREETING)
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        if turn.text == "seats":
            for word in LONG.split(" "):
                yield f"{word} "
        elif turn.text == "think":
            await asyncio.sleep(1.5)
            yield "I have thought "
            await asyncio.sleep(0.5)
            yield "of it."
        elif turn.text == "pin":
            yield "Your PIN, please."
            yield f"It is {(await call.gather(4, timeout=5)).digits}."
        elif turn.text == "crash":
            raise KeyError("seat")
        elif turn.text == "person":
            done = await call.transfer("+13125550199", timeout=5)
            yield "" if done else "Nobody is free."
        elif turn.text == "bye":
            yield "Goodbye."
            await call.hangup()
        elif turn.text == "print":
            print("a line of the bot")
        else:
            yield f"You said {turn.text}."

    return app


def test_a_line_is_sent_when_the_bot_has_finished(app: App) -> None:
    talk = talked(app, "two tickets", "seats", "thanks")
    assert talk.answers == [GREETING, "You said two tickets.", f"{LONG} ", "You said thanks."]
    assert [said.stop for said in talk.all(Said)] == ["finished"] * 4
    assert talk.code == 0
    turns = talk.times(TurnTaken)
    assert turns[0] == pytest.approx(spoken_s(GREETING) + 0.5, abs=0.1)
    assert turns[2] - turns[1] == pytest.approx(spoken_s(LONG) + 0.5, abs=0.1)


def test_what_was_heard_of_an_interrupted_text_is_cut_at_the_word(app: App) -> None:
    talk = talked(app, "seats", "!2 stop", "!", history=True)
    cut, answer = talk.all(Said)[1:3]
    assert cut.stop == "interrupted"
    assert LONG.startswith(cut.heard)
    following = LONG.removeprefix(cut.heard).split()[0]
    assert spoken_s(f"{cut.heard} ") <= 2.0 <= spoken_s(f"{cut.heard} {following} ") + 0.1
    assert answer.text == "You said stop."
    (remembered,) = talk.all(Remembered)
    assert [message["content"] for message in remembered.messages][1:4] == [
        "seats",
        cut.heard.strip(),
        "stop",
    ]


def test_no_words_interrupt_without_being_a_turn(app: App) -> None:
    talk = talked(app, "seats", "!1")
    assert len(talk.all(Interrupted)) == 1
    assert [turn.said for turn in talk.all(TurnTaken)] == ["seats"]
    assert talk.all(Said)[1].stop == "interrupted"


def test_an_answer_is_timed_from_the_words_to_its_first_and_last_token(app: App) -> None:
    talk = talked(app, "think")
    greeting, answer = talk.all(AnswerSent)
    assert greeting.first_token_ms is None
    assert (answer.first_token_ms, answer.last_token_ms) == (1500, 2000)
    assert [token.text for token in talk.all(BotToken)][1:] == ["I have thought ", "of it."]


def test_keys_reach_the_bot(app: App) -> None:
    talk = talked(app, "pin", "#1234")
    assert [key.digit for key in talk.all(KeyPressed)] == list("1234")
    assert talk.answers[-1] == "It is 1234."


def test_words_come_one_by_one_where_that_is_asked_for(app: App) -> None:
    talk = talked(app, "two front seats", interim=True)
    assert [partial.text for partial in talk.all(WrittenPartial)] == ["two", "two front"]
    (turn,) = talk.all(TurnTaken)
    assert turn.said == "two front seats"
    assert turn.audio_s == pytest.approx(len("two front ") / 21.7, abs=0.05)


def test_a_bot_that_says_nothing_is_waited_for_as_long_as_patience_lasts(app: App) -> None:
    talk = talked(app, "print", "hello", patience_s=3.0)
    first, second = talk.times(TurnTaken)
    assert second - first == pytest.approx(3.5, abs=0.1)
    assert [printed.text for printed in talk.all(Printed)] == ["a line of the bot"]


def test_a_script_may_wait(app: App) -> None:
    (first, second) = talked(app, "hello", "... 20", "hello").times(TurnTaken)
    assert 20.0 <= second - first < 20.6


def test_to_speak_takes_no_time_with_fast(app: App) -> None:
    talk = talked(app, "seats", "!2 thanks", fast=True)
    assert talk.answers == [GREETING, f"{LONG} ", "You said thanks."]
    assert not talk.all(Interrupted)
    assert talk.times(TalkOver)[0] < 1.5


def test_what_the_bot_sends_besides_text_is_told() -> None:
    app = App()

    @app.reply
    async def reply(call: Call, turn: Turn) -> str:
        await call.language("de")
        return "Hallo."

    talk = talked(app, "hello")
    (frame,) = talk.all(FrameSent)
    assert (frame.frame, frame.fields["ttsLanguage"]) == ("language", "de")


def test_a_greeting_of_the_platform_is_told_and_waited_for() -> None:
    app = App(relay=RelaySettings(greeting=GREETING))

    @app.reply
    def reply(call: Call, turn: Turn) -> str:
        return turn.text

    talk = talked(app, "hello")
    assert [greets.text for greets in talk.all(PlatformGreets)] == [GREETING]
    assert talk.times(TurnTaken)[0] > spoken_s(GREETING)


def test_somebody_at_a_terminal_interrupts_by_writing(app: App) -> None:
    talk = talked(app, "seats", "thanks", live=True)
    assert [turn.said for turn in talk.all(TurnTaken)] == ["seats", "thanks"]
    assert talk.heard[0] == "", "the greeting was cut before its first word had been heard"


def test_somebody_at_a_terminal_is_told_what_is_unclear(app: App) -> None:
    unclear, *others = talked(app, "/leave", "?", "... 3", "hello", live=True).hints
    assert unclear == "/leave is no command: there is /quit; ? is help"
    assert others == [HELP, "Waits are for scripts."]


def test_a_bot_that_hangs_up_ends_the_conversation(app: App) -> None:
    talk = talked(app, "bye", "are you there")
    (over,) = talk.all(TalkOver)
    assert (over.cause, over.by, over.crashed) == ("normal_clearing", "bot", False)
    assert talk.heard[-1] == "Goodbye."


def test_a_crash_is_told_with_what_was_raised_and_is_the_exit_code(app: App) -> None:
    talk = talked(app, "crash", "are you there")
    assert talk.code == 1
    assert [crash.error for crash in talk.all(BotCrashed)] == ["KeyError: 'seat'"]
    assert [type(error) for error in talk.errors] == [KeyError]


def test_a_transfer_that_fails_comes_back_to_the_bot(app: App) -> None:
    talk = talked(app, "person", "hello")
    assert talk.answers[1:] == ["Nobody is free.", "You said hello."]


def test_nobody_hears_what_is_written_after_a_transfer(app: App, tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    numbers.write_text('{"+13125550199": {"steps": [{"say": "Yes?"}, {"wait": "hangup"}]}}')
    talk = talked(app, "person", "hello", numbers=numbers)
    assert [unheard.text for unheard in talk.all(Unheard)] == ["hello"]
    commands = [command.name for command in talk.all(CommandAnswered)]
    assert commands == ["answer", "transfer", "conversation_relay_stop"]
    assert talk.times(TalkOver)[0] < 10.0


def test_a_bot_that_needs_frames_is_told_that_there_are_none() -> None:
    app = App()

    @app.call
    async def echo(call: Call) -> None:
        async for pcm in call.audio():
            await call.write(pcm)

    talk = talked(app, "hello")
    assert [type(error) for error in talk.errors] == [VoiceCannot]
    assert talk.code == 1


def test_bots_of_media_talk_as_well() -> None:
    """Whatever a bot was registered with: here the platform hears and speaks."""
    app = App(voice="media")

    @app.reply(greeting=GREETING, voice="media")
    def reply(call: Call, turn: Turn) -> str:
        return turn.text

    assert talked(app, "hello").answers == [GREETING, "hello"]


def test_a_line_of_a_script_that_is_unclear_is_named_by_its_number(app: App) -> None:
    with pytest.raises(CallbridgeError, match=r"line 2: #9x: keys are written as #5 or #12#"):
        talked(app, "hello", "#9x")
