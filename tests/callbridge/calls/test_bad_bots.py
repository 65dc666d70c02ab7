"""Level-1 bots that go wrong: what the caller hears, what is closed and when, what is counted."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, cast

import pytest

from callbridge import App, Call, Turn
from callbridge.bots.reply import Handler
from callbridge.testing import EPOCH, LeftBehind, Pair, Wait, caller, says, tone
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
    says_s,
)

FIRST = TEXTS[HELLO]


@pytest.fixture
def app() -> App:
    return App(speech=EAR)


# ---- the bots -----------------------------------------------------------------------------------


async def says_none(call: Call, turn: Turn) -> None:
    pass


async def yields_nothing(call: Call, turn: Turn) -> AsyncIterator[str]:
    for text in list[str]():
        yield text


async def yields_spaces(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield " "
    yield "\n"


def returns_an_empty_text(call: Call, turn: Turn) -> str:
    return ""


class Noting:
    """A reply, and which turns it was asked to reply to."""

    def __init__(self, reply: Handler) -> None:
        self._reply = reply
        self.turns: list[str] = []

    def __call__(self, call: Call, turn: Turn) -> Any:
        self.turns.append(turn.text)
        return self._reply(call, turn)


async def pieces() -> AsyncIterator[str]:
    yield "One "
    yield "two."


async def returns_a_text(call: Call, turn: Turn) -> str:
    return "One two."


def returns_a_text_at_once(call: Call, turn: Turn) -> str:
    return "One two."


def returns_a_stream_at_once(call: Call, turn: Turn) -> AsyncIterator[str]:
    return pieces()


async def returns_a_stream(call: Call, turn: Turn) -> AsyncIterator[str]:
    return pieces()


async def sentences() -> AsyncIterator[str]:
    while True:
        yield "words and words and words. "


async def letters() -> AsyncIterator[str]:
    while True:
        yield "a"


async def slow_sentences() -> AsyncIterator[str]:
    while True:
        yield "words and words and words. "
        await asyncio.sleep(0.05)


class Endless:
    """Talks from a source without end; keeps when it was closed and how much of it was queued."""

    def __init__(self, source: Callable[[], AsyncIterator[str]]) -> None:
        self._source = source
        self.closed_at: list[float] = []  # in seconds of the loop
        self.queued_s: list[float] = []

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        playout = call._leg.line.playout  # pyright: ignore[reportPrivateUsage]
        try:
            async for piece in self._source():
                self.queued_s.append(playout.queued_s())
                yield piece
        finally:
            self.closed_at.append(asyncio.get_running_loop().time())


class Yields:
    """A sentence and the beginning of another one, and then this."""

    def __init__(self, piece: object) -> None:
        self._piece = piece

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "One two. Three"
        yield cast("str", self._piece)


class Returns:
    def __init__(self, said: object) -> None:
        self._said = said

    def __call__(self, call: Call, turn: Turn) -> object:
        return self._said


class ReturnsLater(Returns):
    async def __call__(self, call: Call, turn: Turn) -> object:
        return self._said


class Raises:
    """In the middle of what it says."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "One two three four five six. Seven"
        raise self._error


class RaisesAtOnce:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def __call__(self, call: Call, turn: Turn) -> str:
        raise self._error


async def raises_as_it_is_closed(call: Call, turn: Turn) -> AsyncIterator[str]:
    """Only the first of its replies."""
    if turn.text != FIRST:
        yield "Yes."
        return
    try:
        while True:
            yield "words and words and words. "
            await asyncio.sleep(0.1)
    finally:
        raise ValueError("while closing")


async def takes_no_notice(turn: Turn) -> None:
    """Half a minute of work, in spite of all cancelling; for the first turn only."""
    now = asyncio.get_running_loop().time
    until = now() + 30 if turn.text == FIRST else 0
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


class NeverAnswersTheFirst:
    """Keeps how often a reply to the first turn was ended."""

    ended = 0

    async def __call__(self, call: Call, turn: Turn) -> str:
        if turn.text == FIRST:
            try:
                await asyncio.Event().wait()
            finally:
                self.ended += 1
        return f"You said {turn.text}."


class Deaf:
    """Never listens, and keeps how many turns waited to be taken, at most."""

    most = 0

    async def __call__(self, call: Call) -> None:
        await call.say("Hi.")
        async for _ in call.audio():
            self.most = max(self.most, len(call.voice.turns.waiting))


# ---- replies of any kind ------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [says_none, yields_nothing, yields_spaces, returns_an_empty_text])
async def test_a_reply_of_nothing_is_silence_and_the_call_goes_on(
    app: App, pair: Pair, reply: Handler
) -> None:
    asked = app.reply()(Noting(reply))
    report = await pair.call(
        asks(Wait("bot_silent", 2.0), says(tone(1.0, STOP)), Wait("bot_silent", 2.0))
    )
    assert not report.bot.any()
    assert report.hung_up_by == "caller"
    assert asked.turns == [TEXTS[HELLO], TEXTS[STOP]]


@pytest.mark.parametrize(
    "reply",
    [returns_a_text, returns_a_text_at_once, returns_a_stream_at_once, returns_a_stream],
)
async def test_a_reply_may_be_a_plain_text_in_any_way(app: App, pair: Pair, reply: Handler) -> None:
    app.reply()(reply)
    report = await pair.call(asks())
    assert hummed_s(report) == pytest.approx(says_s("One two."), abs=0.05)


