"""Media Streaming frames, held to the platform's documents and to arbitrary rubbish."""

import json
import random
from base64 import b64encode
from collections.abc import Iterator
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.errors import MalformedFrame
from callbridge.media import wire
from tests.callbridge.media import frames


def decoded(text: str | bytes) -> wire.Incoming:
    frame = wire.decode_incoming(text)
    assert not isinstance(frame, wire.Unknown)
    return frame


# ---- the documents' frames ----------------------------------------------------------------------


def test_connected() -> None:
    assert decoded(frames.CONNECTED) == wire.Connected()


@pytest.mark.parametrize(
    "connected",
    [
        {"connected": {"x-telnyx-streaming-auth-token": "abc"}},
        {"x-telnyx-streaming-auth-token": "abc"},
    ],
)
def test_the_token_of_connected_is_found_in_both_places(connected: dict[str, object]) -> None:
    frame = decoded(json.dumps({"event": "connected", "version": "1.0.0"} | connected))
    assert isinstance(frame, wire.Connected)
    assert frame.token == "abc"


def test_connected_without_a_token_has_none() -> None:
    assert wire.Connected().token is None
    assert wire.Connected(connected={}).token is None


def test_start() -> None:
    frame = decoded(frames.start("PCMA"))
    assert isinstance(frame, wire.Start)
    assert (frame.stream_id, frame.sequence_number) == (frames.STREAM_ID, 1)
    body = frame.start
    assert (body.call_control_id, body.from_, body.to) == (
        frames.CALL_CONTROL_ID,
        frames.FROM,
        frames.TO,
    )
    assert body.media_format == wire.MediaFormat("PCMA", 8000, 1)
    assert body.custom_parameters == {"language": "de"}
    assert body.tags == ["TAG1", "TAG2"]


def test_a_start_with_nothing_but_what_is_needed() -> None:
    body = {"call_control_id": "c", "media_format": {"encoding": "PCMU", "sample_rate": 8000}}
    frame = decoded(json.dumps({"event": "start", "stream_id": "s", "start": body}))
    assert isinstance(frame, wire.Start)
    assert frame.start.media_format.channels == 1
    assert frame.start.client_state is None


def test_media_of_the_size_that_the_documents_show() -> None:
    """792 octets: 99 ms, with chunk "2" and timestamp "5"."""
    payload = bytes(range(256)) * 3 + bytes(24)
    frame = decoded(frames.media(payload, chunk=2, timestamp=5))
    assert isinstance(frame, wire.Media)
    assert frame.media == wire.MediaBody(payload, "inbound", 2, 5)
    assert len(frame.media.payload) == 792
    assert frame.sequence_number == 4


def test_numbers_may_be_numbers() -> None:
    text = (
        '{"event":"media","sequence_number":4,"media":'
        '{"track":"outbound","chunk":2,"timestamp":5,"payload":"AAA="}}'
    )
    frame = decoded(text)
    assert frame == wire.Media(wire.MediaBody(b"\0\0", "outbound", 2, 5), "", 4)


def test_media_with_nothing_but_a_payload_is_inbound_and_unnumbered() -> None:
    frame = decoded('{"event":"media","media":{"payload":"AAA="}}')
    assert isinstance(frame, wire.Media)
    assert (frame.media.track, frame.media.chunk) == ("inbound", wire.UNNUMBERED)


@pytest.mark.parametrize("digit", list("0123456789*#ABCD"))
def test_dtmf(digit: str) -> None:
    frame = decoded(frames.dtmf(digit))
    assert isinstance(frame, wire.Dtmf)
    assert (frame.dtmf.digit, frame.occurred_at) == (digit, "2026-07-16T10:00:00.123456Z")


def test_mark_error_and_stop() -> None:
    assert decoded(frames.mark("ä ")) == wire.Mark(wire.MarkBody("ä "), frames.STREAM_ID, 7)
    error = decoded(frames.ERROR)
    assert isinstance(error, wire.Error)
    assert (error.payload.code, error.payload.title) == (100003, "malformed_frame")
    stop = decoded(frames.STOP)
    assert isinstance(stop, wire.Stop)
    assert stop.stop.call_control_id == frames.CALL_CONTROL_ID


@pytest.mark.parametrize("text", frames.ALL)
def test_unknown_fields_are_no_harm_on_any_level(text: str) -> None:
    fields = json.loads(text) | {"new": {"a": [1]}}
    for value in list(fields.values()):
        if isinstance(value, dict) and "new" not in value:
            value["newer"] = None
    fields.pop("connected", None)
    assert decoded(json.dumps(fields)) == decoded(text)


@pytest.mark.parametrize("text", frames.ALL)
def test_a_message_may_be_binary(text: str) -> None:
    assert decoded(text.encode()) == decoded(text)


def test_an_event_without_a_name_in_the_contract_is_unknown() -> None:
    assert wire.decode_incoming('{"event":"heartbeat","n":1}') == wire.Unknown("heartbeat")
    assert wire.decode_outgoing('{"event":"start"}') == wire.Unknown("start")


