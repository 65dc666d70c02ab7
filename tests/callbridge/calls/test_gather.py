"""One question owns its input: keys and ear open together, each key handed out once."""

import asyncio

import numpy as np
import pytest

from callbridge import App, Call, Gathered, Outcome
from callbridge.carrier.people.script import Step
from callbridge.testing import CallReport, HangUp, Pair, Press, Wait, caller, says, tone
from callbridge.testing.speech import pitched
from tests.callbridge.hummed import LEAVES_IT, hummed_s, rehearse, says_s

HOLD_ON, AGENT = 440.0, 600.0
EAR = pitched({HOLD_ON: "hold on a second", AGENT: "an agent please"})
PAUSE = Wait("bot_silent", 0.6)


def asked(bot: object, *steps: Step) -> CallReport:
    reports: list[CallReport] = []
    app = App(speech=EAR)
    app.call(bot)  # type: ignore[call-overload]

    async def test(pair: Pair) -> None:
        reports.append(await pair.call(caller(*steps, LEAVES_IT)))

    rehearse(app, test)
    return reports[0]


def test_the_first_key_closes_the_ear() -> None:
    entries: list[Gathered] = []

    async def bot(call: Call) -> None:
        entries.append(await call.gather(6, speech=True, timeout=10, between=8))
        entries.append(await call.gather(1, timeout=1))

    asked(bot, Press("123"), says(tone(1.0, HOLD_ON)), Wait("bot_silent", 1.5), Press("456"))
    assert [(each.digits, each.stop) for each in entries] == [
        ("123456", "complete"),
        ("", "timeout"),
    ]


def test_speech_over_a_prompt_is_heard_though_nobody_has_listened_before() -> None:
    entries: list[Gathered] = []

    async def bot(call: Call) -> None:
        entries.append(await call.gather(1, prompt=tone(8.0, 300.0), speech=True, timeout=3))

    report = asked(bot, Wait("bot_speaking", 1.0), says(tone(1.5, AGENT)))
    assert [(each.stop, each.text) for each in entries] == [("speech", "an agent please")]
    assert report.duration_s < 6.0


def test_a_terminator_after_a_full_entry_is_not_the_answer_to_the_next_question() -> None:
    entries: list[str] = []

    async def bot(call: Call) -> None:
        entries.append((await call.gather(4)).digits)
        await call.play(tone(1.0))
        entries.append((await call.gather(2)).digits)

    asked(bot, Press("1234#"), Wait("bot_speaking", 0.5), PAUSE, Press("56"))
    assert entries == ["1234", "56"]


def test_a_prompt_may_be_a_text_and_its_first_key_counts() -> None:
    entries: list[Gathered] = []
    prompt = "Please enter the four digits of your number."

    async def bot(call: Call) -> None:
        entries.append(await call.gather(4, prompt=prompt, timeout=5))

    report = asked(bot, Wait("bot_speaking", 0.5), Press("1234"))
    assert [each.digits for each in entries] == ["1234"]
    assert 0.3 < hummed_s(report) < says_s(prompt) - 0.5


def test_a_text_prompt_is_said_to_its_end_when_nobody_presses() -> None:
    async def bot(call: Call) -> None:
        await call.gather(1, prompt="Press a key.", timeout=1)

    assert hummed_s(asked(bot)) == pytest.approx(says_s("Press a key."), abs=0.1)


def test_who_speaks_when_the_time_is_up_is_heard_out() -> None:
    entries: list[Gathered] = []

    async def bot(call: Call) -> None:
        entries.append(await call.gather(1, speech=True, timeout=1.0))

    asked(bot, says(np.concatenate([np.zeros(5600, np.int16), tone(2.0, AGENT)])))
    assert [each.text for each in entries] == ["an agent please"]


# ---- listeners ----------------------------------------------------------------------------------


def test_overlapping_plays_have_keys_of_their_own() -> None:
    outcomes: dict[str, Outcome] = {}

    async def play(call: Call, name: str, stop_on: str) -> None:
        outcomes[name] = await call.play(tone(2.0, 300.0), name=name, stop_on=stop_on)

    async def bot(call: Call) -> None:
        first = asyncio.create_task(play(call, "first", "1"))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(play(call, "second", "2"))
        await asyncio.gather(first, second)
        await call.play(tone(2.0, 300.0), name="third")

    report = asked(
        bot, Wait("bot_speaking", 2.5), Press("2"), Wait("bot_speaking", 0.5), Press("1")
    )
    assert bool(outcomes["first"])
    assert (outcomes["second"].stop, outcomes["second"].digit) == ("key", "2")
    loud = np.count_nonzero(np.abs(report.bot) > 1000) / 8000
    assert loud > 4.0  # nobody offered a key for the third one: it was heard to its end


def test_two_listeners_each_hear_all_of_it() -> None:
    heard: dict[str, int] = {"first": 0, "second": 0}

    async def count(call: Call, name: str) -> None:
        async for _ in call.audio():
            heard[name] += 1

    async def bot(call: Call) -> None:
        await asyncio.gather(count(call, "first"), count(call, "second"))

    asked(bot, says(tone(5.0)), Wait("said"), HangUp())
    assert heard["first"] == heard["second"]
    assert heard["first"] >= 249


def test_a_key_cuts_a_greeting_as_well_as_a_reply() -> None:
    app = App(speech=EAR)

    @app.reply(
        greeting="Welcome to the house of many words and long greetings.", keys_interrupt=True
    )
    async def reply(call: Call, turn: object) -> str:
        return "Yes."

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(Wait("bot_speaking", 0.4), Press("1"), Wait("bot_silent", 2.0))
        )
        assert hummed_s(report) < 1.2
        assert len(report.clears) == 1

    rehearse(app, test)
