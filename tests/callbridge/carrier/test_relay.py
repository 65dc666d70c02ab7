"""Conversation Relay, the platform's side: the customer's frames are JSON, written by hand."""

import json
import random
from typing import Any

import pytest

from callbridge.carrier.api.relay import StartRelay
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.script import CallScript, Play, Press, Wait
from callbridge.host.audiofile import Clip
from tests.callbridge.carrier.line import STAY, Line, codes, data, tone
from tests.callbridge.carrier.relay_line import URL, RelayLine
from tests.callbridge.carrier.test_robustness import mangled

BOB = "+13125550199"


# ---- the beginning ------------------------------------------------------------------------------


def test_the_first_frame_is_setup_and_comes_once() -> None:
    line = RelayLine()
    call = line.relaying(custom_parameters={"customer": "7", "tier": 3})
    line.tick(50)
    [setup] = line.got("setup")
    leg = line.switch.find(call)
    assert leg is not None
    assert setup == {
        "sessionId": line.opened[0].stream_id,
        "callControlId": call,
        "callSid": call,
        "accountSid": line.config.user_id,
        "callSessionId": leg.identity.call_session_id,
        "callLegId": leg.identity.call_leg_id,
        "from": "+13125550123",
        "to": "+13125550100",
        "direction": "inbound",
        "callerName": "",
        "callStatus": "active",
        "customParameters": {"customer": "7", "tier": 3},
    }
    assert line.frames[0]["type"] == "setup"


def test_the_answer_to_the_start_names_the_session() -> None:
    line = RelayLine()
    call = line.ring()
    line.command(call, "answer")
    answer = data(line.command(call, "conversation_relay_start", url=URL, command_id="1"))
    assert answer == {"result": "ok", "conversation_relay_id": line.opened[0].stream_id}
    again = line.command(call, "conversation_relay_start", url=URL, command_id="1")
    assert data(again) == answer
    assert len(line.opened) == 1


def test_of_three_urls_the_first_that_is_given_counts() -> None:
    sources: dict[str, object] = {
        "url": "wss://first.example/",
        "conversation_relay_url": "wss://second.example/",
        "conversation_relay_settings": {"url": "wss://third.example/"},
    }
    for name in list(sources):
        line = RelayLine()
        line.relaying(**({"url": None} | sources))
        wanted = sources.pop(name)
        assert line.opened[0].url == (wanted["url"] if isinstance(wanted, dict) else wanted)


def test_a_start_without_a_url_or_with_a_wrong_one_is_refused() -> None:
    line = RelayLine()
    call = line.ring()
    line.command(call, "answer")
    start = "conversation_relay_start"
    assert codes(line.command(call, start)) == [("10004", "/url")]
    assert codes(line.command(call, start, url="http://x/")) == [("10003", "/url")]
    settings = {"url": "http://x/"}
    refused = line.command(call, start, conversation_relay_settings=settings)
    assert codes(refused) == [("10003", "/url")]
    refused = line.command(call, start, conversation_relay_settings={"dtmf_detection": True})
    assert codes(refused) == [("10004", "/conversation_relay_settings/url")]


def test_a_provider_comes_with_its_settings() -> None:
    line = RelayLine()
    call = line.ring()
    line.command(call, "answer")
    start = "conversation_relay_start"
    refused = line.command(call, start, url=URL, provider="aws")
    assert codes(refused) == [("10004", "/structured_provider")]
    refused = line.command(call, start, url=URL, structured_provider={"voice": "x"})
    assert codes(refused) == [("10004", "/provider")]
    data(line.command(call, start, url=URL, provider="aws", structured_provider={"voice": "x"}))
    line.command(call, "conversation_relay_stop")
    assert line.payload("call.conversation.ended")["tts_provider"] == "aws"


def test_what_is_not_simulated_is_on_the_tape() -> None:
    line = RelayLine()
    call = line.relaying(voice="Azure.en-CA-ClaraNeural", languages=[{"language": "de"}])
    [*_, command] = [entry for entry in line.report(call).tape if entry.kind == "command"]
    assert command.detail == {
        "action": "conversation_relay_start",
        "not_simulated": ["languages", "voice"],
    }


