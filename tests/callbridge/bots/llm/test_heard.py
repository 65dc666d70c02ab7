"""The memory of a language model is what the caller heard, and a cut answer costs nothing more."""

from collections.abc import AsyncIterator, Callable

import pytest

from callbridge import App, Call, Turn
from callbridge.bots import llm
from callbridge.carrier.people.script import CallScript
from callbridge.tape.events import CallEvent, Interrupted
from callbridge.tape.tape import CallIds
from callbridge.testing import EPOCH, Wait, caller, converse, says
from tests.callbridge.bots.llm.served import VOICES, answering, model_of, said_to
from tests.vendors.openai.answers import in_order, writes
from tests.vendors.openai.chat import ChatServer

ASKS, CUTS = "when are you open", "what about sundays please tell me"
HOURS = "We are open from nine to six on every day of the week, and never on any of the Sundays."
SUNDAYS = "Never on Sundays."
SENTENCES = (
    "We are open every day. From nine to six on weekdays. From ten to two on Saturdays, too."
)


class Moments:
    """A reader of tapes that notes when a caller has interrupted, in seconds of the loop."""

    def __init__(self) -> None:
        self.interrupted: list[float] = []

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        if isinstance(event, Interrupted):
            self.interrupted.append(at - EPOCH)


def cuts_after(seconds: float) -> CallScript:
    """Somebody who asks, speaks into the answer, and listens to the next one."""
    interrupts = (Wait("bot_speaking", seconds), says(CUTS), Wait("bot_silent", 3.0))
    return caller(says(ASKS), *interrupts)


def returned(model: llm.ChatModel) -> Callable[[Call, Turn], AsyncIterator[str]]:
    return answering(model)


def passed_on(model: llm.ChatModel) -> Callable[[Call, Turn], AsyncIterator[str]]:
    async def handler(call: Call, turn: Turn) -> AsyncIterator[str]:
        async for text in llm.reply(call, turn, model=model):
            yield text

    return handler


@pytest.mark.parametrize("voice", VOICES)
def test_the_next_prompt_says_what_was_cut_and_where(app: App, voice: str) -> None:
    server = ChatServer(in_order(writes(HOURS), writes(SUNDAYS)))
    app.reply(answering(model_of(server)))
    report = converse(app, cuts_after(1.5), voice=voice)
    (_, cut, _, _) = report.turns
    heard = cut.heard.strip()
    assert 0 < len(heard) < len(HOURS)
    assert HOURS.startswith(f"{heard} ")
    unheard = HOURS.removeprefix(heard).strip()
    assert said_to(server, 1) == [
        ("user", ASKS),
        ("assistant", heard),
        ("user", f'[You were cut off here. The caller did not hear: "{unheard}"]\n{CUTS}'),
    ]


@pytest.mark.parametrize("handler", [returned, passed_on])
@pytest.mark.parametrize("voice", VOICES)
def test_barge_in_closes_the_stream_within_100_ms(
    app: App, voice: str, handler: Callable[[llm.ChatModel], Callable[..., AsyncIterator[str]]]
) -> None:
    server = ChatServer(in_order(writes(SENTENCES, token_s=0.4), writes(SUNDAYS)))
    moments = Moments()
    app.reply(handler(model_of(server)))
    converse(app, cuts_after(1.0), voice=voice, readers=(moments,))
    cut, _ = server.exchanges
    assert not cut.finished
    assert cut.left_at is not None
    assert 0 <= round(cut.left_at - moments.interrupted[0], 3) <= 0.1


@pytest.mark.parametrize("voice", VOICES)
def test_a_caller_who_hangs_up_closes_the_stream(app: App, voice: str) -> None:
    server = ChatServer(in_order(writes(SENTENCES, token_s=0.4)))
    app.reply(answering(model_of(server)))
    report = converse(app, caller(says(ASKS), Wait("bot_speaking", 1.0)), voice=voice)
    (exchange,) = server.exchanges
    assert exchange.left_at is not None
    assert exchange.left_at == pytest.approx(report.duration_s, abs=0.1)


@pytest.mark.parametrize("voice", VOICES)
def test_who_goes_on_before_the_answer_is_answered_once(app: App, voice: str) -> None:
    """The first answer is not there yet when the caller goes on: both are one turn."""
    slow = writes("Of which shop?", first_token_s=6.0)
    server = ChatServer(in_order(slow, writes(SUNDAYS)))
    app.reply(answering(model_of(server)))
    goes_on = (Wait("bot_silent", 2.5), says("on sundays"), Wait("bot_speaking", 0.2))
    report = converse(app, caller(says(ASKS), *goes_on, Wait("bot_silent", 2.0)), voice=voice)
    assert [turn.heard for turn in report.said] == [SUNDAYS]
    assert server.exchanges[0].left_at is not None
    (told,) = said_to(server, 1)
    assert told[1].split() == f"{ASKS} on sundays".split()
