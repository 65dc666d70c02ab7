"""Level-1 bots that go wrong: what the caller hears, what is closed and when, what is counted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, cast

import pytest

from callbridge import App, Call, Turn
from callbridge.testing import LeftBehind, Pair, Wait, caller, says, tone
from tests.callbridge.hummed import (
    EAR,
    HELLO,
    LEAVES_IT,
    QUIET,
    STOP,
    TEXTS,
    apologised,
    asks,
    errors,
    hummed_s,
    rehearse,
    says_s,
)


def answering(handler: Callable[[Call, Turn], Any]) -> App:
    app = App(speech=EAR)
    app.reply()(handler)
    return app


def test_a_reply_of_nothing_is_silence_and_the_call_goes_on() -> None:
    turns: list[str] = []

    async def none(call: Call, turn: Turn) -> None:
        turns.append(turn.text)

    async def nothing(call: Call, turn: Turn) -> AsyncIterator[str]:
        turns.append(turn.text)
        for text in list[str]():
            yield text

    async def spaces(call: Call, turn: Turn) -> AsyncIterator[str]:
        turns.append(turn.text)
        yield " "
        yield "\n"

    def empty(call: Call, turn: Turn) -> str:
        turns.append(turn.text)
        return ""

    for handler in (none, nothing, spaces, empty):
        turns.clear()

        async def test(pair: Pair) -> None:
            report = await pair.call(
                asks(Wait("bot_silent", 2.0), says(tone(1.0, STOP)), Wait("bot_silent", 2.0))
            )
            assert not report.bot.any()
            assert report.hangup_source == "caller"

        rehearse(answering(handler), test)
        assert turns == list(TEXTS.values())[:2]


def test_a_reply_may_be_a_plain_text_in_any_way() -> None:
    async def text(call: Call, turn: Turn) -> str:
        return "One two."

    def without_await(call: Call, turn: Turn) -> str:
        return "One two."

    async def pieces() -> AsyncIterator[str]:
        yield "One "
        yield "two."

    def stream(call: Call, turn: Turn) -> AsyncIterator[str]:
        return pieces()

    async def later_a_stream(call: Call, turn: Turn) -> AsyncIterator[str]:
        return pieces()

    for handler in (text, without_await, stream, later_a_stream):

        async def test(pair: Pair) -> None:
            report = await pair.call(asks())
            assert hummed_s(report) == pytest.approx(says_s("One two."), abs=0.05)

        rehearse(answering(handler), test)


async def endless_sentences() -> AsyncIterator[str]:
    while True:
        yield "words and words and words. "


async def endless_letters() -> AsyncIterator[str]:
    while True:
        yield "a"


async def endless_and_slow() -> AsyncIterator[str]:
    while True:
        yield "words and words and words. "
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("source", [endless_sentences, endless_letters, endless_and_slow])
@pytest.mark.parametrize("after_s", [1.0, 8.0], ids=["at once", "when playout is full"])
@pytest.mark.parametrize("ending", ["interrupted", "hung up"])
def test_a_reply_without_end_is_closed_within_100_ms(
    source: Callable[[], AsyncIterator[str]], after_s: float, ending: str
) -> None:
    closed_at: list[float] = []
    deepest: list[float] = []

    async def handler(call: Call, turn: Turn) -> AsyncIterator[str]:
        try:
            async for piece in source():
                deepest.append(call._leg.line.playout.queued_s())  # pyright: ignore[reportPrivateUsage]
                yield piece
        finally:
            closed_at.append(asyncio.get_running_loop().time())

    async def test(pair: Pair) -> None:
        interrupts = (says(tone(0.8, STOP)),) if ending == "interrupted" else ()
        began = pair.clock.now()
        report = await pair.call(asks(Wait("bot_speaking", after_s), *interrupts))
        over = {"kind": "clear"} if ending == "interrupted" else {"kind": "state", "state": "ended"}
        over_at = next(
            e.at_s for e in report.tape if over.items() <= {"kind": e.kind, **e.detail}.items()
        )
        assert closed_at[0] - (began + over_at) < 0.1

    counts = rehearse(answering(handler), test)
    assert counts.stuck == 0
    assert max(deepest) < 60


@pytest.mark.parametrize("piece", [None, b"bytes", 42, ["a", "list"]])
def test_what_is_no_text_ends_the_call_and_says_what_it_was(
    piece: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "One two. Three"
        yield cast("str", piece)

    async def test(pair: Pair) -> None:
        report = await pair.call(asks(LEAVES_IT))
        assert hummed_s(report) == pytest.approx(says_s("One two. "), abs=0.05)
        assert apologised(report)

    rehearse(answering(handler), test, expect_crash=TypeError)
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(TypeError, match=f"text, not {type(piece).__name__}"):
        raise error["exc_info"][1]


@pytest.mark.parametrize("said", [42, b"bytes", ["a", "list"]])
def test_nor_is_this_a_reply(said: object, caplog: pytest.LogCaptureFixture) -> None:
    async def later(call: Call, turn: Turn) -> object:
        return said

    def at_once(call: Call, turn: Turn) -> object:
        return said

    for handler in (later, at_once):
        caplog.clear()

        async def test(pair: Pair) -> None:
            assert apologised(await pair.call(asks(LEAVES_IT)))

        rehearse(answering(handler), test, expect_crash=TypeError)
        (error,) = errors(caplog, "the bot raised")
        with pytest.raises(TypeError, match=f"not {type(said).__name__}"):
            raise error["exc_info"][1]


@pytest.mark.parametrize("error", [ValueError("a bug"), asyncio.CancelledError(), TimeoutError()])
def test_a_bot_that_raises_in_the_middle_is_heard_so_far_then_apologised_for(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "One two three four five six. Seven"
        raise error

    async def test(pair: Pair) -> None:
        report = await pair.call(asks(LEAVES_IT))
        assert hummed_s(report) == pytest.approx(says_s("One two three four five six. "), abs=0.05)
        assert apologised(report)
        assert report.hangup_source == "callee"
        assert pair.app.service.calls.counts.bots_crashed == 1

    rehearse(answering(handler), test, expect_crash=Exception)
    assert len(errors(caplog, "the bot raised")) == 1


@pytest.mark.parametrize("error", [ValueError("a bug"), asyncio.CancelledError()])
def test_a_bot_that_raises_before_it_says_anything(error: BaseException) -> None:
    async def handler(call: Call, turn: Turn) -> str:
        raise error

    async def test(pair: Pair) -> None:
        assert apologised(await pair.call(asks(LEAVES_IT)))
        assert pair.app.service.calls.counts.bots_crashed == 1

    rehearse(answering(handler), test, expect_crash=Exception)


def test_a_bot_that_raises_as_it_is_closed_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(call: Call, turn: Turn) -> AsyncIterator[str]:
        if turn.text != TEXTS[HELLO]:
            yield "Yes."
            return
        try:
            while True:
                yield "words and words and words. "
                await asyncio.sleep(0.1)
        finally:
            raise ValueError("while closing")

    async def test(pair: Pair) -> None:
        report = await pair.call(
            asks(Wait("bot_speaking", 1.0), says(tone(0.8, STOP)), QUIET, Wait("bot_silent", 1.0))
        )
        assert report.hangup_source == "caller"
        assert pair.app.service.calls.counts.bots_crashed == 0

    assert rehearse(answering(handler), test, expect_crash=ValueError).turns == 2
    assert len(errors(caplog, "failed as it was closed")) == 1


async def takes_no_notice(turn: Turn) -> None:
    """Half a minute of work, in spite of all cancelling; for the first turn only."""
    now = asyncio.get_running_loop().time
    until = now() + 30 if turn.text == TEXTS[HELLO] else 0
    while now() < until:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(5)


async def stubborn_stream(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield "One two three four. "
    await takes_no_notice(turn)
    yield "I am back."


async def stubborn_reply(call: Call, turn: Turn) -> str:
    await takes_no_notice(turn)
    return "I am back."


@pytest.mark.parametrize(
    ("handler", "heard"),
    [(stubborn_stream, "One two three four. I am back."), (stubborn_reply, "I am back.")],
)
def test_a_reply_that_cannot_be_cancelled_is_left_behind_and_the_next_turn_is_answered(
    handler: Callable[[Call, Turn], Any], heard: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(pair: Pair) -> None:
        report = await pair.call(
            asks(
                Wait("bot_silent", 2.5), says(tone(1.0, STOP)),
                Wait("bot_speaking", 0.1, within_s=4), QUIET,
            )
        )  # fmt: skip
        assert not report.failed
        before = says_s("One two three four. ") if handler is stubborn_stream else 0
        assert hummed_s(report) == pytest.approx(before + says_s(heard), abs=0.1)
        assert pair.app.service.calls.counts.bots_stuck == 0
        assert b"callbridge_speech_stuck_total 1.0" in pair.app.service.metrics.text()

    assert rehearse(answering(handler), test, expect_crash=LeftBehind).stuck == 1
    (error,) = errors(caplog, "left behind")
    assert handler.__name__ in error["what"]


def test_a_reply_that_never_comes_ends_with_the_call_or_the_next_words() -> None:
    ended: list[str] = []

    async def handler(call: Call, turn: Turn) -> str:
        if turn.text == TEXTS[HELLO]:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(turn.text)
        return f"You said {turn.text}."

    async def test(pair: Pair) -> None:
        await pair.call(asks(Wait("bot_silent", 20.0)))
        assert ended == ["hello there"]
        report = await pair.call(
            asks(Wait("bot_silent", 5.0), says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET)
        )
        assert ended == ["hello there"] * 2
        expected = says_s("You said hello there stop that now.")
        assert hummed_s(report) == pytest.approx(expected, abs=0.05)

    rehearse(answering(handler), test)


def test_a_call_needs_no_turns_to_be_taken() -> None:
    """A bot that never listens does not collect what it is told for ever."""
    kept: set[int] = set()
    app = App(speech=EAR)

    @app.call
    async def deaf(call: Call) -> None:
        await call.say("Hi.")
        async for _ in call.audio():
            kept.add(len(call.voice.turns.waiting))

    async def test(pair: Pair) -> None:
        words = (says(tone(0.5, HELLO)), Wait("bot_silent", 0.8))
        await pair.call(caller(*(step for _ in range(120) for step in words)))

    assert rehearse(app, test).turns == 120
    assert max(kept) == 100