def test_a_wideband_leg_hears_and_speaks_at_its_own_rate() -> None:
    line = Line(converses=True)
    call = line.ring(Wait("streaming"), Play(Clip(tone(300, 16000), 16000)), *STAY, codec="L16")
    config = {"url": URL, "greeting": "Hello."}
    line.command(call, "answer", conversation_relay_config=config)
    line.tick(60)
    assert [order.sample_rate for order in line.to_say] == [16000]
    assert [wish.sample_rate for wish in line.to_recognise] == [16000]
    assert len(line.to_recognise[0].pcm) == pytest.approx((0.3 + 0.64 + 0.1) * 16000, rel=0.2)


def test_a_second_session_on_a_call_is_refused() -> None:
    line = RelayLine()
    call = line.relaying()
    refused = line.command(call, "conversation_relay_start", url=URL)
    assert refused.status == 422
    assert codes(refused) == [("90061", None)]


def test_a_carrier_that_cannot_listen_says_so_at_once() -> None:
    deaf = Line()
    call = deaf.ring()
    refused = deaf.command(call, "answer", conversation_relay_config={"url": URL})
    assert codes(refused) == [("10027", None)]
    assert "callbridge[speech]" in str(refused.body)


def test_an_answer_brings_its_session_along() -> None:
    line = RelayLine()
    call = line.ring()
    config = {"url": URL, "greeting": "Hello.", "dtmf_detection": True, "tts_language": "ignored"}
    data(line.command(call, "answer", conversation_relay_config=config))
    assert line.got("setup")[0]["callControlId"] == call
    line.tick(30)
    assert line.heard_ms(call) == pytest.approx(7 * 50, abs=20)


def test_a_dialled_call_has_its_session_when_it_is_answered() -> None:
    numbers: Any = {BOB: CallScript(steps=STAY)}
    line = RelayLine(
        config=CarrierConfig(webhook_url="http://app/hooks", numbers=numbers, ring_s=0.5)
    )
    line.dial(BOB, conversation_relay_config={"url": URL})
    line.tick(10)
    assert not line.opened
    line.tick(20)
    [setup] = line.got("setup")
    assert (setup["direction"], setup["from"], setup["to"]) == ("outbound", "+13125550100", BOB)


# ---- speaking -----------------------------------------------------------------------------------


def test_the_greeting_is_spoken_before_anything_else() -> None:
    line = RelayLine()
    call = line.relaying(greeting="Hi there.")
    line.writes("text", token="Bye.", last=True)
    line.tick(60)
    assert said(line, call) == ["Hi there.", "Bye."]
    assert line.heard_ms(call) == pytest.approx((10 + 5) * 50, abs=20)


def test_a_sentence_is_spoken_before_the_turn_is_over() -> None:
    line = RelayLine()
    call = line.relaying()
    for token in ("How", " are", " you", "?", " I"):
        line.writes("text", token=token)
    line.tick(20)
    assert line.heard_ms(call) == 20 * 20
    line.tick(40)
    assert said(line, call) == ["How are you?"]
    line.writes("text", token=" am well")
    line.tick(40)
    assert said(line, call) == ["How are you?"]
    line.writes("text", token="", last=True)
    line.tick(40)
    assert said(line, call) == ["How are you?", "I am well"]


def test_texts_wait_for_each_other() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="One.", last=True)
    line.writes("text", token="Two.", last=True)
    line.tick(15)
    assert said(line, call) == ["One."]
    line.tick(20)
    assert said(line, call) == ["One.", "Two."]


def test_a_long_text_is_synthesised_a_few_sentences_ahead() -> None:
    line = RelayLine()
    call = line.relaying()
    asked: list[str] = []
    line.on_say = asked.append
    line.writes("text", token="".join(f"Number {n}. " for n in range(100)), last=True)
    assert asked == ["Number 0. ", "Number 1. ", "Number 2. ", "Number 3. "]
    line.tick(100)
    assert len(asked) < 10
    assert said(line, call) == [f"Number {n}." for n in range(3)]


def test_a_number_is_not_cut_at_its_point() -> None:
    line = RelayLine()
    call = line.relaying()
    for token in ("It costs 3", ".", "50", " today.", " Fine"):
        line.writes("text", token=token)
    line.tick(80)
    assert said(line, call) == ["It costs 3.50 today."]


