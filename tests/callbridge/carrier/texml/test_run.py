"""Documents carried out on calls, in virtual ticks of 20 ms; the customer's web is a table."""

import random

import numpy as np
import pytest

from callbridge.carrier.parts.sounds import ANNOUNCEMENT
from callbridge.carrier.people.steps import HangUp, Press, Wait
from callbridge.carrier.texml.part import MAX_DOCUMENTS, MAX_IN_A_ROW
from callbridge.errors import SettingsError
from tests.callbridge.carrier.line import media, tone, ulaw
from tests.callbridge.carrier.texml.texml_line import VOICE, TexmlLine

MENU = "http://app/texml/menu"
DONE = "http://app/texml/done"
RELAY = '<ConversationRelay url="ws://app/relay"/>'
STREAM = '<Stream url="ws://app/media" bidirectionalMode="rtp"/>'
PRESSES_1 = (Wait("answered"), Wait("bot_speaking", 0.1), Press("1"), Wait("hangup"))

# What the platform documents for a request that fetches instructions.
IN_EVERY_FETCH = {
    "AccountSid", "CallSid", "CallSidLegacy", "CallerId", "CallingPartyType",
    "From", "FromSipUri", "To", "ToSipUri", "ConnectionId",
}  # fmt: skip


EVERYTHING = b"""<?xml version="1.0" encoding="UTF-8"?>
<Response><Say loop="2">Hi &amp; bye</Say><Play digits="1w2"/><Pause length="1"/>
<Gather numDigits="1" timeout="1" action="menu" finishOnKey="#"><Say>Press</Say></Gather>
<Connect action="/done"><ConversationRelay url="wss://app/relay" dtmfDetection="true">
<Language code="de"/><Parameter name="a" value="b"/></ConversationRelay></Connect>
<Connect><Stream url="wss://app/media" bidirectionalMode="rtp"/></Connect>
<Redirect method="GET">next?a=1</Redirect><Reject reason="busy"/><Hangup/></Response>"""


def sounded_s(line: TexmlLine, call: str) -> float:
    """How long the caller heard anything."""
    bot = line.report(call).bot
    return float(np.count_nonzero(bot.reshape(-1, 160).any(axis=1))) * 0.02


# ---- one document after the other ---------------------------------------------------------------


def test_a_document_runs_to_its_end_and_the_call_is_hung_up() -> None:
    line = TexmlLine({VOICE: "<Say>Hello.</Say><Say>Good day.</Say>"})
    call = line.ring()
    line.until_ended(call)
    assert [note["text"] for note in line.notes(call, "texml says")] == ["Hello.", "Good day."]
    assert sounded_s(line, call) == pytest.approx(0.02 * 15, abs=0.021)
    assert line.report(call).hung_up_by == "bot"


def test_what_is_said_and_played_may_begin_with_the_announcement() -> None:
    line = TexmlLine({VOICE: "<Say>Hello.</Say><Play>hold.wav</Play>"}, announces=True)
    call = line.ring()
    line.until_ended(call)
    announcement_s = 0.02 * len(ANNOUNCEMENT.text)
    assert sounded_s(line, call) == pytest.approx(2 * announcement_s + 0.12 + 0.2, abs=0.05)


def test_the_document_is_asked_for_with_what_is_documented() -> None:
    line = TexmlLine({VOICE: "<Hangup/>"})
    call = line.ring(from_="+13125550123", to="+13125550177")
    [request] = line.fetched
    assert (request.url, request.method) == (VOICE, "POST")
    assert request.form.keys() >= IN_EVERY_FETCH
    assert request.form["CallSid"] == call
    assert (request.form["From"], request.form["To"]) == ("+13125550123", "+13125550177")
    assert request.form["CallStatus"] == "ringing"


def test_the_first_document_is_fetched_by_get_where_that_is_set() -> None:
    line = TexmlLine({VOICE: "<Hangup/>"}, voice_method="GET")
    line.ring()
    assert line.fetched[0].method == "GET"


