"""Where the time of an exchange goes, and what the log tells of it, in virtual time."""

import logging
from typing import Any

import numpy as np
import pytest

from callbridge import App, Call
from callbridge.tape.waterfall import trailing_quiet_s
from callbridge.testing import EPOCH, Pair, Wait, caller, says, tone
from callbridge.testing.speech import pitched
from telecodecs import Pcm, silence
from tests.callbridge.does import Does

HELLO, STOP, COUGH = 440.0, 600.0, 900.0
EAR = pitched({HELLO: "hello there", STOP: "stop that now", COUGH: ""})
LONG = "one two three four five six seven eight nine ten."


@pytest.fixture
def app() -> App:
    return App(speech=EAR)


def lines(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.message == message]


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "callbridge")


def last_sound_s(track: Pcm) -> float:
    return float(np.flatnonzero(np.abs(track.astype(np.int32)) > 100)[-1]) / 8000


async def asks_who_it_is(call: Call) -> None:
    await call.say("Who is it?")
    await call.listen(timeout=5)
    await call.say("I see.")
    await call.say("Goodbye.")  # answers nothing


async def test_a_script_that_listens_and_says_has_a_waterfall(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.call(asks_who_it_is)
    report = await pair.call(
        caller(
            Wait("bot_speaking", 0.1), Wait("bot_silent", 0.3), says(tone(1.0, HELLO)),
            Wait("hangup"),
        )
    )  # fmt: skip
    (waterfall,) = lines(caplog, "waterfall")
    steps = waterfall["after_s"]
    assert list(steps) == [
        "turn_ended", "final_text", "first_token", "first_audio", "first_sent", "first_heard",
    ]  # fmt: skip
    assert list(steps.values()) == sorted(steps.values())
    assert report.answered_at_s is not None
    last_voiced_s = waterfall["last_voiced_at"] - EPOCH - report.answered_at_s
    assert last_voiced_s == pytest.approx(last_sound_s(report.caller), abs=0.03)
    (turn,) = lines(caplog, "turn")
    assert turn["last_voiced_at"] - turn["began_at"] == pytest.approx(1.0, abs=0.05)
    assert (turn["said"], turn["last_voiced_at"]) == ("hello there", waterfall["last_voiced_at"])


async def test_what_was_said_is_logged_with_what_was_heard_of_it(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.call(
        Does(
            lambda call: call.say("Hi."),
            lambda call: call.say(LONG),
            lambda call: call.listen(),
        )
    )
    await pair.call(caller(Wait("bot_speaking", 1.0), says(tone(0.9, STOP)), Wait("hangup")))
    whole, cut = lines(caplog, "said")
    assert (whole["text"], whole["heard"], whole["stop"]) == ("Hi.", "Hi.", "finished")
    assert (cut["text"], cut["stop"], cut["certainty"]) == (LONG, "interrupted", "measured")
    assert LONG.startswith(cut["heard"])
    assert 2 <= len(cut["heard"].split()) <= 8
    assert cut["sent_at"] >= whole["sent_at"] + whole["heard_s"]
    (withheld,) = lines(caplog, "withheld")
    (interrupted,) = lines(caplog, "interrupted")
    assert interrupted["speech_at"] < withheld["at"] < interrupted["at"]
    assert not lines(caplog, "resumed")


async def test_a_cough_is_in_the_log(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.call(Does(lambda call: call.say(LONG)))
    await pair.call(caller(Wait("bot_speaking", 0.6), says(tone(0.25, COUGH)), Wait("hangup")))
    (withheld,) = lines(caplog, "withheld")
    (resumed,) = lines(caplog, "resumed")
    assert resumed["at"] - withheld["at"] == pytest.approx(0.45, abs=0.1)
    assert not lines(caplog, "interrupted")


@pytest.mark.parametrize(
    ("turn", "quiet_s"),
    [
        (np.concatenate([tone(1.0), silence(1600)]), 0.2),
        (np.concatenate([tone(1.0), tone(0.1) // 10, silence(1600)]), 0.2),  # a soft consonant
        (np.concatenate([tone(1.0), tone(0.2) // 100]), 0.2),  # the noise of a line
        (tone(1.0), 0.0),
        (silence(800), 0.0),
        (silence(0), 0.0),
    ],
)
def test_what_comes_after_the_last_sound_of_a_turn(turn: Pcm, quiet_s: float) -> None:
    assert trailing_quiet_s(turn, 8000) == pytest.approx(quiet_s)