def test_a_sound_file_is_fetched_and_played_in_its_place() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="Listen.", last=True)
    line.writes("play", source="http://files.example/ding.wav", loop=2)
    line.writes("text", token="Nice.", last=True)
    [wish] = line.to_fetch
    assert (wish.url, wish.sample_rate) == ("http://files.example/ding.wav", 8000)
    line.tick(30)
    assert said(line, call) == ["Listen."]
    line.switch.fetched(wish.sound_id, tone(200), line.now)
    line.tick(40)
    assert said(line, call) == ["Listen.", "", "Nice."]
    assert line.heard_ms(call) == 8 * 50 + 2 * 200 + 6 * 50


def test_what_comes_next_takes_the_place_of_a_preemptible_sound() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("play", source="http://files.example/music.wav", preemptible=True)
    line.switch.fetched(line.to_fetch[0].sound_id, tone(5000), line.now)
    line.tick(10)
    line.writes("text", token="Here I am.", last=True)
    line.tick(40)
    assert said(line, call) == ["Here I am."]


def test_a_sound_that_cannot_be_fetched_is_told_and_holds_up_nothing() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("play", source="http://files.example/gone.wav")
    line.writes("text", token="So.", last=True)
    line.switch.fetched(line.to_fetch[0].sound_id, None, line.now, "404")
    line.settle()
    line.tick(20)
    assert line.got("error") == [{"description": "Could not play: 404"}]
    assert said(line, call) == ["So."]


def test_digits_sound_at_the_callers() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("sendDigits", digits="1w2")
    line.tick(60)
    assert line.heard_ms(call) == pytest.approx(2 * 250, abs=20)


# ---- listening ----------------------------------------------------------------------------------


def test_the_caller_is_understood_when_they_have_finished() -> None:
    line = RelayLine()
    line.understood = "two tickets, please"
    call = line.relaying()
    line.says(call, 600)
    line.tick(30)
    assert line.got("prompt") == []
    line.tick(40)
    assert line.got("prompt") == [
        {"voicePrompt": "two tickets, please", "lang": "en", "last": True}
    ]


def test_long_speech_has_interim_prompts() -> None:
    line = RelayLine()
    call = line.relaying()
    line.says(call, 2500)
    line.understood = "two"
    line.tick(60)
    line.understood = "two tickets"
    line.tick(60)
    line.understood = "two tickets, please"
    line.tick(100)
    prompts = [(each["voicePrompt"], each["last"]) for each in line.got("prompt")]
    assert prompts == [("two", False), ("two tickets", False), ("two tickets, please", True)]


def test_interim_prompts_can_be_left_out() -> None:
    line = RelayLine()
    call = line.relaying(transcription_engine_config={"interim_results": False})
    line.says(call, 3000)
    line.tick(220)
    assert [each["last"] for each in line.got("prompt")] == [True]


def test_speech_that_was_told_of_is_ended_even_if_its_end_is_not_understood() -> None:
    line = RelayLine()
    call = line.relaying()
    line.says(call, 2500)
    line.understood = "two tickets"
    line.tick(100)
    line.understood = ""
    line.tick(120)
    prompts = [(each["voicePrompt"], each["last"]) for each in line.got("prompt")]
    assert prompts == [("two tickets", False), ("two tickets", True)]


def test_noise_without_words_is_no_prompt() -> None:
    line = RelayLine()
    line.understood = ""
    call = line.relaying()
    line.says(call, 2000)
    line.tick(150)
    assert line.got("prompt") == []


def test_a_switched_language_is_that_of_the_next_prompt() -> None:
    line = RelayLine()
    call = line.relaying(language="en-US")
    line.writes("language", ttsLanguage="de-DE", transcriptionLanguage="de-DE")
    line.says(call)
    line.tick(80)
    assert line.got("prompt")[0]["lang"] == "de-DE"


