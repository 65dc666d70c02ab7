"""A language model talks on both voices, and is told what the caller heard."""

import pytest

from callbridge import App
from callbridge.tape.events import CallEvent, TurnTaken
from callbridge.tape.tape import CallIds
from callbridge.testing import EPOCH, Pair, Wait, caller, converse, says
from tests.callbridge.bots.llm.served import VOICES, answering, model_of, said_to
from tests.vendors.openai.answers import in_order, writes
from tests.vendors.openai.chat import ChatServer

ASKS = says("when are you open")
HOURS = "We are open from nine to six, and on Saturdays from ten to two."


@pytest.mark.parametrize("voice", VOICES)
def test_a_model_answers_from_what_was_said(app: App, voice: str) -> None:
    server = ChatServer(in_order(writes(HOURS), writes("You are welcome.")))
    app.reply(greeting="Hello.")(answering(model_of(server), "You keep a shop."))
    steps = [says("when are you open"), Wait("bot_speaking", 0.2), Wait("bot_silent", 1.5)]
    report = converse(
        app,
        caller(Wait("bot_silent", 1.0), *steps, says("thank you"), Wait("bot_silent", 2.0)),
        voice=voice,
    )
    assert server.refusals == []
    assert [turn.heard.strip() for turn in report.said] == ["Hello.", HOURS, "You are welcome."]
    assert said_to(server, 0) == [("assistant", "Hello."), ("user", "when are you open")]
    assert said_to(server, 1)[-2:] == [("assistant", HOURS), ("user", "thank you")]
    assert "You keep a shop." in server.exchanges[0].messages[0]["content"]


class EndsOfTurns:
    """A reader of tapes: when turns were taken, in seconds of the loop."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        if isinstance(event, TurnTaken):
            self.at.append(at - EPOCH)


@pytest.mark.parametrize("voice", VOICES)
def test_the_request_leaves_when_the_turn_ends(app: App, voice: str) -> None:
    server, ends = ChatServer(in_order(writes(HOURS))), EndsOfTurns()
    app.reply(answering(model_of(server)))
    converse(app, caller(ASKS, Wait("bot_speaking", 0.2)), voice=voice, readers=(ends,))
    (exchange,) = server.exchanges
    assert exchange.at == pytest.approx(ends.at[0], abs=0.001)


async def test_an_answer_sounds_behind_its_first_clause(app: App, pair: Pair) -> None:
    """Tokens come every 200 ms, and the clause has four of them: the first comes at once."""
    text = "Of course I can, but the whole sentence is much longer than its first clause is."
    server = ChatServer(in_order(writes(text, token_s=0.2)))
    app.reply(answering(model_of(server)))
    await pair.call(caller(ASKS, Wait("bot_speaking", 0.5), Wait("bot_silent", 1.0)))
    (steps,) = app.service.studio().counts.waterfalls
    assert steps["first_sent"] - steps["first_token"] == pytest.approx(3 * 0.2, abs=0.03)