def test_only_calls_to_its_numbers_are_led_by_documents() -> None:
    line = TexmlLine({VOICE: "<Hangup/>"}, numbers=frozenset({"+13125550177"}))
    line.ring(to="+13125550178")
    assert line.fetched == []
    line.ring(to="+13125550177")
    assert line.asked() == [VOICE]


def test_redirects_go_on_with_another_document_relative_to_the_first() -> None:
    pages = {
        VOICE: '<Redirect method="GET">other?a=1</Redirect><Say>Never said.</Say>',
        "http://app/texml/other": "<Redirect>/far</Redirect>",
        "http://app/far": "<Redirect>http://other/away</Redirect>",
        "http://other/away": "<Say>Hi.</Say>",
    }
    line = TexmlLine(dict(pages))
    call = line.ring()
    line.until_ended(call)
    assert [(request.url, request.method) for request in line.fetched] == [
        (VOICE, "POST"),
        ("http://app/texml/other?a=1", "GET"),
        ("http://app/far", "POST"),
        ("http://other/away", "POST"),
    ]
    assert [note["text"] for note in line.notes(call, "texml says")] == ["Hi."]


@pytest.mark.parametrize(
    ("verb", "cause", "sip"),
    [
        ("<Reject/>", "call_rejected", "603"),
        ('<Reject reason="busy"/>', "user_busy", "486"),
        ("<Hangup/>", "call_rejected", "603"),
    ],
)
def test_a_call_that_is_not_taken_is_never_answered(verb: str, cause: str, sip: str) -> None:
    line = TexmlLine({VOICE: verb})
    report = line.report(line.ring())
    assert (report.hangup_cause, report.answered_at_s) == (cause, None)
    assert line.told[-1]["SipHangupCause"] == sip


def test_nothing_is_sent_to_the_webhooks_of_other_calls() -> None:
    line = TexmlLine({VOICE: "<Say>Hi.</Say>"})
    line.until_ended(line.ring())
    assert line.deliveries == []


# ---- what is heard ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "seconds"),
    [
        ('<Say loop="3">Hello</Say>', 0.3),
        ("<Play>/files/a.wav</Play>", 0.2),
        ('<Play loop="2">/files/a.wav</Play>', 0.4),
        ("<Play>/files/nothing.mp3</Play>", 0.0),
        ('<Play digits="1w2"/>', 0.5),
        ("<Say> </Say>", 0.0),
    ],
)
def test_it_sounds_for_so_long(verb: str, seconds: float) -> None:
    line = TexmlLine({VOICE: verb})
    call = line.ring()
    line.until_ended(call)
    assert sounded_s(line, call) == pytest.approx(seconds, abs=0.025)


def test_an_endless_loop_ends_with_its_caller() -> None:
    line = TexmlLine({VOICE: '<Say loop="0">Please hold.</Say>'})
    call = line.ring(Wait("answered"), Wait("bot_speaking", 3.0), HangUp())
    line.until_ended(call)
    assert sounded_s(line, call) >= 3.0
    assert line.report(call).hung_up_by == "caller"


def test_a_pause_answers_and_is_silent() -> None:
    line = TexmlLine({VOICE: '<Pause length="2"/><Say>Hello</Say>'})
    call = line.ring()
    line.until_ended(call)
    assert line.seconds(call) == pytest.approx(2.1, abs=0.05)
    assert not line.report(call).bot[:15000].any()


def test_a_carrier_without_a_voice_says_so_on_the_tape() -> None:
    line = TexmlLine({VOICE: "<Say>Hello</Say>"}, speaks=False)
    call = line.ring()
    line.until_ended(call)
    assert "no voice" in line.notes(call, "texml not said")[0]["why"]