# ---- null ---------------------------------------------------------------------------------------

WITH_TOKENS = json.dumps(
    {
        "event": "connected",
        "version": "1.0.0",
        "connected": {wire.TOKEN_HEADER: "nested"},
        wire.TOKEN_HEADER: "top",
    }
)


def fields_of(value: object, *path: str) -> Iterator[tuple[str, ...]]:
    """The path of every field on every level."""
    if isinstance(value, dict):
        for name, field in cast("dict[str, object]", value).items():
            yield (*path, name)
            yield from fields_of(field, *path, name)


def replaced(text: str, path: tuple[str, ...], *, by_null: bool) -> str:
    """The message with one field null, or without it."""
    message = level = json.loads(text)
    for name in path[:-1]:
        level = level[name]
    if by_null:
        level[path[-1]] = None
    else:
        del level[path[-1]]
    return json.dumps(message)


def read(text: str | bytes) -> object:
    try:
        return wire.decode_incoming(text)
    except MalformedFrame:
        return MalformedFrame


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param(text, path, id=f"{json.loads(text)['event']}: {'.'.join(path)}")
        for text in [*frames.ALL, WITH_TOKENS]
        for path in fields_of(json.loads(text))
    ],
)
def test_null_is_absent_in_every_field_of_every_frame(
    text: str, path: tuple[str, ...], as_bytes: bool
) -> None:
    null = replaced(text, path, by_null=True)
    assert read(null.encode() if as_bytes else null) == read(replaced(text, path, by_null=False))


def test_a_start_whose_optional_fields_are_all_null_begins_the_stream() -> None:
    body: dict[str, object] = {
        "call_control_id": "c",
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": None},
        "user_id": None,
        "call_session_id": None,
        "from": None,
        "to": None,
        "tags": None,
        "client_state": None,
        "custom_parameters": None,
    }
    text = {"event": "start", "sequence_number": None, "stream_id": "s", "start": body}
    frame = decoded(json.dumps(text))
    assert frame == wire.Start("s", wire.StartBody("c", wire.MediaFormat("PCMU", 8000)))


def test_a_null_parameter_or_tag_costs_only_itself() -> None:
    message = json.loads(frames.start())
    message["start"]["custom_parameters"] = {"language": "de", "name": None}
    message["start"]["tags"] = [None, "TAG2"]
    frame = decoded(json.dumps(message))
    assert isinstance(frame, wire.Start)
    assert frame.start.custom_parameters == {"language": "de"}
    assert frame.start.tags == ["TAG2"]


@given(st.sampled_from([json.loads(text) for text in frames.ALL]), st.data())
def test_any_number_of_nulls_reads_as_their_absence(
    message: dict[str, object], data: st.DataObject
) -> None:
    paths = data.draw(st.lists(st.sampled_from(list(fields_of(message))), max_size=4, unique=True))
    paths = [path for path in paths if not any(path[: len(p)] == p for p in paths if p != path)]
    null = absent = json.dumps(message)
    for path in paths:
        null, absent = replaced(null, path, by_null=True), replaced(absent, path, by_null=False)
    assert read(null) == read(absent)


# ---- from the customer --------------------------------------------------------------------------


def test_what_a_customer_sends_looks_as_documented() -> None:
    assert json.loads(wire.encode_outgoing(wire.Audio(wire.AudioBody(b"\xff\x7f")))) == {
        "event": "media",
        "media": {"payload": "/38="},
    }
    assert json.loads(wire.encode_outgoing(wire.SetMark(wire.MarkBody("e3.17")))) == {
        "event": "mark",
        "mark": {"name": "e3.17"},
    }
    assert json.loads(wire.encode_outgoing(wire.Clear())) == {"event": "clear"}


def test_a_stream_id_of_a_customer_is_tolerated() -> None:
    text = '{"event":"media","stream_id":"s","media":{"payload":"AAA=","track":"outbound"}}'
    assert wire.decode_outgoing(text) == wire.Audio(wire.AudioBody(b"\0\0"))


# ---- numbers on the wire ------------------------------------------------------------------------


def test_counters_leave_as_strings_and_rates_and_codes_as_numbers() -> None:
    sent = json.loads(
        wire.encode_incoming(wire.Media(wire.MediaBody(b"", "inbound", 7, 120), "s", 9))
    )
    assert sent["sequence_number"] == "9"
    assert (sent["media"]["chunk"], sent["media"]["timestamp"]) == ("7", "120")
    start = decoded(frames.start())
    sent = json.loads(wire.encode_incoming(start))
    assert sent["sequence_number"] == "1"
    assert sent["start"]["media_format"] == {
        "encoding": "PCMU",
        "sample_rate": 8000,
        "channels": 1,
    }
    error = json.loads(wire.encode_incoming(wire.Error(wire.ErrorBody(100005))))
    assert error["payload"]["code"] == 100005


