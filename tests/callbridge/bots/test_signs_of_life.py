"""Only words are signs of life, and no call lasts for ever."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from callbridge import App, Call, SettingsError, Turn
from callbridge.calls.course import OUT_OF_TIME
from callbridge.testing import Pair, Wait, caller, says, tone
from callbridge.testing.speech import pitched
from tests.callbridge.hummed import LEAVES_IT, hummed_s, rehearse, says_s

HELLO, NOISE = 440.0, 900.0
EAR = pitched({HELLO: "hello there", NOISE: ""})


def attendant(**settings: Any) -> App:
    app = App(speech=EAR)

    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "Yes."

    app.reply(**settings)(reply)
    return app


def test_noise_does_not_keep_an_abandoned_call_open() -> None:
    noises = [step for _ in range(20) for step in (says(tone(0.6, NOISE)), Wait("bot_silent", 5.4))]

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(*noises, LEAVES_IT))
        assert report.hangup_source == "callee"
        assert report.duration_s < 40.0

    rehearse(attendant(idle="Are you there?", idle_after=8.0, idle_limit=2), test)


def test_words_do() -> None:
    words = [step for _ in range(5) for step in (says(tone(0.8, HELLO)), Wait("bot_silent", 6.0))]

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(*words))
        assert report.hangup_source == "caller"

    rehearse(attendant(idle="Are you there?", idle_after=8.0, idle_limit=0), test)


def test_the_longest_call_is_told_so_and_ended() -> None:
    app = App(speech=EAR)

    @app.call
    async def talker(call: Call) -> None:
        async for _ in call.audio():
            pass

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(LEAVES_IT))
        assert report.hangup_source == "callee"
        assert hummed_s(report) == pytest.approx(says_s(OUT_OF_TIME), abs=0.2)
        assert report.duration_s == pytest.approx(20.0 + says_s(OUT_OF_TIME), abs=1.0)

    rehearse(app, test, max_call_s=20.0)


def test_a_bot_has_a_longest_call_of_its_own_and_says_so_in_its_language() -> None:
    words = "Auf Wiederhören."
    app = App(speech=EAR, out_of_time=words)

    @app.call(max_s=10.0)
    async def talker(call: Call) -> None:
        async for _ in call.audio():
            pass

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(LEAVES_IT))
        assert report.hangup_source == "callee"
        assert hummed_s(report) == pytest.approx(says_s(words), abs=0.2)
        assert report.duration_s == pytest.approx(10.0 + says_s(words), abs=1.0)

    rehearse(app, test, max_call_s=20.0)


def test_no_bot_talks_longer_than_the_longest_call_of_all() -> None:
    async def test(pair: Pair) -> None:
        report = await pair.call(caller(LEAVES_IT))
        assert report.duration_s == pytest.approx(20.0 + says_s(OUT_OF_TIME), abs=1.0)

    rehearse(attendant(max_s=300.0), test, max_call_s=20.0)


def test_a_longest_call_of_no_seconds_is_refused() -> None:
    with pytest.raises(SettingsError, match="max_s is 0"):
        App().call(max_s=0)
