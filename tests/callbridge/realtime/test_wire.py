"""Frames of OpenAI Realtime, written by hand as the SDK's types have them."""

import pytest

from callbridge.errors import MalformedFrame
from callbridge.realtime import wire


def test_a_delta_of_audio_is_octets() -> None:
    frame = wire.decode_server(
        b'{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"i",'
        b'"output_index":0,"content_index":0,"delta":"f4D/AA=="}'
    )
    assert frame == wire.AudioDelta("i", b"\x7f\x80\xff\x00")


def test_nobody_acts_on_an_unknown_message() -> None:
    assert wire.decode_server('{"type":"conversation.item.added","item":{}}') == wire.Unheeded(
        "conversation.item.added"
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"what?",
        b"\xff",
        b"[]",
        b'{"no": "type"}',
        b'{"type": "response.output_audio.delta"}',
        b'{"type": "response.output_audio.delta", "item_id": "i", "delta": "!"}',
        b'{"type": "response.done", "response": 7}',
        b'{"type": "error"}',
    ],
)
def test_what_makes_no_sense_raises(text: bytes) -> None:
    with pytest.raises(MalformedFrame):
        wire.decode_server(text)


def test_an_append_is_the_callers_octets() -> None:
    assert wire.encode_append(b"\x7f\x80\xff\x00") == (
        '{"type":"input_audio_buffer.append","audio":"f4D/AA=="}'
    )


def test_a_truncation_names_its_part_and_its_end() -> None:
    assert wire.encode_client(wire.ItemTruncate("item_1", 1500, 0)) == (
        '{"type":"conversation.item.truncate","item_id":"item_1","audio_end_ms":1500,'
        '"content_index":0}'
    )
