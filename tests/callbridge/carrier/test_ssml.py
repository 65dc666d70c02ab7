"""SSML and voices: what reaches the engine, what is heard, and what is refused."""

import numpy as np
import pytest

from callbridge.carrier.ssml import MalformedSsml, for_engine, text_of
from callbridge.speech.espeak import speak, voice_for
from telecodecs import Pcm
from tests.callbridge.carrier.line import Line, codes
from tests.callbridge.carrier.playing_line import PlayingLine


def seconds(ssml: str) -> float:
    return len(speak(for_engine(ssml), 8000, ssml=True)) / 8000


def loudness(ssml: str) -> float:
    return float(np.abs(speak(for_engine(ssml), 8000, ssml=True)).max())


def pitch_hz(pcm: Pcm) -> float:
    """Of the loudest half second, by autocorrelation."""
    middle = int(np.argmax(np.convolve(np.abs(pcm.astype(float)), np.ones(2000), "same")))
    piece = pcm[max(0, middle - 1000) : middle + 1000].astype(float)
    lags = np.correlate(piece, piece, "full")[len(piece) :]
    return float(8000 / (30 + np.argmax(lags[30:130])))


def test_every_documented_tag_and_no_other_reaches_the_engine() -> None:
    assert for_engine('<speak version="1.0"><p>a <s>b</s></p></speak>') == (
        "<speak><p>a <s>b</s></p></speak>"
    )
    assert for_engine('<break time="1.5s"/>') == '<speak><break time="1500ms"></break></speak>'
    assert for_engine('<break strength="Pause"/>') == (
        '<speak><break strength="strong"></break></speak>'
    )
    assert for_engine('<lang xml:lang="de-DE">x</lang>') == (
        '<speak><voice xml:lang="de-DE">x</voice></speak>'
    )
    assert for_engine('<emphasis level="Strong">x</emphasis><b c="d">y</b>') == (
        '<speak><emphasis level="strong">x</emphasis>y</speak>'
    )
    assert for_engine('<say-as interpret-as="date">x</say-as>') == "<speak>x</speak>"
    assert for_engine('<phoneme alphabet="ipa" ph="p">pea</phoneme>') == "<speak>pea</speak>"
    assert for_engine('<audio src="http://127.0.0.1/a.wav"/>') == "<speak></speak>"


def test_a_value_that_nobody_knows_is_ignored() -> None:
    assert for_engine('<break time="soon"/>') == "<speak><break></break></speak>"
    assert for_engine('<prosody rate="&quot;/>" pitch="?">x</prosody>') == "<speak>x</speak>"
    assert for_engine('<lang xml:lang="a b">x</lang>') == "<speak>x</speak>"


def test_what_is_said_in_place_of_a_text() -> None:
    ssml = '<sub alias="World &amp; Web">W<b>3</b>C</sub> &lt;'
    assert for_engine(ssml) == "<speak>World &amp; Web &lt;</speak>"
    assert text_of(ssml) == "World & Web <"


def test_words_alone_keep_their_distance() -> None:
    assert text_of("<p>one</p><p>two</p>three<break/>four") == "one two three four"


@pytest.mark.parametrize(
    "ssml",
    [
        "<p>",
        "</speak><speak>",
        "a & b",
        "&nbsp;",
        "<sub>x</sub>",
        '<phoneme alphabet="ipa">x</phoneme>',
        "<say-as>x</say-as>",
        '<!DOCTYPE a [<!ENTITY x "xx">]><speak>&x;</speak>',
        "<a>" * 100 + "</a>" * 100,
        "\x00",
    ],
)
def test_malformed_ssml_is_refused(ssml: str) -> None:
    with pytest.raises(MalformedSsml):
        for_engine(ssml)
    with pytest.raises(MalformedSsml):
        text_of(ssml)
    line = PlayingLine()
    call = line.answered()
    body = {"payload": ssml, "payload_type": "ssml", "voice": "Polly.Amy-Neural"}
    assert codes(line.command(call, "speak", **body)) == [("90010", "/payload")]


def test_it_is_heard() -> None:
    pytest.importorskip("espeakng_loader")
    plain = seconds("hello world")
    assert seconds('hello <break time="2s"/> world') > plain + 1.5
    assert seconds('<prosody rate="x-slow">hello world</prosody>') > plain + 0.3
    assert seconds('<prosody rate="200%">hello world</prosody>') < plain - 0.2
    assert seconds('<say-as interpret-as="spell-out">hello</say-as>') > seconds("hello") + 0.3
    assert seconds('<say-as interpret-as="digits">1234</say-as>') < seconds("1234") - 0.5
    assert loudness('<prosody volume="-20dB">hello</prosody>') < 0.2 * loudness("hello")
    assert loudness('<emphasis level="reduced">hello</emphasis>') < 0.8 * loudness("hello")
    assert loudness('<prosody volume="silent">hello</prosody>') == 0


