"""Documents as the platform reads them, and its requests as we read those."""

import re
from xml.etree import ElementTree

import pytest

from callbridge.control import texml
from callbridge.control.commands import Relay, Stream
from callbridge.errors import BadWebhookBody

NEXT = "https://bridge.example/texml/next"


def test_a_relay_document_letter_by_letter() -> None:
    relay = Relay(
        url="wss://bridge.example/relay?token=a.b",
        greeting='"Hi" & <bye>',
        language="de",
        voice="Telnyx.NaturalHD.astra",
        interruptible="speech",
        interruptible_greeting="none",
        transcription_engine="Deepgram",
        custom_parameters={"customer": 42},
    )
    assert texml.connect(relay, NEXT).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Response><Connect action="https://bridge.example/texml/next">'
        '<ConversationRelay url="wss://bridge.example/relay?token=a.b" '
        'welcomeGreeting="&quot;Hi&quot; &amp; &lt;bye&gt;" welcomeGreetingInterruptible="none" '
        'interruptible="speech" language="de" voice="Telnyx.NaturalHD.astra" '
        'transcriptionProvider="Deepgram" dtmfDetection="true">'
        '<Parameter name="customer" value="42" />'
        "</ConversationRelay></Connect></Response>"
    )


def test_a_stream_document_letter_by_letter() -> None:
    stream = Stream(
        stream_url="wss://bridge.example/media?token=a.b",
        stream_auth_token="a.b",
        stream_codec="PCMU",
    )
    assert texml.connect(stream, NEXT).decode().partition("\n")[2] == (
        '<Response><Connect action="https://bridge.example/texml/next">'
        '<Stream url="wss://bridge.example/media?token=a.b" codec="PCMU" bidirectionalMode="rtp" '
        'bidirectionalCodec="PCMU" bidirectionalSamplingRate="8000" />'
        "</Connect></Response>"
    )


@pytest.mark.parametrize(
    ("document", "inside"),
    [
        (texml.hang_up(), "<Hangup />"),
        (texml.reject("busy"), '<Reject reason="busy" />'),
        (texml.hold(NEXT), f'<Pause length="180" /><Redirect>{NEXT}</Redirect>'),
    ],
)
def test_the_other_documents(document: bytes, inside: str) -> None:
    assert document.decode().partition("\n")[2] == f"<Response>{inside}</Response>"


def test_whatever_a_greeting_holds_the_document_can_be_read() -> None:
    greeting = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x10100)))) + "\ud800\n]]>-->"
    body = texml.connect(Relay(url="wss://a/relay", greeting=greeting), NEXT)
    [noun] = ElementTree.fromstring(body).iter("ConversationRelay")
    illegal = "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
    assert noun.attrib["welcomeGreeting"] == re.sub(illegal, "", greeting)


def test_a_request_is_read_from_a_form() -> None:
    request = texml.read_request(
        b"AccountSid=1&CallSid=v3%3Aabc&From=%2B13125550123&To=%2B13125550100&CallStatus=ringing"
    )
    assert request == texml.TexmlRequest("v3:abc", "+13125550123", "+13125550100", "ringing")


@pytest.mark.parametrize("content", [b"", b"From=%2B1&To=%2B2", b"CallSid=&From=a", b"{}", b"\xff"])
def test_what_names_no_call_is_no_request(content: bytes) -> None:
    with pytest.raises(BadWebhookBody):
        texml.read_request(content)


def test_the_languages_of_a_session_are_nouns_of_their_own() -> None:
    spoken = {"language": "de-DE", "voice": "Azure.de-DE-KatjaNeural", "speech_model": "nova-3"}
    relay = Relay(url="wss://bridge.example/relay", languages=[spoken, {"language": "fr"}])
    nouns = ElementTree.fromstring(texml.connect(relay, NEXT)).iter("Language")
    assert [noun.attrib for noun in nouns] == [
        {"code": "de-DE", "voice": "Azure.de-DE-KatjaNeural", "speechModel": "nova-3"},
        {"code": "fr"},
    ]