# ---- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "pressed", "digits"),
    [
        ('numDigits="2"', "123", "12"),
        ('maxDigits="3"', "12#", "12"),
        ('finishOnKey="*"', "1#2*", "1#2"),
        ('finishOnKey="" numDigits="3"', "1#2", "1#2"),
        ('timeout="1"', "4", "4"),
    ],
)
def test_keys_are_gathered_and_the_action_takes_over(
    attributes: str, pressed: str, digits: str
) -> None:
    gather = f'<Gather action="menu" {attributes}><Say>Press keys, please.</Say></Gather>'
    line = TexmlLine({VOICE: gather, MENU: "<Hangup/>"})
    call = line.ring(Wait("answered"), Wait("bot_speaking", 0.1), Press(pressed), Wait("hangup"))
    line.until_ended(call)
    assert line.asked() == [VOICE, MENU]
    assert line.fetched[-1].form["Digits"] == digits
    assert line.fetched[-1].form["CallStatus"] == "in-progress"


def test_the_first_key_cuts_the_prompt() -> None:
    long = "x" * 500  # ten seconds
    line = TexmlLine({VOICE: f'<Gather numDigits="1"><Say>{long}</Say></Gather>'})
    call = line.ring(*PRESSES_1)
    line.until_ended(call)
    assert sounded_s(line, call) < 1.0


@pytest.mark.parametrize("attributes", ['timeout="2"', 'timeout="2" minDigits="2"'])
def test_without_enough_keys_the_next_verb_runs(attributes: str) -> None:
    gather = f'<Gather action="menu" {attributes}><Say>Press.</Say></Gather><Say>Nothing.</Say>'
    line = TexmlLine({VOICE: gather})
    pressing = "minDigits" in attributes
    call = line.ring(*(PRESSES_1 if pressing else ()))
    line.until_ended(call)
    assert line.asked() == [VOICE]
    assert [note["text"] for note in line.notes(call, "texml says")] == ["Press.", "Nothing."]
    assert line.seconds(call) > 2.0


@pytest.mark.parametrize("input", ["speech", "dtmf speech"])
def test_what_is_said_is_gathered_and_cuts_the_prompt(input: str) -> None:
    prompt = "x" * 500  # ten seconds
    gather = f'<Gather input="{input}" action="menu"><Say>{prompt}</Say></Gather>'
    line = TexmlLine({VOICE: gather, MENU: "<Hangup/>"})
    line.understood = "two tickets"
    call = line.ring(Wait("answered"))
    line.tick(50)
    line.says(call, ms=1000)
    line.until_ended(call)
    assert line.fetched[-1].url == MENU
    assert line.fetched[-1].form["SpeechResult"] == "two tickets"
    assert "Digits" not in line.fetched[-1].form
    assert sounded_s(line, call) < 1.5
    assert 2.0 < line.seconds(call) < 3.5


def test_words_that_nobody_understands_are_no_answer() -> None:
    gather = '<Gather input="speech" timeout="3" action="menu"><Say>Yes?</Say></Gather>'
    line = TexmlLine({VOICE: gather})
    line.understood = ""
    call = line.ring(Wait("answered"))
    line.tick(20)
    line.says(call, ms=1000)
    line.until_ended(call)
    assert line.asked() == [VOICE]
    assert line.seconds(call) > 4.0, "time does not run while somebody speaks"


def test_the_first_key_closes_the_ear() -> None:
    gather = '<Gather input="dtmf speech" numDigits="2" action="menu"/>'
    line = TexmlLine({VOICE: gather, MENU: "<Hangup/>"})
    call = line.ring(Wait("answered"), Press("1"))
    line.tick(20)
    line.says(call, ms=1000)
    line.until_ended(call)
    assert line.asked() == [VOICE], "one key of two, and words that are none"


def test_where_speech_is_wanted_keys_are_not() -> None:
    line = TexmlLine({VOICE: '<Gather input="speech" numDigits="1" action="menu" timeout="2"/>'})
    call = line.ring(Wait("answered"), Press("1"), Wait("hangup", within_s=60))
    line.until_ended(call)
    assert line.asked() == [VOICE]


# ---- services -----------------------------------------------------------------------------------