def test_a_language_chooses_the_voice_and_a_word_its_kind() -> None:
    pytest.importorskip("espeakng_loader")
    names = {tag: voice_for(tag) for tag in ("en-US", "de-DE", "fr-CA", "pt-PT", "arb", "xx-XX")}
    assert names == {
        "en-US": "en-US",
        "de-DE": "de",
        "fr-CA": "fr",
        "pt-PT": "pt",
        "arb": "ar",
        "xx-XX": "en-us",
    }
    male, female = (speak("mama", 8000, female=female) for female in (False, True))
    assert pitch_hz(female) > 1.2 * pitch_hz(male)


@pytest.mark.parametrize(
    ("voice", "language", "expected"),
    [
        ("female", None, ("en-US", True)),
        ("male", "en-US", ("en-US", False)),
        ("Telnyx.KokoroTTS.af", "de-DE", ("de-DE", False)),
        ("Telnyx.NaturalHD.albion", None, ("en-US", False)),
        ("Telnyx", None, ("en-US", False)),
        ("Polly.Brian", "de-DE", ("en-US", False)),
        ("AWS.Polly.Amy-Neural", "de-DE", ("en-US", False)),
        ("Azure.en-CA-ClaraNeural", None, ("en-CA", False)),
        ("Azure.de-DE-KatjaNeural", "fr-FR", ("fr-FR", False)),
        ("en-US-Emma:DragonHDLatestNeural", None, ("en-US", False)),
        ("ElevenLabs.Default.cgSgspJ2msm6clMCkdW9", None, ("en-US", False)),
        ("Minimax.speech-2.6-turbo.English_expressive_narrator", None, ("en-US", False)),
        ("Resemble.Pro.Aaron_en-US", None, ("en-US", False)),
        ("Inworld.Mini.Loretta", None, ("en-US", False)),
        ("Rime.Coda.cove", "es-ES", ("es-ES", False)),
    ],
)
def test_voices_of_every_family_speak(
    voice: str, language: str | None, expected: tuple[str, bool]
) -> None:
    line = Line(speaks=True)
    call = line.ring()
    line.command(call, "answer")
    body = {"payload": "hello", "voice": voice, "language": language}
    assert line.command(call, "speak", **body).status == 200
    [order] = line.to_speak
    assert (order.language, order.female) == expected


def test_only_voices_of_which_it_is_known_read_ssml() -> None:
    line = PlayingLine()
    call = line.answered()
    for voice in ("Polly.Amy", "Azure.en-CA-ClaraNeural", "Telnyx.KokoroTTS.af"):
        payload = "one<s>two</s>"
        line.does(call, "speak", payload=payload, payload_type="ssml", voice=voice)
    assert line.said == ["<speak>one<s>two</s></speak>"] * 2 + ["onetwo"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"voice": "Nobody.Here.At"}, ("90012", "/voice")),
        ({"voice": "alto"}, ("90012", "/voice")),
        ({"voice": "x" * 5000}, ("90012", "/voice")),
        ({"voice": None}, ("10004", "/voice")),
        ({"voice": 5}, ("10026", "/voice")),
        ({"payload": "x" * 3001}, ("90010", "/payload")),
        ({"payload": "  "}, ("10004", "/payload")),
        ({"payload": ["x"]}, ("90010", "/payload")),
        ({"language": "xx-XX"}, ("10032", "/language")),
        ({"language": "de-DE", "service_level": "basic"}, ("90030", "/service_level")),
        ({"payload_type": "ssml", "service_level": "basic"}, ("90030", "/service_level")),
        ({"payload_type": "html"}, ("90011", "/payload_type")),
        ({"stop": "none"}, ("90016", "/stop")),
        ({"loop": 0}, ("90009", "/loop")),
    ],
)
def test_what_nobody_can_say_is_refused(
    fields: dict[str, object], expected: tuple[str, str]
) -> None:
    line = PlayingLine()
    call = line.answered()
    body = {"payload": "hello", "voice": "female"} | fields
    assert codes(line.command(call, "speak", **body)) == [expected]