@pytest.mark.parametrize("source", [sentences, letters, slow_sentences])
@pytest.mark.parametrize("after_s", [1.0, 8.0], ids=["at once", "when playout is full"])
@pytest.mark.parametrize("ending", ["interrupted", "hung up"])
async def test_a_reply_without_end_is_closed_within_100_ms(
    app: App,
    pair: Pair,
    source: Callable[[], AsyncIterator[str]],
    after_s: float,
    ending: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "callbridge")
    endless = app.reply()(Endless(source))
    began = pair.clock.now()
    interrupts = (says(tone(0.8, STOP)),) if ending == "interrupted" else ()
    report = await pair.call(asks(Wait("bot_speaking", after_s), *interrupts))
    over_at = next(e.at_s for e in report.tape if e.detail.get("state") == "ended") + began
    if interrupts:  # the bot fell silent before, as soon as somebody spoke
        over_at = next(vars(r)["at"] for r in caplog.records if r.message == "interrupted") - EPOCH
    assert abs(endless.closed_at[0] - over_at) < 0.1
    assert max(endless.queued_s) < 60
    assert app.service.studio().counts.stuck == 0


@pytest.mark.parametrize("piece", [None, b"bytes", 42, ["a", "list"]])
@pytest.mark.virtual(expect_crash=TypeError)
async def test_what_is_no_text_ends_the_call_and_says_what_it_was(
    app: App, pair: Pair, piece: object, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(Yields(piece))
    report = await pair.call(asks(LEAVES_IT))
    assert hummed_s(report) == pytest.approx(says_s("One two. "), abs=0.05)
    assert apologised(report)
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(TypeError, match=f"text, not {type(piece).__name__}"):
        raise error["exc_info"][1]


@pytest.mark.parametrize("said", [42, b"bytes", ["a", "list"]])
@pytest.mark.parametrize("returns", [Returns, ReturnsLater])
@pytest.mark.virtual(expect_crash=TypeError)
async def test_nor_is_this_a_reply(
    app: App,
    pair: Pair,
    returns: type[Returns],
    said: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app.reply()(cast("Handler", returns(said)))
    assert apologised(await pair.call(asks(LEAVES_IT)))
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(TypeError, match=f"not {type(said).__name__}"):
        raise error["exc_info"][1]


# ---- replies that raise -------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("a bug"), asyncio.CancelledError(), TimeoutError()])
@pytest.mark.virtual(expect_crash=Exception)
async def test_a_bot_that_raises_in_the_middle_is_heard_so_far_then_apologised_for(
    app: App, pair: Pair, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(Raises(error))
    report = await pair.call(asks(LEAVES_IT))
    assert hummed_s(report) == pytest.approx(says_s("One two three four five six. "), abs=0.05)
    assert apologised(report)
    assert report.hung_up_by == "bot"
    assert app.service.calls.counts.bots_crashed == 1
    assert len(errors(caplog, "the bot raised")) == 1


@pytest.mark.parametrize("error", [ValueError("a bug"), asyncio.CancelledError()])
@pytest.mark.virtual(expect_crash=Exception)
async def test_a_bot_that_raises_before_it_says_anything(
    app: App, pair: Pair, error: BaseException
) -> None:
    app.reply()(RaisesAtOnce(error))
    assert apologised(await pair.call(asks(LEAVES_IT)))
    assert app.service.calls.counts.bots_crashed == 1


@pytest.mark.virtual(expect_crash=ValueError)
async def test_a_bot_that_raises_as_it_is_closed_is_only_logged(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(raises_as_it_is_closed)
    report = await pair.call(
        asks(Wait("bot_speaking", 1.0), says(tone(0.8, STOP)), QUIET, Wait("bot_silent", 1.0))
    )
    assert report.hung_up_by == "caller"
    assert app.service.calls.counts.bots_crashed == 0
    assert app.service.studio().counts.turns == 2
    assert len(errors(caplog, "failed as it was closed")) == 1


# ---- replies that do not end --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "heard"),
    [
        (stubborn_stream, "One two three four. One two three four. I am back."),
        (stubborn_reply, "I am back."),
    ],
)
@pytest.mark.virtual(expect_crash=LeftBehind)
async def test_a_reply_that_cannot_be_cancelled_is_left_behind_and_the_next_turn_is_answered(
    app: App,
    pair: Pair,
    reply: Callable[[Call, Turn], Any],
    heard: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app.reply()(reply)
    report = await pair.call(
        asks(
            Wait("bot_silent", 2.5), says(tone(1.0, STOP)),
            Wait("bot_speaking", 0.1, within_s=4), QUIET,
        )
    )  # fmt: skip
    assert not report.failed
    assert hummed_s(report) == pytest.approx(says_s(heard), abs=0.1)
    assert app.service.calls.counts.bots_stuck == 0
    assert app.service.studio().counts.stuck == 1
    assert b"callbridge_speech_stuck_total 1.0" in app.service.metrics.text()
    (error,) = errors(caplog, "left behind")
    assert reply.__name__ in error["what"]
    await asyncio.sleep(30)  # until it has ended by itself


async def test_a_reply_that_never_comes_ends_with_the_call_or_the_next_words(
    app: App, pair: Pair
) -> None:
    silent = app.reply()(NeverAnswersTheFirst())
    await pair.call(asks(Wait("bot_silent", 20.0)))
    assert silent.ended == 1
    report = await pair.call(
        asks(Wait("bot_silent", 5.0), says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET)
    )
    assert silent.ended == 2
    expected = says_s("You said hello there stop that now.")
    assert hummed_s(report) == pytest.approx(expected, abs=0.05)


async def test_a_call_needs_no_turns_to_be_taken(app: App, pair: Pair) -> None:
    """A bot that never listens does not collect what it is told for ever."""
    deaf = Deaf()
    app.call(deaf)
    words = (says(tone(0.5, HELLO)), Wait("bot_silent", 0.8))
    await pair.call(caller(*(step for _ in range(120) for step in words)))
    assert app.service.studio().counts.turns == 120
    assert deaf.most == 100
