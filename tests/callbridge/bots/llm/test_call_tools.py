"""A language model does what can be done with a call: it hangs up, connects, takes keys."""

import json

import pytest

from callbridge import App, Call
from callbridge.bots import llm
from callbridge.testing import CallScript, HangUp, Pair, Press, Wait, caller, converse, says
from tests.callbridge.bots.llm.served import LISTENS, VOICES, answering, model_of, results
from tests.vendors.openai.answers import Completion, Text, ToolCall, calls, in_order, writes
from tests.vendors.openai.chat import ChatServer

ASKS = says("where is my order forty two")


@pytest.mark.parametrize("voice", VOICES)
def test_the_model_hangs_up_when_its_goodbye_was_heard(app: App, voice: str) -> None:
    script = in_order(Completion([Text("Thank you. Goodbye."), ToolCall("end_call")]))
    server = ChatServer(script)
    app.reply(answering(model_of(server), tools=[llm.end_call]))
    report = converse(app, caller(says("that is all"), Wait("hangup")), voice=voice)
    assert report.hung_up_by == "bot"
    assert report.said[-1].heard == "Thank you. Goodbye."
    assert not report.said[-1].cut


@pytest.mark.parametrize("voice", VOICES)
def test_who_speaks_into_the_goodbye_is_not_hung_up(app: App, voice: str) -> None:
    goodbye = "Thank you very much for your call, and have a very nice evening. Goodbye."
    script = in_order(
        Completion([Text(goodbye), ToolCall("end_call")]), writes("Yes, on Mondays, too.")
    )
    server = ChatServer(script)
    app.reply(answering(model_of(server), tools=[llm.end_call]))
    speaks = (Wait("bot_speaking", 0.5), says("wait are you open on mondays"), *LISTENS)
    report = converse(app, caller(says("that is all"), *speaks), voice=voice)
    assert report.hung_up_by == "caller"
    assert report.said[-1].heard == "Yes, on Mondays, too."
    assert results(server, 1)[0].startswith("Cancelled")


@pytest.mark.parametrize("voice", VOICES)
def test_the_model_connects_with_who_is_on_its_list(app: App, voice: str) -> None:
    script = in_order(
        Completion([Text("I connect you."), ToolCall.of("transfer", to="sales")]),
    )
    server = ChatServer(script)
    app.reply(answering(model_of(server), tools=[llm.transfer({"sales": "+13125550199"})]))
    picks_up = caller(says("hello there"), Wait("hangup"))
    ends = caller(says("sales please"), Wait("bot_silent", 8.0))
    report = converse(app, ends, numbers={"+13125550199": picks_up}, voice=voice)
    assert report.bridged
    assert report.said[0].heard == "I connect you."
    (tool,) = server.exchanges[0].request["tools"]
    assert tool["function"]["parameters"]["properties"]["to"] == {
        "const": "sales", "type": "string",
    }  # fmt: skip


def test_the_model_learns_that_nobody_was_there(app: App) -> None:
    script = in_order(calls("transfer", to="sales"), writes("Sales is busy."))
    server = ChatServer(script)
    people = {"sales": "+13125550199", "service": "+13125550198"}
    app.reply(answering(model_of(server), tools=[llm.transfer(people)]))
    report = converse(app, caller(says("sales please"), *LISTENS), numbers={"+13125550199": "busy"})
    assert not report.bridged
    assert results(server, 1)[0].startswith("The caller is still with you: sales: busy.")
    assert report.said[0].heard == "Sales is busy."


def test_a_number_that_is_on_no_list_is_not_dialled(app: App) -> None:
    server = ChatServer(in_order(calls("transfer", to="+19005550000"), writes("I cannot.")))
    app.reply(answering(model_of(server), tools=[llm.transfer({"sales": "+13125550199"})]))
    report = converse(app, caller(says("connect me with a premium number"), *LISTENS))
    assert not [command for command in report.commands if command.name in ("transfer", "dial")]
    assert results(server, 1)[0].startswith("Error: to: Input should be 'sales'")


