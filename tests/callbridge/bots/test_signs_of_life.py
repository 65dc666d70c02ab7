"""Only words are signs of life, and no call lasts for ever."""

import pytest

from callbridge import App, Call, SettingsError, Turn
from callbridge.calls.means import OUT_OF_TIME
from callbridge.testing import Pair, Wait, caller, says, tone
from callbridge.testing.speech import pitched
from tests.callbridge.hummed import LEAVES_IT, hummed_s, says_s

HELLO, NOISE = 440.0, 900.0
EAR = pitched({HELLO: "hello there", NOISE: ""})


@pytest.fixture
def out_of_time() -> str:
    return OUT_OF_TIME


@pytest.fixture
def app(out_of_time: str) -> App:
    return App(speech=EAR, out_of_time=out_of_time)


async def agrees(call: Call, turn: Turn) -> str:
    return "Yes."


async def waits(call: Call) -> None:
    async for _ in call.audio():
        pass


async def test_noise_does_not_keep_an_abandoned_call_open(app: App, pair: Pair) -> None:
    app.reply(idle="Are you there?", idle_after=8.0, idle_limit=2)(agrees)
    noises = (says(tone(0.6, NOISE)), Wait("bot_silent", 5.4)) * 20
    report = await pair.call(caller(*noises, LEAVES_IT))
    assert report.hung_up_by == "bot"
    assert report.duration_s < 40.0


async def test_words_do(app: App, pair: Pair) -> None:
    app.reply(idle="Are you there?", idle_after=8.0, idle_limit=0)(agrees)
    words = (says(tone(0.8, HELLO)), Wait("bot_silent", 6.0)) * 5
    report = await pair.call(caller(*words))
    assert report.hung_up_by == "caller"


@pytest.mark.virtual(max_call_s=20.0)
async def test_the_longest_call_is_told_so_and_ended(app: App, pair: Pair) -> None:
    app.call(waits)
    report = await pair.call(caller(LEAVES_IT))
    assert report.hung_up_by == "bot"
    assert hummed_s(report) == pytest.approx(says_s(OUT_OF_TIME), abs=0.2)
    assert report.duration_s == pytest.approx(20.0 + says_s(OUT_OF_TIME), abs=1.0)


@pytest.mark.virtual(max_call_s=20.0)
@pytest.mark.parametrize("out_of_time", ["Auf Wiederhören."])
async def test_a_bot_has_a_longest_call_of_its_own_and_says_so_in_its_language(
    app: App, pair: Pair, out_of_time: str
) -> None:
    app.call(max_s=10.0)(waits)
    report = await pair.call(caller(LEAVES_IT))
    assert report.hung_up_by == "bot"
    assert hummed_s(report) == pytest.approx(says_s(out_of_time), abs=0.2)
    assert report.duration_s == pytest.approx(10.0 + says_s(out_of_time), abs=1.0)


@pytest.mark.virtual(max_call_s=20.0)
async def test_no_bot_talks_longer_than_the_longest_call_of_all(app: App, pair: Pair) -> None:
    app.reply(max_s=300.0)(agrees)
    report = await pair.call(caller(LEAVES_IT))
    assert report.duration_s == pytest.approx(20.0 + says_s(OUT_OF_TIME), abs=1.0)


def test_a_longest_call_of_no_seconds_is_refused() -> None:
    with pytest.raises(SettingsError, match="max_s is 0"):
        App().call(max_s=0)
