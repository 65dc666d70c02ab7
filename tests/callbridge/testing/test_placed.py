"""A call in progress: what the caller does and hears, step by step."""

import asyncio

import pytest

from callbridge import App, Call
from callbridge.calls.means import Bot
from callbridge.carrier.people.script import Step
from callbridge.testing import (
    CallScript,
    CarrierConfig,
    HangUp,
    Pair,
    Press,
    ScriptError,
    Wait,
    says,
    tone,
)
from callbridge.testing.callers import NUMBER
from callbridge.testing.speech import pitched

GREETING, QUESTION = "Hi there.", "Which key?"
LEAVES, STAYS = "+13125550198", "+13125550199"


async def doorman(call: Call) -> None:
    await call.say(GREETING)
    entry = await call.gather(1, prompt=QUESTION, timeout=20)
    await call.say(f"You pressed {entry.digits}.")


async def patient(call: Call) -> None:
    async for _ in call.audio():
        pass


async def brief(call: Call) -> None:
    await call.write(tone(0.5))


def house(people: dict[str, tuple[Step, ...]]) -> CarrierConfig:
    numbers = {
        number: CallScript(steps=(Wait("answered"), Wait("streaming"), *steps))
        for number, steps in people.items()
    }
    return CarrierConfig(webhook_url="http://127.0.0.1:9/webhooks", numbers=numbers)


@pytest.fixture
def app() -> App:
    return App(speech=pitched({}))


async def test_the_caller_hears_what_is_said_and_the_bot_hangs_up(app: App, pair: Pair) -> None:
    app.call(doorman)
    call = await pair.ring()
    await call.hears(GREETING)
    await call.does(Wait("bot_speaking", 0.2), Press("7"))
    await call.hears("You pressed 7.")
    assert call.heard[0] == GREETING
    report = await call.over()
    assert report.hung_up_by == "bot"
    assert not report.failed


async def test_a_caller_stays_until_they_hang_up(app: App, pair: Pair) -> None:
    app.call(patient)
    call = await pair.ring(says(tone(0.5)))
    await asyncio.sleep(100.0)
    report = await call.hangs_up()
    assert report.hung_up_by == "caller"
    assert report.duration_s > 100


async def test_what_was_cut_off_was_not_heard(app: App, pair: Pair) -> None:
    app.call(doorman)
    call = await pair.ring()
    await call.hears(GREETING)
    await call.does(Wait("bot_speaking", 0.1), Press("7"))
    with pytest.raises(AssertionError, match=r"the call ended before 'Which key\?'"):
        await call.hears(QUESTION)


async def test_a_step_that_cannot_be_done_fails_the_test_there(app: App, pair: Pair) -> None:
    app.call(patient)
    call = await pair.ring()
    with pytest.raises(AssertionError, match="bot_speaking did not come in 2 s"):
        await call.does(Wait("bot_speaking", within_s=2.0))
    with pytest.raises(AssertionError, match="the call is over"):
        await call.does(Press("1"))


async def test_a_wait_counts_from_its_own_beginning(app: App, pair: Pair) -> None:
    """And not from the end of the steps before it, however long ago that was."""
    app.call(patient)
    call = await pair.ring()
    await asyncio.sleep(60.0)
    began = pair.clock.now()
    await call.does(Wait("bot_silent", 3.0))
    assert pair.clock.now() - began == pytest.approx(3.0, abs=0.1)
    await call.hangs_up()


async def test_a_text_that_does_not_come_is_not_waited_for_for_ever(app: App, pair: Pair) -> None:
    app.call(patient)
    call = await pair.ring()
    with pytest.raises(AssertionError, match=r"'Hello' was not heard in 5 s; heard: \[\]"):
        await call.hears("Hello", within_s=5.0)
    await call.hangs_up()


async def test_a_call_without_a_stream_has_not_begun(app: App, pair: Pair) -> None:
    with pytest.raises(AssertionError, match="no media stream in 30 s"):
        await pair.ring()


@pytest.mark.virtual(config=house({LEAVES: (HangUp(),), STAYS: ()}))
@pytest.mark.parametrize(
    ("number", "bot", "by"), [(LEAVES, patient, "caller"), (STAYS, brief, "bot")]
)
async def test_of_a_dialled_call_it_is_known_too_who_hung_up(
    app: App, pair: Pair, number: str, bot: Bot, by: str
) -> None:
    dialled = await app.dial(number, NUMBER, bot=bot)
    report = await pair.finished(dialled.call.call_control_id)
    assert report.hung_up_by == by


async def test_a_step_that_is_none_is_refused(app: App, pair: Pair) -> None:
    app.call(patient)
    call = await pair.ring()
    with pytest.raises(ScriptError, match="step 1 is no step but <class"):
        await call.does(HangUp)  # type: ignore[arg-type]
    await call.hangs_up()
