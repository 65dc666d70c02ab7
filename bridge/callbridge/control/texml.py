"""TeXML, as a customer meets it: what a request for a document says, and documents as bytes.

Source: the platform's TeXML pages."""

from collections.abc import Mapping
from typing import Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import msgspec

from callbridge.control.commands import Relay, Stream
from callbridge.control.forms import read_form
from callbridge.errors import BadWebhookBody

HOLD_S = 180  # the longest Pause
FINAL_STATUSES = frozenset({"completed", "busy", "no-answer", "canceled", "failed"})


class TexmlRequest(msgspec.Struct, frozen=True):
    """`call_sid` is the call_control_id for commands, too. `status` is in-progress and the like, or
    empty where the platform does not say. A status callback, which goes to the same address where
    none was set for it, `is_news` and wants no document."""

    call_sid: str
    from_: str
    to: str
    status: str
    is_news: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the call has ended: nothing can be heard of the answer."""
        return self.status in FINAL_STATUSES


def read_request(content: bytes) -> TexmlRequest:
    """From the body of a POST, or the query of a GET. Raises BadWebhookBody."""
    form = read_form(content)
    call_sid = form.get("CallSid", "")
    if not call_sid:
        raise BadWebhookBody("not a request for a document: no CallSid")
    return TexmlRequest(
        call_sid,
        form.get("From", ""),
        form.get("To", ""),
        form.get("CallStatus", ""),
        is_news="CallbackSource" in form,
    )


# ---- documents ----------------------------------------------------------------------------------


def connect(opening: Stream | Relay, action: str) -> bytes:
    """The platform opens our socket; when its session is over, `action` is asked how to go on."""
    response = Element("Response")
    connecting = SubElement(response, "Connect", action=_sound(action))
    if isinstance(opening, Relay):
        _relay(connecting, opening)
    else:
        _stream(connecting, opening)
    return _encode(response)


def hang_up() -> bytes:
    response = Element("Response")
    SubElement(response, "Hangup")
    return _encode(response)


def reject(reason: Literal["rejected", "busy"]) -> bytes:
    response = Element("Response")
    SubElement(response, "Reject", reason=reason)
    return _encode(response)


def hold(url: str) -> bytes:
    """Nothing for a while, then `url` is asked again: for a call that was handed over by command,
    which would end with its document."""
    response = Element("Response")
    SubElement(response, "Pause", length=str(HOLD_S))
    SubElement(response, "Redirect").text = _sound(url)
    return _encode(response)


def _relay(parent: Element, relay: Relay) -> None:
    attributes = {
        "url": relay.url,
        "welcomeGreeting": relay.greeting,
        "welcomeGreetingInterruptible": relay.interruptible_greeting,
        "interruptible": relay.interruptible,
        "language": relay.language,
        "voice": relay.voice,
        "transcriptionProvider": relay.transcription_engine,
        "dtmfDetection": "true" if relay.dtmf_detection else "false",
    }
    noun = SubElement(parent, "ConversationRelay", _given(attributes))
    for language in relay.languages or ():
        SubElement(noun, "Language", _given(_language(language)))
    for name, value in (relay.custom_parameters or {}).items():
        SubElement(noun, "Parameter", name=_sound(name), value=_sound(str(value)))


def _language(language: Mapping[str, object]) -> dict[str, str | None]:
    """One of the languages of a command, with the names that a document has for the same."""
    names = {
        "code": "language",
        "voice": "voice",
        "ttsProvider": "tts_provider",
        "transcriptionProvider": "transcription_engine",
        "speechModel": "speech_model",
    }
    return {
        name: str(language[field]) if language.get(field) is not None else None
        for name, field in names.items()
    }


def _stream(parent: Element, stream: Stream) -> None:
    """Without what a document has no word for: target legs, the token in a header, and silence
    while idle. The token is in the address as well."""
    attributes = {
        "url": stream.stream_url,
        "track": stream.stream_track,
        "codec": stream.stream_codec,
        "bidirectionalMode": stream.stream_bidirectional_mode,
        "bidirectionalCodec": stream.stream_bidirectional_codec,
        "bidirectionalSamplingRate": str(stream.stream_bidirectional_sampling_rate),
    }
    SubElement(parent, "Stream", _given(attributes))


def _given(attributes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: _sound(value) for name, value in attributes.items() if value is not None}


def _sound(text: str) -> str:
    """Without the characters that XML 1.0 (section 2.2) has no way to write."""
    return "".join(character for character in text if _is_writable(character))


def _is_writable(character: str) -> bool:
    return (
        character in "\t\n\r"
        or "\x20" <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character > "\uffff"
    )


def _encode(response: Element) -> bytes:
    text = ElementTree.tostring(response, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