def test_keys_are_told_when_that_is_asked_for() -> None:
    for asked in ({"dtmf_detection": True}, {"conversation_relay_dtmf_detection": True}):
        line = RelayLine()
        line.relaying(Wait("streaming"), Press("5#"), *STAY, **asked)
        line.tick(40)
        assert line.got("dtmf") == [{"digit": "5"}, {"digit": "#"}]
    line = RelayLine()
    settings = {"url": URL, "dtmf_detection": True}
    line.relaying(
        Wait("streaming"), Press("5"), *STAY,
        dtmf_detection=False, conversation_relay_settings=settings,
    )  # fmt: skip
    line.tick(40)
    assert line.got("dtmf") == []


# ---- interrupting -------------------------------------------------------------------------------


def test_who_is_interrupted_learns_what_was_heard_to_the_word() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="One two three. Four five six seven eight nine ten.", last=True)
    line.tick(70)  # 1.4 s: fifteen letters are 750 ms, "Four five six " are 700 more
    line.says(call)
    line.tick(10)
    [interrupt] = line.got("interrupt")
    assert interrupt["utteranceUntilInterrupt"] == "One two three. Four five six"
    assert interrupt["durationUntilInterruptMs"] == pytest.approx(1500, abs=40)
    before = line.heard_ms(call)
    line.tick(100)
    assert line.heard_ms(call) <= before + 20
    assert [each["last"] for each in line.got("prompt")] == [True]


def test_a_voice_that_does_not_time_its_words_is_cut_by_its_letters() -> None:
    line = RelayLine()
    call = line.relaying(greeting="x")
    line.tick(10)
    line.writes("text", token="", last=True)
    send = json.dumps({"type": "text", "token": "aaaa bbbb cccc dddd", "last": True})
    line.switch.stream_received(line.opened[0].stream_id, send, line.now)
    [order] = [each for each in line.switch.effects() if hasattr(each, "text")]
    line.switch.spoken(order.sound_id, [(order.text, tone(1900))], line.now)  # type: ignore[union-attr]
    line.tick(60)
    line.says(call)
    line.tick(10)
    assert line.got("interrupt")[0]["utteranceUntilInterrupt"] == "aaaa bbbb"


ALLOWED = {"none": (), "any": ("speech", "dtmf"), "speech": ("speech",), "dtmf": ("dtmf",)}


@pytest.mark.parametrize("by", ["speech", "dtmf"])
@pytest.mark.parametrize("mode", ALLOWED)
@pytest.mark.parametrize("what", ["greeting", "text"])
def test_what_interrupts_what(what: str, mode: str, by: str) -> None:
    other = "any" if mode == "none" else "none"
    line = RelayLine()
    names = ("interruptible", "interruptible_greeting")
    text, greeting = names if what == "text" else reversed(names)
    call = line.relaying(
        greeting="Hello." if what == "greeting" else "", **{text: mode, greeting: other}
    )
    if what == "text":
        line.writes("text", token="Hello.", last=True)
    line.tick(5)
    if by == "speech":
        line.says(call, 160)
        line.tick(8)
    else:
        leg = line.switch.find(call)
        assert leg is not None
        assert leg.scripted is not None
        leg.scripted.carry_on((Press("1"),))
        line.tick(8)
    assert bool(line.got("interrupt")) is (by in ALLOWED[mode])


@pytest.mark.parametrize(
    ("params", "text", "greeting"),
    [
        ({}, "any", "any"),
        ({"interruption_settings": {"enable": False}}, "none", "none"),
        (
            {"interruption_settings": {"enable": False, "interruptible": "dtmf"}},
            "dtmf",
            "none",
        ),
        (
            {"interruption_settings": {"welcome_greeting_interruptible": "speech"}},
            "any",
            "speech",
        ),
        (
            {
                "interruption_settings": {"interruptible": "none"},
                "conversation_relay_settings": {"url": URL, "interruptible": "speech"},
            },
            "speech",
            "any",
        ),
        (
            {
                "interruptible": "dtmf",
                "interruptible_greeting": "none",
                "conversation_relay_settings": {
                    "url": URL,
                    "interruptible": "speech",
                    "interruptible_greeting": "any",
                },
            },
            "dtmf",
            "none",
        ),
    ],
)
def test_the_nearest_word_on_interruptions_counts(
    params: dict[str, object], text: str, greeting: str
) -> None:
    found = StartRelay.read({"url": URL} | params).params()
    assert (found.interruptible, found.interruptible_greeting) == (text, greeting)


