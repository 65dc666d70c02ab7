"""What follows a text waits for the text: a hang-up, a transfer, a question inside a reply."""

import re
from collections.abc import AsyncIterator

import pytest

from callbridge import App, Call, Gathered, Turn
from callbridge.testing import CarrierConfig, Pair, Press, Wait, caller, run, says, tone
from callbridge.testing.speech import pitched
from tests.callbridge.hummed import LEAVES_IT, hummed_s, rehearse, says_s

HELLO, STOP, NAME = 440.0, 600.0, 520.0
EAR = pitched({HELLO: "hello there", STOP: "stop that now", NAME: "my name is ann"})
GOODBYE = "Thank you for calling. It was a pleasure. "
PERSON = "+13125550199"
WEBHOOKS = "http://127.0.0.1:9/webhooks"


def spoken(text: str) -> float:
    """Seconds of a text that was yielded: the spaces between its sentences sound, too."""
    return says_s(text.strip())


def whole(text: str) -> AsyncIterator[str]:
    return pieces([text])


def by_words(text: str) -> AsyncIterator[str]:
    return pieces(re.findall(r"\S+\s*", text))


async def pieces(parts: list[str]) -> AsyncIterator[str]:
    for part in parts:
        yield part


@pytest.mark.parametrize("times", [1, 4, 8], ids=["a sentence", "12 s", "24 s"])
@pytest.mark.parametrize("source", [whole, by_words])
def test_a_hang_up_waits_for_the_goodbye(source: object, times: int) -> None:
    app = App(speech=EAR)

    @app.reply()
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        async for piece in source(GOODBYE * times):  # type: ignore[operator]
            yield piece
        await call.hangup()

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(says(tone(1.0, HELLO)), LEAVES_IT))
        assert hummed_s(report) == pytest.approx(spoken(GOODBYE * times), abs=0.3)
        assert report.hangup_source == "callee"

    rehearse(app, test)


def test_a_text_without_an_end_is_heard_before_the_transfer_that_follows_it() -> None:
    app = App(speech=EAR)
    config = CarrierConfig(webhook_url=WEBHOOKS, numbers={PERSON: "busy"})

    @app.reply()
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "Please hold the line"
        outcome = await call.transfer(PERSON)
        yield f"It is {outcome.result}."
        await call.hangup()

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(says(tone(1.0, HELLO)), LEAVES_IT))
        heard = spoken("Please hold the line") + spoken("It is busy.")
        assert hummed_s(report) == pytest.approx(heard, abs=0.3)
        asked = next(e.at_s for e in report.tape if e.detail.get("action") == "transfer")
        began = next(e.at_s for e in report.tape if e.kind == "mark returned")
        assert asked - began > spoken("Please hold the line") - 0.4

    pair_of(app, test, config)


def test_a_question_inside_a_reply_owns_the_answer() -> None:
    said: list[str] = []
    app = App(speech=EAR)

    @app.reply()
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "Who is calling?"
        answer = await call.listen(timeout=8)
        said.append(answer.text)
        yield f"Hello {answer.text}."
        await call.hangup()

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(
                says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), Wait("bot_silent", 0.8),
                says(tone(1.0, NAME)), LEAVES_IT,
            )
        )  # fmt: skip
        heard = spoken("Who is calling?") + spoken("Hello my name is ann.")
        assert hummed_s(report) == pytest.approx(heard, abs=0.3)

    rehearse(app, test)
    assert said == ["my name is ann"]


def test_keys_asked_for_inside_a_reply_are_asked_after_its_text() -> None:
    gathered: list[Gathered] = []
    app = App(speech=EAR)

    @app.reply()
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "Your number, please."
        gathered.append(await call.gather(4, timeout=5))
        yield "Thank you."
        await call.hangup()

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(
                says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), Wait("bot_silent", 2.0),
                Press("1234"), LEAVES_IT,
            )
        )  # fmt: skip
        assert hummed_s(report) == pytest.approx(
            spoken("Your number, please.") + spoken("Thank you."), abs=0.3
        )

    rehearse(app, test)
    assert [each.digits for each in gathered] == ["1234"]


def test_who_interrupts_the_goodbye_is_not_hung_up() -> None:
    answers: list[str] = []
    app = App(speech=EAR)

    @app.reply()
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        answers.append(turn.text)
        if turn.text == "hello there":
            yield GOODBYE * 4
            await call.hangup()
        yield "Yes?"

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(
                says(tone(1.0, HELLO)), Wait("bot_speaking", 1.0), says(tone(1.0, STOP)),
                Wait("bot_silent", 3.0),
            )
        )  # fmt: skip
        assert report.hangup_source == "caller"

    rehearse(app, test)
    assert answers == ["hello there", "stop that now"]


def test_a_drain_lasts_as_long_as_speech_goes_on() -> None:
    """Two minutes were queued; nothing of them is lost because a limit counted from the start."""
    app = App(speech=EAR)

    @app.call
    async def bot(call: Call) -> None:
        for _ in range(12):
            await call.write(tone(5.0, 200.0))
        await call.hangup()

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(LEAVES_IT))
        assert hummed_s(report) == pytest.approx(60.0, abs=0.3)

    rehearse(app, test)


def pair_of(app: App, test: object, config: CarrierConfig) -> None:
    """`rehearse` with a carrier of one's own."""

    async def whole_call() -> None:
        pair = Pair(app, config)
        await test(pair)  # type: ignore[operator]
        await app.close()

    run(whole_call())