def test_a_conversation_relay_is_connected_and_its_action_takes_over() -> None:
    noun = (
        '<ConversationRelay url="ws://app/relay?token=1" welcomeGreeting="Good day." '
        'welcomeGreetingInterruptible="none" dtmfDetection="true">'
        '<Parameter name="a" value="b"/></ConversationRelay>'
    )
    pages = {VOICE: f'<Connect action="done">{noun}</Connect>', DONE: "<Say>Bye.</Say>"}
    line = TexmlLine(dict(pages))
    call = line.ring(Wait("answered"), Wait("bot_speaking", 0.1), Press("5"), Wait("hangup"))
    line.tick(50)
    [setup] = line.got("setup")
    assert (setup["callSid"], setup["customParameters"]) == (call, {"a": "b"})
    assert line.opened[0].url == "ws://app/relay?token=1"
    assert line.got("dtmf") == [{"digit": "5"}]
    line.writes("text", token="One moment.", last=True)
    line.writes("end", handoffData='{"to":"sales"}')
    line.until_ended(call)
    said = [note["text"] for note in line.notes(call, "relay said")]
    assert said == ["Good day.", "One moment."]
    assert line.asked() == [VOICE, DONE]
    form = line.fetched[-1].form
    assert form.keys() >= {"AccountSid", "CallSid", "CallSidLegacy", "From", "To", "ConnectionId"}
    assert (form["HandoffData"], form["SessionStatus"]) == ('{"to":"sales"}', "ended")
    assert line.notes(call, "texml says")[-1]["text"] == "Bye."


def test_a_session_of_a_document_has_no_event_of_its_end() -> None:
    line = TexmlLine({VOICE: f"<Connect>{RELAY}</Connect>"})
    call = line.ring()
    line.tick(5)
    line.writes("end")
    line.until_ended(call)
    events = [note["event_type"] for note in line.notes(call, "webhook")]
    assert events == ["call.initiated", "call.answered", "call.hangup"]


@pytest.mark.parametrize("noun", [RELAY, STREAM])
def test_without_an_action_the_next_verb_runs(noun: str) -> None:
    line = TexmlLine({VOICE: f"<Connect>{noun}</Connect><Say>Bye.</Say>"})
    call = line.ring()
    line.tick(10)
    line.switch.stream_closed(line.opened[0].stream_id, line.now)
    line.until_ended(call)
    assert line.asked() == [VOICE]
    assert [note["text"] for note in line.notes(call, "texml says")] == ["Bye."]


@pytest.mark.parametrize("noun", [RELAY, STREAM])
def test_a_service_that_cannot_be_reached_has_failed(noun: str) -> None:
    line = TexmlLine({VOICE: f'<Connect action="done">{noun}</Connect>', DONE: "<Hangup/>"})
    line.connects = False
    call = line.ring()
    line.tick(3)
    line.switch.stream_failed(line.opened[0].stream_id, "refused", line.now)
    line.until_ended(call)
    assert line.fetched[-1].url == DONE
    assert line.fetched[-1].form["SessionStatus"] == "failed"


def test_a_stream_is_heard_by_its_caller_and_carries_its_parameters() -> None:
    noun = STREAM.replace("/>", '><Parameter name="a" value="b"/></Stream>')
    line = TexmlLine({VOICE: f"<Connect>{noun}</Connect>"})
    call = line.ring()
    line.tick(3)
    start = next(frame for frame in line.frames if frame["event"] == "start")
    assert start["start"]["custom_parameters"] == {"a": "b"}
    line.send(media(ulaw(tone(200))))
    line.tick(20)
    assert sounded_s(line, call) == pytest.approx(0.2)


def test_a_media_stream_in_the_place_of_a_document_is_connected_at_once() -> None:
    address = "ws://app/media?bot=1&voice=2"
    line = TexmlLine({}, voice_url=address)
    call = line.ring()
    line.tick(3)
    assert line.fetched == []
    assert line.opened[0].url == address
    line.send(media(ulaw(tone(200))))
    line.tick(20)
    assert sounded_s(line, call) == pytest.approx(0.2)
    line.switch.stream_closed(line.opened[0].stream_id, line.now)
    line.until_ended(call)
    assert line.report(call).hung_up_by == "bot"