def test_one_beginning_of_speech_interrupts_once() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="A long sentence that goes on. ")
    line.tick(10)
    line.says(call, 2000)
    line.tick(20)
    line.writes("text", token="And another. ")
    line.tick(20)
    line.writes("text", token="And yet another. ")
    line.tick(20)
    assert len(line.got("interrupt")) == 1


def test_what_must_be_heard_stays_when_the_rest_is_cut() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="You may interrupt this.", last=True)
    line.writes("play", source="http://files.example/notice.wav", interruptible=False)
    line.switch.fetched(line.to_fetch[0].sound_id, tone(1000), line.now)
    line.tick(10)
    line.says(call)
    line.tick(80)
    assert len(line.got("interrupt")) == 1
    assert line.heard_ms(call) == pytest.approx(300 + 1000, abs=60)


def test_an_interruption_before_the_first_sound_is_told_as_well() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="Half a sent")
    line.says(call)
    line.tick(10)
    assert line.got("interrupt") == [{"utteranceUntilInterrupt": "", "durationUntilInterruptMs": 0}]
    line.writes("text", token="New.", last=True)
    line.tick(40)
    assert said(line, call) == ["New."]


def test_the_line_echo_interrupts_nobody() -> None:
    line = RelayLine()
    call = line.ring(*STAY, echo=EchoPath(db=-10.0, delay_s=0.1))
    line.command(call, "answer", conversation_relay_config={"url": URL})
    line.writes("text", token="I hear nothing of myself.", last=True)
    line.tick(150)
    assert said(line, call) == ["I hear nothing of myself."]
    assert line.got("interrupt") == line.got("prompt") == []


# ---- frames that are none -----------------------------------------------------------------------

GOOD: list[dict[str, object]] = [
    {"type": "text", "token": "Hello. ", "last": False},
    {"type": "play", "source": "http://x/y.wav", "loop": 1, "interruptible": True},
    {"type": "sendDigits", "digits": "1w2#"},
    {"type": "language", "ttsLanguage": "de", "transcriptionLanguage": "de-DE"},
]
BAD = {
    '{"type":"text"}': "missing required field: token",
    '{"type":"text","token":null}': "missing required field: token",
    '{"type":"play","loop":1}': "missing required field: source",
    '{"type":"sendDigits"}': "missing required field: digits",
    '{"token":"x"}': "missing required field: type",
    '{"type":"txet","token":"x"}': "unknown type: txet",
    '{"type":"prompt","voicePrompt":"x"}': "unknown type: prompt",
    '{"type":7}': "unknown type: 7",
    '{"type":"text","token":5}': "Expected `str`, got `int` - at `$.token`",
    '{"type":"text","token":"x","last":"true"}': "Expected `bool`, got `str` - at `$.last`",
    '{"type":"play","source":"http://x/","loop":0}': "loop is at least 1",
    '{"type":"play","source":"file:///etc/passwd"}': "source is an http or https URL",
    '{"type":"sendDigits","digits":"12x"}': "digits are 0-9 A-D w W # *, not '12x'",
    '{"type":"language"}': "a language frame names a language to speak or to hear",
    "[]": "not a JSON object",
}


@pytest.mark.parametrize(("message", "why"), BAD.items())
def test_a_bad_frame_is_answered_with_what_is_wrong(message: str, why: str) -> None:
    line = RelayLine()
    line.relaying()
    line.send(message)
    assert line.got("error") == [{"description": f"Invalid message: {why}"}]
    assert "close" not in line.log


def test_ten_thousand_malformed_frames_leave_the_session_working() -> None:
    rng = random.Random(7)
    config = CarrierConfig(webhook_url="http://app/hooks", relay_bad_frames=1_000_000)
    line = RelayLine(config=config)
    call = line.relaying()
    samples = [json.dumps(each) for each in GOOD]
    for _ in range(10_000):
        text = mangled(rng, rng.choice(samples))
        line.switch.stream_received(line.opened[0].stream_id, text, line.now)
        line.switch.effects()
    assert line.report(call).stream_errors > 5000
    line.command(call, "conversation_relay_stop")
    line.command(call, "conversation_relay_start", url=URL)
    line.writes("text", token="Still here.", last=True)
    line.tick(40)
    assert said(line, call)[-1] == "Still here."


