"""What cannot be a bot is refused where it is registered, with the line that is wrong; what is
natural is taken."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import pytest

from callbridge import App, Call, Turn
from callbridge.errors import BotError, SettingsError
from callbridge.testing import Pair, Wait, caller, says
from callbridge.testing.speech import scripted

HERE = r"test_form\.py:\d+: "


async def talk(call: Call) -> None:
    """A bot."""


def silent(call: Call) -> None:
    """No bot: nothing in it can be awaited."""


async def stray(call: Call) -> AsyncIterator[str]:
    """No bot either: a reply."""
    yield "hello"


async def greedy(call: Call, turn: Turn) -> None: ...


async def short(turn: Turn) -> str:
    return turn.text


async def parrot(call: Call, turn: Turn) -> str:
    return f"You said {turn.text}."


async def streamed(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield "You said "
    yield f"{turn.text}."


def plain(call: Call, turn: Turn) -> str:
    return f"You said {turn.text}."


def plainly_streamed(call: Call, turn: Turn) -> Iterator[str]:
    yield "You said "
    yield f"{turn.text}."


by_lambda: Callable[[Call], Any] = lambda call: talk(call)  # noqa: E731  what users write


class Talker:
    async def __call__(self, call: Call) -> None: ...


def wrapped(bot: Callable[[Call], Any]) -> Callable[[Call], Any]:
    @functools.wraps(bot)
    def inner(call: Call) -> Any:
        return bot(call)

    return inner


@pytest.fixture
def app() -> App:
    return App(speech=scripted())


# ---- bots ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bot", "complaint"),
    [
        (silent, HERE + r"silent is not async: a bot is `async def silent\(call\)`"),
        (stray, HERE + "stray yields: .* registered with @app.reply"),
        (greedy, HERE + r"greedy takes .*turn.*`async def greedy\(call\)`"),
        (None, "None is no bot"),
        (b"bot", "is no bot"),
    ],
)
def test_what_cannot_be_a_bot_is_refused_with_its_line(bot: Any, complaint: str) -> None:
    for register in (App().call(), App().call("+13125550100")):
        with pytest.raises(BotError, match=complaint):
            register(bot)


@pytest.mark.parametrize(
    "bot",
    [
        talk,
        Talker(),
        Talker().__call__,
        functools.partial(greedy, turn=cast(Turn, None)),
        wrapped(talk),
        by_lambda,
    ],
)
def test_whatever_can_be_awaited_with_a_call_is_a_bot(bot: Any) -> None:
    assert App().call(bot) is bot


async def test_a_bot_that_dial_is_given_is_looked_at_before_anybody_is_rung(
    app: App, pair: Pair
) -> None:
    with pytest.raises(BotError, match="silent is not async"):
        await app.dial("+13125550199", "+13125550100", bot=silent)  # type: ignore[arg-type]
    assert not len(app.service.calls)


# ---- replies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        (short, HERE + r"short takes .*turn.*`async def short\(call, turn\)`"),
        (talk, HERE + r"talk takes .*`async def talk\(call, turn\)`"),
        ("hello", "'hello' is no reply"),
    ],
)
def test_what_cannot_be_a_reply_is_refused_with_its_line(handler: Any, complaint: str) -> None:
    with pytest.raises(BotError, match=complaint):
        App().reply(greeting="Hi.")(handler)


@pytest.mark.parametrize("handler", [parrot, streamed, plain, plainly_streamed])
@pytest.mark.parametrize("brackets", [True, False])
async def test_a_reply_may_be_plain_or_async_whole_or_in_pieces_with_brackets_or_without(
    handler: Any, brackets: bool, app: App, pair: Pair
) -> None:
    registered = app.reply()(handler) if brackets else app.reply(handler)
    assert registered is handler
    report = await pair.call(caller(says("hello"), Wait("bot_speaking", 0.5), Wait("bot_silent")))
    assert [said.text for said in report.said] == ["You said hello."]


# ---- what an application is made with -----------------------------------------------------------


@pytest.mark.parametrize("rate", [12345, 0, -8000, 96000])
def test_a_sample_rate_that_no_bot_can_have_is_refused_at_once(rate: int) -> None:
    with pytest.raises(SettingsError, match=rf"sample_rate is {rate}: it is one of 8000, 16000"):
        App(sample_rate=rate)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 32000, 44100, 48000])
def test_every_usual_sample_rate_is_taken(rate: int) -> None:
    assert App(sample_rate=rate).sound.sample_rate == rate