def test_only_the_first_address_may_be_a_media_stream() -> None:
    with pytest.raises(SettingsError, match="is no address of TeXML"):
        TexmlLine({}, status_url="ws://app/status")


@pytest.mark.parametrize("answer", ["", "<Response/>"])
def test_an_action_without_a_document_ends_the_call(answer: str) -> None:
    line = TexmlLine(
        {VOICE: f'<Connect action="done">{RELAY}</Connect><Say>No.</Say>', DONE: answer}
    )
    call = line.ring()
    line.tick(5)
    line.writes("end")
    line.until_ended(call)
    assert line.notes(call, "texml says") == []


def test_commands_work_on_a_call_that_documents_lead() -> None:
    line = TexmlLine({VOICE: f'<Connect action="done">{RELAY}</Connect>'})
    call = line.ring()
    line.tick(5)
    assert line.request("GET", f"/v2/calls/{call}").body["data"]["is_alive"] is True  # type: ignore[index]
    assert line.command(call, "hangup").status == 200
    assert line.report(call).hung_up_by == "bot"
    line.tick(5)
    assert line.asked() == [VOICE], "nobody asks how a call goes on that is over"


def test_a_relay_that_is_stopped_by_command_lets_the_document_go_on() -> None:
    line = TexmlLine({VOICE: f'<Connect action="done">{RELAY}</Connect>', DONE: "<Hangup/>"})
    call = line.ring()
    line.tick(5)
    assert line.command(call, "conversation_relay_stop").status == 200
    line.until_ended(call)
    assert line.asked() == [VOICE, DONE]


# ---- what goes wrong ----------------------------------------------------------------------------


def test_the_fallback_is_asked_when_the_first_address_fails() -> None:
    line = TexmlLine({VOICE: 503, "http://spare/": "<Say>Hi.</Say>"}, fallback_url="http://spare/")
    call = line.ring()
    line.until_ended(call)
    assert line.asked() == [VOICE, "http://spare/"]
    assert line.failures(call) == ["HTTP 503"]


def test_a_call_without_a_document_is_rejected() -> None:
    line = TexmlLine({VOICE: 503}, fallback_url="http://spare/")
    report = line.report(call := line.ring())
    assert (report.hangup_cause, report.answered_at_s) == ("call_rejected", None)
    assert line.failures(call) == ["HTTP 503", "HTTP 404"]


def test_an_action_that_fails_ends_the_call() -> None:
    line = TexmlLine({VOICE: '<Gather numDigits="1" action="menu"><Say>Press.</Say></Gather>'})
    call = line.ring(*PRESSES_1)
    line.until_ended(call)
    assert line.failures(call) == ["HTTP 404"]
    assert line.report(call).hangup_cause == "normal_clearing"


def test_a_document_that_cannot_be_read_ends_the_call_with_its_place_on_the_tape() -> None:
    line = TexmlLine({VOICE: "<Response>\n<Say>Hello</Response>"})
    call = line.ring()
    assert line.failures(call) == ["line 2, column 13: mismatched tag"]
    assert call in line.finished


def test_a_document_that_leads_to_itself_is_left_after_a_while() -> None:
    line = TexmlLine({VOICE: "<Redirect>start</Redirect>"})
    call = line.ring()
    assert len(line.fetched) == MAX_IN_A_ROW
    assert "documents in a row" in line.failures(call)[-1]
    assert call in line.finished


def test_a_gather_that_is_its_own_action_ends_with_its_keys() -> None:
    gather = '<Gather numDigits="1" action="start" timeout="1"><Say>Press.</Say></Gather>'
    line = TexmlLine({VOICE: gather})
    keys = "1" * (MAX_IN_A_ROW + 5)
    call = line.ring(Wait("answered"), Press(keys), Wait("hangup"))
    line.until_ended(call)
    assert MAX_IN_A_ROW < len(line.fetched) <= len(keys) + 1
    assert line.failures(call) == []


