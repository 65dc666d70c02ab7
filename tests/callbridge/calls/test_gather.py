"""One question owns its input: keys and ear open together, each key handed out once."""

import asyncio
import io
import wave
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from callbridge import App, Call, Outcome, Turn
from callbridge.calls.playing import STRAGGLER_S
from callbridge.testing import HangUp, Pair, Press, Wait, caller, says, tone
from callbridge.testing.speech import pitched
from telecodecs import Pcm
from tests.callbridge.does import Does
from tests.callbridge.hummed import LEAVES_IT, hummed_s, says_s

HOLD_ON, AGENT = 440.0, 600.0
PROMPT = "Please enter the four digits of your number."


@pytest.fixture
def app() -> App:
    return App(speech=pitched({HOLD_ON: "hold on a second", AGENT: "an agent please"}))


async def test_the_first_key_closes_the_ear(app: App, pair: Pair) -> None:
    bot = Does(
        lambda call: call.gather(6, speech=True, timeout=10, between=8),
        lambda call: call.gather(1, timeout=1),
    )
    app.call(bot)
    await pair.call(
        caller(
            Press("123"), says(tone(1.0, HOLD_ON)), Wait("bot_silent", 1.5), Press("456"), LEAVES_IT
        )
    )
    entries = [(entry.digits, entry.stop) for entry in bot.results]
    assert entries == [("123456", "complete"), ("", "timeout")]


async def test_speech_over_a_prompt_is_heard_though_nobody_has_listened_before(
    app: App, pair: Pair
) -> None:
    bot = Does(lambda call: call.gather(1, prompt=tone(8.0, 300.0), speech=True, timeout=3))
    app.call(bot)
    report = await pair.call(caller(Wait("bot_speaking", 1.0), says(tone(1.5, AGENT)), LEAVES_IT))
    (entry,) = bot.results
    assert (entry.stop, entry.text) == ("speech", "an agent please")
    assert report.duration_s < 6.0


async def test_a_terminator_after_a_full_entry_is_not_the_answer_to_the_next_question(
    app: App, pair: Pair
) -> None:
    bot = Does(
        lambda call: call.gather(4),
        lambda call: call.play(tone(1.0)),
        lambda call: call.gather(2),
    )
    app.call(bot)
    await pair.call(
        caller(
            Press("1234#"), Wait("bot_speaking", 0.5), Wait("bot_silent", 0.6), Press("56"),
            LEAVES_IT,
        )
    )  # fmt: skip
    first, _, second = bot.results
    assert (first.digits, second.digits) == ("1234", "56")


async def test_a_prompt_may_be_a_text_and_its_first_key_counts(app: App, pair: Pair) -> None:
    bot = Does(lambda call: call.gather(4, prompt=PROMPT, timeout=5))
    app.call(bot)
    report = await pair.call(caller(Wait("bot_speaking", 0.5), Press("1234"), LEAVES_IT))
    (entry,) = bot.results
    assert entry.digits == "1234"
    assert 0.3 < hummed_s(report) < says_s(PROMPT) - 0.5


@pytest.mark.parametrize("prompt", [None, tone(3.0, 300.0)], ids=["in silence", "over a prompt"])
async def test_who_presses_the_one_key_that_is_asked_for_waits_for_no_other(
    app: App, pair: Pair, prompt: Pcm | None
) -> None:
    bot = Does(lambda call: call.first_key(prompt, timeout=5))  # then it hangs up
    app.call(bot)
    start = Wait("streaming") if prompt is None else Wait("bot_speaking", 0.3)
    report = await pair.call(caller(start, Press("4"), LEAVES_IT))
    assert bot.results == ["4"]
    at = {entry.kind: entry.at_s for entry in report.tape}
    assert at["state"] - at["dtmf"] < STRAGGLER_S


async def test_a_key_that_nobody_presses_is_not_waited_for(app: App, pair: Pair) -> None:
    bot = Does(lambda call: call.first_key(None, timeout=1.0))
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert bot.results == [""]
    assert report.duration_s == pytest.approx(1.0, abs=0.2)


async def slow_web(url: str) -> AsyncGenerator[bytes]:
    """Has every sound, two seconds after it was asked for one."""
    await asyncio.sleep(2.0)
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone(1.0, 300.0).tobytes())
    yield sound.getvalue()


