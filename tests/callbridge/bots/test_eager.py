"""Replies that are prepared in a pause: they come sooner, and leave no trace if it was no end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from callbridge import App, Call, Message, Turn
from callbridge.testing import Conversation, Pair, Wait, caller, says, tone
from callbridge.testing.speech import pitched

HELLO, MORE, STOP = 440.0, 520.0, 600.0
THINKS_S = 0.4  # until the first word of a reply


@pytest.fixture
def app() -> App:
    return App(speech=pitched({HELLO: "hello there", MORE: "and more", STOP: "stop that now"}))


class Model:
    """Thinks, and then speaks in two pieces; keeps what it was asked, and how that ended."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.dropped: list[str] = []
        self.histories: list[list[Message]] = []

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        self.asked.append(turn.text)
        self.histories.append(call.history)
        try:
            await asyncio.sleep(THINKS_S)
            yield "One two. "
            yield "Three four."
        except BaseException:
            self.dropped.append(turn.text)
            raise


async def answered(pair: Pair) -> Conversation:
    return await pair.call(
        caller(says(tone(1.0, HELLO)), Wait("bot_speaking", 0.1), Wait("bot_silent", 0.6))
    )


async def test_a_reply_comes_as_much_sooner_as_the_pause_was_long(app: App, pair: Pair) -> None:
    app.reply(eager=True)(Model())
    eager = await answered(pair)
    other = App(speech=app.sound.speech)
    other.reply(Model())
    waiting = Pair(other)
    patient = await answered(waiting)
    await waiting.close()
    assert eager.turns[-1].text == patient.turns[-1].text == "One two. Three four."
    sooner = patient.turns[-1].at_s - eager.turns[-1].at_s
    assert 0.3 < sooner < THINKS_S + 0.01


async def test_it_is_asked_once_and_knows_what_was_said(app: App, pair: Pair) -> None:
    model = Model()
    app.reply(eager=True)(model)
    await answered(pair)
    assert model.asked == ["hello there"]
    assert model.histories == [[{"role": "user", "content": "hello there"}]]
    assert not model.dropped


async def test_a_caller_who_goes_on_leaves_no_trace_of_it(app: App, pair: Pair) -> None:
    model = Model()
    app.reply(eager=True)(model)
    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_silent", 0.35), says(tone(1.0, MORE)),
            Wait("bot_speaking", 0.1), Wait("bot_silent", 0.6),
        )
    )  # fmt: skip
    assert model.dropped == ["hello there"]
    said = [turn.text for turn in report.turns]
    assert said[-1] == "One two. Three four."
    assert len(said) == 2  # the caller's, whole, and the bot's
    assert model.histories[-1] == [{"role": "user", "content": model.asked[-1]}]


async def test_what_it_asks_of_the_call_waits_for_the_end_of_the_turn(app: App, pair: Pair) -> None:
    @app.reply(eager=True)
    async def leaves(call: Call, turn: Turn) -> None:
        await call.hangup()

    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_silent", 0.35), says(tone(1.0, MORE)),
            Wait("hangup", within_s=10),
        )
    )  # fmt: skip
    assert report.hangup_source == "callee"
    assert report.turns[-1].text.endswith("and more")


async def test_a_command_after_a_text_waits_until_that_was_heard(app: App, pair: Pair) -> None:
    @app.reply(eager=True)
    async def says_goodbye(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "Goodbye then."
        await call.hangup()

    report = await pair.call(caller(says(tone(1.0, HELLO)), Wait("hangup", within_s=10)))
    assert report.hangup_source == "callee"
    assert report.turns[-1].text == "Goodbye then."


async def test_an_interruption_ends_what_it_still_had_to_say(app: App, pair: Pair) -> None:
    ended: list[str] = []

    @app.reply(eager=True)
    async def endless(call: Call, turn: Turn) -> AsyncIterator[str]:
        try:
            while True:
                yield "words and words and words. "
                await asyncio.sleep(0.01)
        finally:
            ended.append(turn.text)

    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", 2.0), says(tone(0.8, STOP)),
            Wait("bot_speaking", 0.3),
        )
    )  # fmt: skip
    assert len(report.clears) >= 1
    assert ended[0] == "hello there"
    assert set(ended[1:]) == {"stop that now"}


async def test_what_it_raises_is_raised_when_the_turn_is_over(app: App, pair: Pair) -> None:
    @app.reply(eager=True)
    async def fails(call: Call, turn: Turn) -> str:
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError, match="no answer"):
        await pair.call(caller(says(tone(1.0, HELLO)), Wait("hangup", within_s=10)))