@pytest.mark.parametrize("text", frames.ALL)
def test_the_documents_frames_survive_decoding_and_encoding(text: str) -> None:
    assert json.loads(wire.encode_incoming(decoded(text))) == json.loads(text)


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
counters = st.integers(0, 2**40)
incoming = st.one_of(
    st.builds(wire.Dtmf, st.builds(wire.DtmfBody, names), names, names, counters),
    st.builds(wire.Mark, st.builds(wire.MarkBody, names), names, counters),
    st.builds(wire.Error, st.builds(wire.ErrorBody, counters, names, names), names),
    st.builds(wire.Stop, st.builds(wire.StopBody, names, names), names, counters),
    st.builds(
        wire.Media,
        st.builds(wire.MediaBody, st.binary(), st.sampled_from(wire.TRACKS), counters, counters),
        st.uuids().map(str),
        counters,
    ),
    st.builds(
        wire.Start,
        names,
        st.builds(
            wire.StartBody,
            names,
            st.builds(wire.MediaFormat, names, counters, counters),
            names,
            names,
            names,
            names,
            st.none() | st.lists(names),
            st.none() | names,
            st.dictionaries(names, names),
        ),
        counters,
    ),
    st.builds(wire.Connected, names, st.dictionaries(names, names)),
)
outgoing = st.one_of(
    st.builds(wire.Audio, st.builds(wire.AudioBody, st.binary())),
    st.builds(wire.SetMark, st.builds(wire.MarkBody, names)),
    st.just(wire.Clear()),
)


@given(incoming)
def test_any_frame_of_the_platform_comes_back_from_the_wire(frame: wire.Incoming) -> None:
    assert wire.decode_incoming(wire.encode_incoming(frame)) == frame


@given(outgoing)
def test_any_frame_of_a_customer_comes_back_from_the_wire(frame: wire.Outgoing) -> None:
    assert wire.decode_outgoing(wire.encode_outgoing(frame)) == frame


# ---- rubbish ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null",
        "[]",
        "{}",
        '"media"',
        "{",
        b"\xff\xfe",
        "\ud800",
        "[" * 100_000,
        '{"event":5}',
        '{"event":"media"}',
        '{"event":"media","media":null}',
        '{"event":"media","media":{"payload":5}}',
        '{"event":"media","media":{"payload":"AAA=","chunk":"two"}}',
        '{"event":"media","media":{"payload":"AAA=","chunk":1.5}}',
        '{"event":"start","stream_id":"s","start":{}}',
        '{"event":"dtmf","dtmf":{}}',
        '{"event":"mark","mark":"e1"}',
        '{"event":"error","payload":{"code":"x"}}',
    ],
)
def test_a_malformed_frame_says_so(text: str | bytes) -> None:
    with pytest.raises(MalformedFrame) as caught:
        wire.decode_incoming(text)
    assert not caught.value.bad_payload


@pytest.mark.parametrize("payload", ["A", "AAA", "A=A=", "????", "ÄÄÄÄ"])
def test_a_payload_that_is_no_base64_is_told_apart(payload: str) -> None:
    text = json.dumps({"event": "media", "media": {"payload": payload}})
    for decode in (wire.decode_incoming, wire.decode_outgoing):
        with pytest.raises(MalformedFrame) as caught:
            decode(text)
        assert caught.value.bad_payload


def mutilated(text: str, chance: random.Random) -> bytes:
    """`text` with octets changed, lost, doubled or cut off."""
    octets = bytearray(text.encode())
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(octets))
        match chance.randrange(4):
            case 0:
                octets[at] = chance.randrange(256)
            case 1 if len(octets) > 1:
                del octets[at]
            case 2:
                octets[at:at] = octets[at : at + chance.randint(1, 20)]
            case _:
                octets = octets[: max(at, 1)]
    return bytes(octets)


def test_ten_thousand_mutilated_frames_raise_nothing_but_malformed_frame() -> None:
    chance = random.Random(2026)
    malformed = 0
    for number in range(10_000):
        text = mutilated(frames.ALL[number % len(frames.ALL)], chance)
        for decode in (wire.decode_incoming, wire.decode_outgoing):
            try:
                decode(text)
            except MalformedFrame:
                malformed += 1
    assert malformed > 10_000


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from([json.loads(text) for text in frames.ALL]), st.data())
def test_a_field_of_any_other_kind_raises_nothing_but_malformed_frame(
    fields: dict[str, object], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(fields)))
    text = json.dumps(fields | {name: data.draw(anything)})
    try:
        frame = wire.decode_incoming(text)
    except MalformedFrame:
        return
    assert isinstance(frame, wire.Unknown | wire.Frame)


def test_the_longest_frame_of_the_contract_fits() -> None:
    """30 s of L16 at 48 kHz."""
    text = wire.encode_audio(bytes(30 * 48_000 * 2))
    assert len(text) < wire.MAX_FRAME_CHARS
    audio = wire.decode_outgoing(text)
    assert isinstance(audio, wire.Audio)
    assert len(audio.media.payload) == 2_880_000


def test_base64_is_the_standard_alphabet_with_padding() -> None:
    payload = bytes(range(256))
    assert b64encode(payload).decode() in wire.encode_audio(payload)
    assert msgspec.json.decode(wire.encode_media("s", 1, "inbound", 1, 0, payload))