@pytest.mark.parametrize(
    "voice",
    [
        pytest.param(voice, marks=pytest.mark.virtual(voice=voice, web=slow_web))
        for voice in ("media", "relay")
    ],
)
@pytest.mark.parametrize("plays", [False, True])
async def test_a_prompt_that_was_still_fetched_when_a_key_came_is_not_played(
    app: App, pair: Pair, voice: str, plays: bool
) -> None:
    bot = Does(
        lambda call: call.gather(1, prompt="http://files.example/menu.wav", timeout=5),
        lambda _: asyncio.sleep(4.0),  # the carrier fetches it as well
    )
    app.call(bot)
    wait = Wait("bot_speaking", 0.3) if plays else Wait("bot_silent", 1.0)
    report = await pair.call(caller(wait, Press("4"), LEAVES_IT))
    assert bot.results[0].digits == "4"
    assert (np.abs(report.bot.astype(np.int32)).max() > 1000) == plays


async def test_a_text_prompt_is_said_to_its_end_when_nobody_presses(app: App, pair: Pair) -> None:
    app.call(Does(lambda call: call.gather(1, prompt="Press a key.", timeout=1)))
    report = await pair.call(caller(LEAVES_IT))
    assert hummed_s(report) == pytest.approx(says_s("Press a key."), abs=0.1)


async def test_who_speaks_when_the_time_is_up_is_heard_out(app: App, pair: Pair) -> None:
    bot = Does(lambda call: call.gather(1, speech=True, timeout=1.0))
    app.call(bot)
    begins_late = np.concatenate([np.zeros(5600, np.int16), tone(2.0, AGENT)])
    await pair.call(caller(says(begins_late), LEAVES_IT))
    (entry,) = bot.results
    assert entry.text == "an agent please"


# ---- listeners ----------------------------------------------------------------------------------


class PlaysOverItself:
    """Two sounds at once, each with a key of its own, and a third one without."""

    first: Outcome
    second: Outcome

    async def __call__(self, call: Call) -> None:
        first = asyncio.create_task(call.play(tone(2.0, 300.0), name="first", stop_on="1"))
        await asyncio.sleep(0.1)
        self.second = await call.play(tone(2.0, 300.0), name="second", stop_on="2")
        self.first = await first
        await call.play(tone(2.0, 300.0), name="third")


class ListensTwice:
    """Counts the frames that each of two listeners is given."""

    def __init__(self) -> None:
        self.heard = [0, 0]

    async def __call__(self, call: Call) -> None:
        await asyncio.gather(self._count(call, 0), self._count(call, 1))

    async def _count(self, call: Call, listener: int) -> None:
        async for _ in call.audio():
            self.heard[listener] += 1


async def agrees(call: Call, turn: Turn) -> str:
    return "Yes."


async def test_overlapping_plays_have_keys_of_their_own(app: App, pair: Pair) -> None:
    bot = PlaysOverItself()
    app.call(bot)
    report = await pair.call(
        caller(
            Wait("bot_speaking", 2.5), Press("2"), Wait("bot_speaking", 0.5), Press("1"), LEAVES_IT
        )
    )
    assert bool(bot.first)
    assert (bot.second.stop, bot.second.digit) == ("key", "2")
    loud = np.count_nonzero(np.abs(report.bot) > 1000) / 8000
    assert loud > 4.0  # nobody offered a key for the third one: it was heard to its end


async def test_two_listeners_each_hear_all_of_it(app: App, pair: Pair) -> None:
    bot = ListensTwice()
    app.call(bot)
    await pair.call(caller(says(tone(5.0)), Wait("said"), HangUp()))
    first, second = bot.heard
    assert first == second
    assert first >= 249


async def test_a_key_cuts_a_greeting_as_well_as_a_reply(app: App, pair: Pair) -> None:
    greeting = "Welcome to the house of many words and long greetings."
    app.reply(greeting=greeting, keys_interrupt=True)(agrees)
    report = await pair.call(caller(Wait("bot_speaking", 0.4), Press("1"), Wait("bot_silent", 2.0)))
    assert hummed_s(report) < 1.2
    assert len(report.clears) == 1
