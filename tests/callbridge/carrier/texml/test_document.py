"""Documents → verbs: what is understood, what is passed over, what is refused."""

import pytest

from callbridge.carrier.facts import documented
from callbridge.carrier.texml.document import Document, read_document
from callbridge.carrier.texml.markup import BadDocument
from callbridge.carrier.texml.verbs import (
    ConnectVerb,
    GatherVerb,
    HangupVerb,
    PauseVerb,
    PlayVerb,
    RedirectVerb,
    RejectVerb,
    RelayNoun,
    SayVerb,
    StreamNoun,
)


def read(inside: str) -> Document:
    return read_document(f"<Response>{inside}</Response>".encode())


def test_the_facts_name_thirty_elements() -> None:
    elements = documented.texml()
    assert len(elements) == 30
    for element in elements.values():
        assert set(element.parents) <= {"Response", *elements}


def test_an_empty_response_is_a_document() -> None:
    assert read_document(b"<Response/>") == Document()


@pytest.mark.parametrize(
    ("inside", "verb"),
    [
        ("<Say>Hello\n  there.</Say>", SayVerb(text="Hello there.")),
        ('<Say loop="0">On and on.</Say>', SayVerb(text="On and on.", loop=0)),
        ("<Play> http://files/a.wav </Play>", PlayVerb(url="http://files/a.wav")),
        ('<Play digits="12w#"/>', PlayVerb(digits="12w#")),
        ("<Pause/>", PauseVerb(length=1)),
        ('<Pause length="180"/>', PauseVerb(length=180)),
        ("<Hangup/>", HangupVerb()),
        ('<Redirect method="GET">/next</Redirect>', RedirectVerb(url="/next", method="GET")),
        ('<Reject reason="busy"/>', RejectVerb(reason="busy")),
    ],
)
def test_a_verb_alone(inside: str, verb: object) -> None:
    assert read(inside) == Document((verb,))  # type: ignore[arg-type]


def test_gather_has_prompts_and_its_number_of_digits() -> None:
    gather = read(
        '<Gather action="/menu" numDigits="4" finishOnKey="" timeout="9">'
        "<Say>Your PIN?</Say><Play>http://files/beep.wav</Play></Gather>"
    )
    assert gather == Document(
        (
            GatherVerb(
                action="/menu",
                timeout=9,
                finish_on_key="",
                num_digits=4,
                min_digits=4,
                max_digits=4,
                prompts=(SayVerb(text="Your PIN?"), PlayVerb(url="http://files/beep.wav")),
            ),
        )
    )


def test_connect_to_a_conversation_relay_with_all_that_is_documented() -> None:
    document = read(
        '<Connect action="/done" method="GET"><ConversationRelay url="wss://app/relay?token=1" '
        'welcomeGreeting="Hi." welcomeGreetingInterruptible="false" interruptible="speech" '
        'voice="Telnyx.NaturalHD.astra" language="de" transcriptionProvider="deepgram" '
        'dtmfDetection="true"><Language code="fr" voice="v"/>'
        '<Parameter name="customer" value="42"/><Parameter name="empty"/>'
        "</ConversationRelay></Connect>"
    )
    relay = RelayNoun(
        url="wss://app/relay?token=1",
        welcome_greeting="Hi.",
        welcome_greeting_interruptible="false",
        interruptible="speech",
        voice="Telnyx.NaturalHD.astra",
        language="de",
        transcription_provider="deepgram",
        dtmf_detection=True,
        parameters={"customer": "42", "empty": ""},
    )
    assert document.verbs == (ConnectVerb(action="/done", method="GET", service=relay),)
    assert document.not_simulated == ("Language",)


def test_connect_to_a_stream() -> None:
    document = read(
        '<Connect><Stream url="ws://app/media" track="both_tracks" codec="PCMA" '
        'bidirectionalMode="rtp" bidirectionalCodec="L16" bidirectionalSamplingRate="16000" '
        'statusCallback="http://app/stream"><Parameter name="a" value="b"/></Stream></Connect>'
    )
    stream = StreamNoun(
        url="ws://app/media",
        track="both_tracks",
        codec="PCMA",
        bidirectional_mode="rtp",
        bidirectional_codec="L16",
        bidirectional_sampling_rate=16000,
        parameters={"a": "b"},
    )
    assert document.verbs == (ConnectVerb(service=stream),)
    assert document.not_simulated == ("Stream.statusCallback",)


def test_what_is_documented_and_not_simulated_is_passed_over_and_named() -> None:
    document = read(
        '<Say effect="eq_car" loop="2">One <break/> two.</Say><Dial>+13125550100</Dial>'
        '<Gather input="speech" hints="a,b"/>'
        '<Connect><AIAssistant id="1"/></Connect><Say>Hello, {{From}}.</Say>'
    )
    assert [type(verb) for verb in document.verbs] == [SayVerb, GatherVerb, SayVerb]
    assert document.not_simulated == (
        "templates",
        "SSML break",
        "Say.effect",
        "Dial",
        "Gather.hints",
        "AIAssistant",
    )


def test_what_is_not_texml_is_passed_over_and_named() -> None:
    document = read('<Shout>Hey!</Shout><Say laud="yes">Hey.</Say><Gather><Pause/></Gather>')
    assert document.unknown == ("Shout", "Say.laud", "Pause in Gather")
    assert document.verbs == (SayVerb(text="Hey."), GatherVerb())


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ('<Pause length="181"/>', "line 1, column 11: Pause: length='181' is more than 180"),
        ('<Pause length="0"/>', "is less than 1"),
        ('<Pause length="long"/>', "is no integer"),
        ('<Pause length="1.5"/>', "is no integer"),
        ('<Say loop="11">a</Say>', "is more than 10"),
        ('<Play loop="x">http://a</Play>', "Expected `int`"),
        ('<Play digits="12A"/>', "does not match"),
        ("<Play/>", "Play: it holds a URL, or digits"),
        ("<Redirect/>", "Redirect: it holds a URL"),
        ('<Redirect method="PUT">/a</Redirect>', "is not one of GET, POST"),
        ('<Gather numDigits="0"/>', "numDigits is at least 1"),
        ('<Gather numDigits="many"/>', "Expected `int"),
        ("<Connect/>", "it connects to one service, not to 0"),
        ("<Connect><ConversationRelay/></Connect>", "ConversationRelay: url is missing"),
        ('<Connect><Stream url="http://a"/></Connect>', "does not match"),
        (
            '<Connect><ConversationRelay url="ws://a" dtmfDetection="maybe"/></Connect>',
            "is neither true nor false",
        ),
        (
            '<Connect><Stream url="ws://a"><Parameter value="b"/></Stream></Connect>',
            "Parameter: name is missing",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_place(inside: str, why: str) -> None:
    with pytest.raises(BadDocument, match=why):
        read(inside)


def test_the_root_is_a_response() -> None:
    with pytest.raises(BadDocument, match="the root is html, not Response"):
        read_document(b"<html><body>502 Bad Gateway</body></html>")