def test_what_is_no_json_at_all_is_answered_too() -> None:
    line = RelayLine()
    line.relaying()
    line.send("hello")
    line.send(b"\x00\x01")
    line.send("[" * 100_000)
    line.send('{"type":"text","token":"\ud800"}')
    assert all(each["description"].startswith("Invalid message: ") for each in line.got("error"))
    assert len(line.got("error")) >= 3


def test_fields_that_other_vendors_have_are_ignored() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="Fine.", last=True, lang="en", interruptible=True)
    line.tick(20)
    assert line.got("error") == []
    assert said(line, call) == ["Fine."]


def test_ten_bad_frames_in_a_row_close_the_socket() -> None:
    line = RelayLine()
    call = line.relaying()
    for _ in range(9):
        line.writes("nonsense")
    line.writes("text", token="A good one.", last=True)
    for _ in range(9):
        line.writes("nonsense")
    assert "close" not in line.log
    line.writes("nonsense")
    assert line.log[-3:] == ["error", "close", "call.conversation.ended"]
    assert line.payload("call.conversation.ended")["reason"] == "too_many_errors"
    assert line.report(call).state == "answered"


# ---- the end ------------------------------------------------------------------------------------


def test_a_socket_that_the_customer_closes_ends_the_session_and_not_the_call() -> None:
    line = RelayLine()
    call = line.relaying(client_state="aGk=", voice="AWS.Polly.Joanna")
    line.says(call)
    line.tick(60)
    line.writes("text", token="One. Two. ")
    line.tick(15)
    line.switch.stream_closed(line.opened[0].stream_id, line.now)
    line.settle()
    assert line.payload("call.conversation.ended") | {"messages": []} == {
        "call_control_id": call,
        "call_leg_id": line.payload("call.answered")["call_leg_id"],
        "call_session_id": line.payload("call.answered")["call_session_id"],
        "calling_party_type": "pstn",
        "client_state": "aGk=",
        "connection_id": line.config.connection_id,
        "conversation_id": line.opened[0].stream_id,
        "duration_sec": 1,
        "from": "+13125550123",
        "messages": [],
        "reason": "customer_disconnect",
        "stt_model": "Google",
        "to": "+13125550100",
        "tts_provider": "aws",
        "tts_voice_id": "AWS.Polly.Joanna",
    }
    messages = line.payload("call.conversation.ended")["messages"]
    assert [(each["role"], each["content"]) for each in messages] == [
        ("user", "hello"),
        ("assistant", "One."),
    ]
    assert line.events[-1]["created_at"] == line.events[-1]["occurred_at"]
    assert line.report(call).state == "answered"
    heard = line.heard_ms(call)
    line.tick(50)
    assert line.heard_ms(call) == heard
    assert len(line.opened) == 1
    assert line.command(call, "conversation_relay_start", url=URL).status == 200


def test_an_end_is_obeyed_when_all_is_said() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="Good bye.", last=True)
    line.writes("end", handoffData='{"reason":"agent"}')
    line.writes("text", token="Not said.", last=True)
    line.tick(10)
    assert "close" not in line.log
    line.tick(40)
    assert said(line, call) == ["Good bye."]
    assert line.log[-2:] == ["close", "call.conversation.ended"]
    assert line.payload("call.conversation.ended")["reason"] == "customer_ended"
    [asked] = [entry for entry in line.report(call).tape if entry.kind == "relay end asked"]
    assert asked.detail == {"handoff_data": '{"reason":"agent"}'}
    assert line.report(call).state == "answered"


def test_a_stop_ends_it_at_once() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="A sentence that is cut.", last=True)
    line.tick(20)
    data(line.command(call, "conversation_relay_stop"))
    assert line.log[-2:] == ["close", "call.conversation.ended"]
    assert line.payload("call.conversation.ended")["reason"] == "stopped"
    line.tick(20)
    assert line.heard_ms(call) == 400
    assert codes(line.command(call, "conversation_relay_stop")) == [("90102", None)]