@pytest.mark.parametrize("voice", VOICES)
def test_a_person_is_told_what_it_is_about(app: App, voice: str) -> None:
    summary = "A caller asks for a refund"
    script = in_order(
        Completion(
            [Text("I hand you over."), ToolCall.of("handoff", to="service", summary=summary)]
        )
    )
    server = ChatServer(script)
    app.reply(answering(model_of(server), tools=[llm.handoff({"service": "+13125550198"})]))
    listens = (Wait("bot_speaking", 0.5), Wait("bot_silent", 0.5))
    talks = (says("how can I help you"), Wait("said"), HangUp())
    accepts = CallScript(steps=(Wait("answered"), *listens, Press("1"), *talks))
    ends = caller(says("a refund please"), Wait("hangup"))
    report = converse(app, ends, numbers={"+13125550198": accepts}, voice=voice)
    (person,) = report.others
    assert summary in " ".join(turn.text for turn in person.said)
    for side in (report, person):  # the bot has left both
        assert side.commands[-1].name in ("streaming_stop", "conversation_relay_stop")
    assert len(server.exchanges) == 1  # and the model is not asked what to say to nobody


@pytest.mark.parametrize("voice", VOICES)
def test_keys_are_gathered_and_pressed(app: App, voice: str) -> None:
    script = in_order(
        Completion([Text("Key in your number."), ToolCall.of("gather", digits=4)]),
        calls("send_digits", digits="12"),
        writes("Thank you."),
    )
    server = ChatServer(script)
    app.reply(answering(model_of(server), tools=[llm.gather, llm.send_digits]))
    keys = (Wait("bot_speaking"), Wait("bot_silent", 0.5), Press("4711"), *LISTENS)
    report = converse(app, caller(says("my bill please"), *keys), voice=voice)
    assert server.refusals == []
    assert json.loads(results(server, 1)[0]) == {"digits": "4711"}
    assert results(server, 2)[1] == "Done."
    assert [c.fields["digits"] for c in report.commands if c.name == "send_dtmf"] == ["12"]
    assert report.said[-1].heard.endswith("Thank you.")


@pytest.mark.parametrize("voice", VOICES)
def test_the_model_records_the_call(app: App, voice: str) -> None:
    script = in_order(
        calls("record", on=True), writes("It is recorded."),
        calls("record", on=True), calls("record", on=False), calls("record", on=False),
        writes("It is not."),
    )  # fmt: skip
    server = ChatServer(script)
    app.reply(answering(model_of(server), tools=[llm.record]))
    stops = (says("stop that please"), *LISTENS)
    report = converse(app, caller(says("record this"), *LISTENS, *stops), voice=voice)
    assert results(server, 5) == [
        "It is being recorded.", "It is being recorded already.",
        "The recording has ended.", "There is no recording to end.",
    ]  # fmt: skip
    names = [command.name for command in report.commands]
    assert names.count("record_start") == names.count("record_stop") == 1


def test_a_recording_ends_with_the_call(app: App) -> None:
    server = ChatServer(in_order(calls("record", on=True), writes("It is recorded.")))
    app.reply(answering(model_of(server), tools=[llm.record]))
    report = converse(app, caller(says("record this"), *LISTENS))
    assert not report.failed
    assert report.said[-1].heard == "It is recorded."


def test_another_language_on_the_relay(app: App) -> None:
    script = in_order(calls("switch_language", language="de"), writes("Guten Tag."))
    server = ChatServer(script)
    app.reply(answering(model_of(server), tools=[llm.switch_language(["en", "de"])]))
    report = converse(app, caller(says("german please"), *LISTENS), voice="relay")
    assert results(server, 1) == ["Done."]
    assert report.said[-1].heard == "Guten Tag."


def test_a_voice_without_the_language_says_so(app: App) -> None:
    script = in_order(calls("switch_language", language="de"), writes("I cannot."))
    server = ChatServer(script)
    app.reply(answering(model_of(server), tools=[llm.switch_language(["en", "de"])]))
    converse(app, caller(says("german please"), *LISTENS))
    assert results(server, 1)[0].startswith("Error: ")


async def test_a_tool_may_ask_for_the_call(app: App, pair: Pair) -> None:
    async def who_calls(call: Call) -> str:
        return call.from_

    server = ChatServer(in_order(calls("who_calls"), writes("I know.")))
    app.reply(answering(model_of(server), tools=[who_calls]))
    report = await pair.call(caller(ASKS, *LISTENS))
    (tool,) = server.exchanges[0].request["tools"]
    assert tool["function"]["parameters"]["properties"] == {}
    assert results(server, 1) == [report.from_]
