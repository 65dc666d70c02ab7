"""What follows a text waits for the text: a hang-up, a transfer, a question inside a reply."""

import re
from collections.abc import AsyncIterator, Callable

import pytest

from callbridge import App, Call, Turn
from callbridge.testing import CarrierConfig, Pair, Press, Wait, caller, says, tone
from callbridge.testing.speech import pitched
from tests.callbridge.hummed import LEAVES_IT, hummed_s, says_s

HELLO, STOP, NAME = 440.0, 600.0, 520.0
TEXTS = {HELLO: "hello there", STOP: "stop that now", NAME: "my name is ann"}
GOODBYE = "Thank you for calling. It was a pleasure. "
PERSON = "+13125550199"
BUSY = CarrierConfig(webhook_url="http://127.0.0.1:9/webhooks", numbers={PERSON: "busy"})


@pytest.fixture
def app() -> App:
    return App(speech=pitched(TEXTS))


def spoken(text: str) -> float:
    """Seconds of a text that was yielded: the spaces between its sentences sound, too."""
    return says_s(text.strip())


def whole(text: str) -> list[str]:
    return [text]


def by_words(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


# ---- the bots -----------------------------------------------------------------------------------


class SaysGoodbye:
    """In these pieces, and then hangs up."""

    def __init__(self, pieces: list[str]) -> None:
        self._pieces = pieces

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        for piece in self._pieces:
            yield piece
        await call.hangup()


async def transfers_after_half_a_sentence(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield "Please hold the line"
    outcome = await call.transfer(PERSON)
    yield f"It is {outcome.result}."
    await call.hangup()


class AsksForAName:
    name = ""

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "Who is calling?"
        self.name = (await call.listen(timeout=8)).text
        yield f"Hello {self.name}."
        await call.hangup()


class AsksForANumber:
    digits = ""

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "Your number, please."
        self.digits = (await call.gather(4, timeout=5)).digits
        yield "Thank you."
        await call.hangup()


class TakesLeave:
    """Of who says hello, at length, to hang up then; keeps all turns."""

    def __init__(self) -> None:
        self.turns: list[str] = []

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        self.turns.append(turn.text)
        if turn.text == TEXTS[HELLO]:
            yield GOODBYE * 4
            await call.hangup()
        yield "Yes?"


async def writes_a_minute(call: Call) -> None:
    for _ in range(12):
        await call.write(tone(5.0, 200.0))
    await call.hangup()


# ---- what follows -------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 4, 8], ids=["a sentence", "12 s", "24 s"])
@pytest.mark.parametrize("cut", [whole, by_words])
async def test_a_hang_up_waits_for_the_goodbye(
    app: App, pair: Pair, cut: Callable[[str], list[str]], times: int
) -> None:
    app.reply()(SaysGoodbye(cut(GOODBYE * times)))
    report = await pair.call(caller(says(tone(1.0, HELLO)), LEAVES_IT))
    assert hummed_s(report) == pytest.approx(spoken(GOODBYE * times), abs=0.3)
    assert report.hung_up_by == "bot"


@pytest.mark.virtual(config=BUSY)
async def test_a_text_without_an_end_is_heard_before_the_transfer_that_follows_it(
    app: App, pair: Pair
) -> None:
    app.reply()(transfers_after_half_a_sentence)
    report = await pair.call(caller(says(tone(1.0, HELLO)), LEAVES_IT))
    heard = spoken("Please hold the line") + spoken("It is busy.")
    assert hummed_s(report) == pytest.approx(heard, abs=0.3)
    asked = next(e.at_s for e in report.tape if e.detail.get("action") == "transfer")
    began = next(e.at_s for e in report.tape if e.kind == "mark returned")
    assert asked - began > spoken("Please hold the line") - 0.4


async def test_a_question_inside_a_reply_owns_the_answer(app: App, pair: Pair) -> None:
    bot = app.reply()(AsksForAName())
    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), Wait("bot_silent", 0.8),
            says(tone(1.0, NAME)), LEAVES_IT,
        )
    )  # fmt: skip
    assert bot.name == "my name is ann"
    heard = spoken("Who is calling?") + spoken("Hello my name is ann.")
    assert hummed_s(report) == pytest.approx(heard, abs=0.3)


async def test_keys_asked_for_inside_a_reply_are_asked_after_its_text(app: App, pair: Pair) -> None:
    bot = app.reply()(AsksForANumber())
    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), Wait("bot_silent", 2.0),
            Press("1234"), LEAVES_IT,
        )
    )  # fmt: skip
    assert bot.digits == "1234"
    heard = spoken("Your number, please.") + spoken("Thank you.")
    assert hummed_s(report) == pytest.approx(heard, abs=0.3)


async def test_who_interrupts_the_goodbye_is_not_hung_up(app: App, pair: Pair) -> None:
    bot = app.reply()(TakesLeave())
    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", 1.0), says(tone(1.0, STOP)),
            Wait("bot_silent", 3.0),
        )
    )  # fmt: skip
    assert report.hung_up_by == "caller"
    assert bot.turns == ["hello there", "stop that now"]


async def test_a_drain_lasts_as_long_as_speech_goes_on(app: App, pair: Pair) -> None:
    """Nothing of what was queued is lost because a limit counted from the start."""
    app.call(writes_a_minute)
    report = await pair.call(caller(LEAVES_IT))
    assert hummed_s(report) == pytest.approx(60.0, abs=0.3)