def test_even_with_verbs_that_take_no_time_a_loop_has_an_end() -> None:
    line = TexmlLine({VOICE: "<Play>/files/nothing</Play><Redirect>start</Redirect>"})
    call = line.ring()
    line.until_ended(call, ticks=4 * MAX_DOCUMENTS)
    assert len(line.fetched) == MAX_DOCUMENTS
    assert "more than 1000 documents" in line.failures(call)[-1]


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://app/a", "javascript:1", "http://["]
)
def test_only_the_web_is_asked_for_documents(target: str) -> None:
    line = TexmlLine({VOICE: f"<Redirect>{target}</Redirect>"})
    call = line.ring()
    assert line.asked() == [VOICE]
    assert line.failures(call) == [f"{target!r} is no address of a document"]


def test_a_sound_without_a_possible_address_is_left_out() -> None:
    line = TexmlLine({VOICE: "<Play>http://[</Play><Say>Hi.</Say>"})
    call = line.ring()
    line.until_ended(call)
    assert len(line.notes(call, "texml not heard")) == 1
    assert line.notes(call, "texml says") == [{"text": "Hi."}]


@pytest.mark.parametrize("seed", range(200))
def test_whatever_a_document_is_the_call_ends_and_the_carrier_does_not(seed: int) -> None:
    line = TexmlLine({VOICE: mutilated(EVERYTHING, random.Random(seed))})
    call = line.ring(Wait("answered"), Press("1"), Wait("hangup", within_s=5))
    line.until_ended(call)


def mutilated(document: bytes, chance: random.Random) -> bytes:
    """With octets changed, left out, and put where they do not belong."""
    body = bytearray(document)
    for _ in range(chance.randint(1, 6)):
        at, other = chance.randrange(len(body)), chance.randrange(len(body))
        match chance.randrange(3):
            case 0:
                body[at] = chance.randrange(256)
            case 1:
                del body[at : at + chance.randint(1, 30)]
            case _:
                body[at:at] = body[other : other + chance.randint(1, 60)]
    return bytes(body)


def test_an_answer_that_comes_after_the_end_is_of_no_use() -> None:
    line = TexmlLine({VOICE: "<Say>Hello</Say>"})
    line.answers = False
    call = line.ring(HangUp())
    line.tick(3)
    assert call in line.finished
    line.answers = True
    line.settle()
    assert line.notes(call, "texml document") == []


# ---- status callbacks ---------------------------------------------------------------------------


def test_the_application_is_told_of_the_beginning_the_answer_and_the_end() -> None:
    line = TexmlLine({VOICE: "<Pause/>"})
    call = line.ring()
    line.until_ended(call)
    assert [form["CallStatus"] for form in line.told] == ["initiated", "in-progress", "completed"]
    assert [form["SequenceNumber"] for form in line.told] == ["0", "1", "2"]
    for form in line.told:
        assert form["CallSid"] == call
        assert form["CallbackSource"] == "call-progress-events"
        assert form["Timestamp"].endswith("Z")
    assert line.told[-1]["HangupCause"] == "normal_clearing"
    assert line.told[-1]["HangupSource"] == "callee"


@pytest.mark.parametrize(
    ("document", "status"),
    [('<Reject reason="busy"/>', "busy"), ("<Reject/>", "failed"), ("<Hangup/>", "failed")],
)
def test_the_last_status_says_how_a_call_that_was_not_answered_ended(
    document: str, status: str
) -> None:
    line = TexmlLine({VOICE: document})
    line.ring()
    assert line.told[-1]["CallStatus"] == status


def test_addresses_are_checked_when_the_carrier_starts() -> None:
    with pytest.raises(SettingsError, match="'spare' is no address of TeXML"):
        TexmlLine({}, fallback_url="spare")
    with pytest.raises(SettingsError, match="'ftp://a/' is no address of TeXML"):
        TexmlLine({}, status_url="ftp://a/")