def test_a_caller_who_hangs_up_in_the_middle_of_a_sentence() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="A sentence that is cut.", last=True)
    line.tick(30)
    line.switch.hang_up(call, line.now)
    line.settle()
    assert line.log[-3:] == ["close", "call.conversation.ended", "call.hangup"]
    ended = line.payload("call.conversation.ended")
    assert ended["reason"] == "call_hangup"
    assert [each["content"] for each in ended["messages"]] == ["A sentence"]
    line.writes("text", token="Nobody is there.", last=True)
    line.tick(10)


def test_a_call_that_ends_before_it_is_answered_never_had_a_session() -> None:
    numbers: Any = {BOB: "busy"}
    line = RelayLine(config=CarrierConfig(webhook_url="http://app/hooks", numbers=numbers))
    line.dial(BOB, conversation_relay_config={"url": URL})
    line.tick(60)
    assert line.event_types() == ["call.initiated", "call.hangup"]


def test_a_socket_that_cannot_be_opened_is_told() -> None:
    line = RelayLine(connects=False)
    call = line.relaying()
    line.switch.stream_failed(line.opened[0].stream_id, "refused", line.now)
    line.settle()
    assert line.payload("call.conversation.ended")["reason"] == "connection_failed"
    assert line.payload("call.conversation.ended")["duration_sec"] == 0
    assert line.report(call).state == "answered"


def test_what_the_engines_answer_after_the_end_is_dropped() -> None:
    line = RelayLine()
    call = line.relaying()
    line.says(call)
    line.tick(20)
    line.writes("play", source="http://files.example/late.wav")
    line.command(call, "hangup")
    line.switch.fetched(line.to_fetch[0].sound_id, None, line.now, "gone")
    line.switch.recognised(line.opened[0].stream_id, "late", line.now)
    line.switch.spoken("unknown", None, line.now)
    line.settle()
    assert line.got("prompt") == line.got("error") == []


def said(line: RelayLine, call: str) -> list[str]:
    """Sentences and sounds that were heard to their end."""
    return [
        str(entry.detail["text"]) for entry in line.report(call).tape if entry.kind == "relay said"
    ]


# ---- a caller who writes ------------------------------------------------------------------------


def test_what_is_typed_is_taken_as_said_and_understood() -> None:
    line = RelayLine()
    call = line.relaying(language="de")
    line.switch.typed(call, "zwei", line.now, last=False)
    line.switch.typed(call, "zwei Karten", line.now)
    line.settle()
    assert line.got("prompt") == [
        {"voicePrompt": "zwei", "lang": "de", "last": False},
        {"voicePrompt": "zwei Karten", "lang": "de", "last": True},
    ]
    line.command(call, "conversation_relay_stop")
    ended = line.payload("call.conversation.ended")
    assert [message["content"] for message in ended["messages"]] == ["zwei Karten"]


def test_what_is_typed_interrupts_at_the_word_and_no_words_do_only_that() -> None:
    line = RelayLine()
    call = line.relaying()
    line.writes("text", token="Good morning everybody.", last=True)
    line.tick(30)  # 600 ms: `Good ` takes 250, `morning ` 400
    assert line.switch.typed(call, "", line.now)
    line.settle()
    [interrupt] = line.got("interrupt")
    assert interrupt["utteranceUntilInterrupt"] == "Good"
    assert not line.got("prompt")
    assert not line.switch.typed(call, "hello", line.now), "nothing is being said"


def test_what_is_typed_cannot_interrupt_what_speech_cannot() -> None:
    line = RelayLine()
    call = line.relaying(interruptible="dtmf")
    line.writes("text", token="Good morning everybody.", last=True)
    line.tick(30)
    assert not line.switch.typed(call, "hello", line.now)
    line.settle()
    assert not line.got("interrupt")
    assert [prompt["voicePrompt"] for prompt in line.got("prompt")] == ["hello"]


def test_without_a_session_nobody_reads_what_is_typed() -> None:
    line = RelayLine()
    call = line.ring()
    for name in (call, "another"):
        with pytest.raises(LookupError, match="no Conversation Relay on call"):
            line.switch.typed(name, "hello", line.now)
