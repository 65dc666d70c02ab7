from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from telecodecs import CodecError, Encoding, codec, registry
from telecodecs.g711 import encode_alaw, encode_ulaw

FRAME = (1000 * np.sin(np.arange(160) / 5)).astype(np.int16)


def test_names_are_those_of_the_wire() -> None:
    assert registry.names() == ("PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16")
    assert [registry.encoding(name).name for name in registry.names()] == list(registry.names())


@pytest.mark.parametrize(
    ("name", "sample_rate", "encoding"),
    [
        ("PCMU", None, Encoding("PCMU", sample_rate=8000, clock_rate=8000, ptime_ms=20)),
        ("PCMA", None, Encoding("PCMA", sample_rate=8000, clock_rate=8000, ptime_ms=20)),
        ("L16", None, Encoding("L16", sample_rate=16000, clock_rate=16000, ptime_ms=20)),
        ("PCMU", 8000, Encoding("PCMU", 8000, 8000)),
        ("G722", None, Encoding("G722", 16000, 8000)),
        ("G722", 16000, Encoding("G722", 16000, 8000)),
        ("G722", 8000, Encoding("G722", 16000, 8000)),
        ("AMR-WB", None, Encoding("AMR-WB", 16000, 16000)),
        ("AMR-WB", 8000, Encoding("AMR-WB", 16000, 16000)),
        *(
            ("L16", rate, Encoding("L16", rate, rate))
            for rate in (8000, 16000, 22050, 24000, 48000)
        ),
    ],
)
def test_encodings(name: str, sample_rate: int | None, encoding: Encoding) -> None:
    assert registry.encoding(name, sample_rate) == encoding


def test_a_wire_calls_g722_by_its_clock_and_the_others_by_their_audio() -> None:
    assert [registry.encoding(name).named_rate for name in registry.names()] == [
        8000, 8000, 8000, 16000, 16000, 16000
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "L16"])
def test_every_call_and_direction_has_its_own_codec(name: str) -> None:
    assert codec(name) is not codec(name)


def test_each_name_is_its_codec() -> None:
    assert codec("PCMU").encode(FRAME) == encode_ulaw(FRAME)
    assert codec("PCMA").encode(FRAME) == encode_alaw(FRAME)
    assert codec("L16").encode(FRAME) == FRAME.astype("<i2").tobytes()
    assert codec("L16", l16_order="big").encode(FRAME) == FRAME.astype(">i2").tobytes()


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "L16"])
def test_decode_undoes_encode(name: str) -> None:
    one_way = codec(name, 8000)
    decoded = one_way.decode(one_way.encode(FRAME))
    assert decoded.dtype == np.int16
    # The widest step below 1000 is 64 in both laws.
    assert np.abs(decoded.astype(int) - FRAME).max() <= (0 if name == "L16" else 32)


def test_big_endian_l16_is_decoded_as_it_is_encoded() -> None:
    big = codec("L16", 24000, l16_order="big")
    assert big.decode(big.encode(FRAME)).tolist() == FRAME.tolist()


@pytest.mark.parametrize(
    ("name", "sample_rate", "complaint"),
    [
        ("pcmu", None, "codec 'pcmu' is not supported"),
        ("G729", None, "codec 'G729' is not supported"),
        ("G722", 24000, "G722 at 24000 Hz is not supported"),
        ("", None, "codec '' is not supported"),
        ("PCMU", 16000, "PCMU at 16000 Hz is not supported"),
        ("L16", 44100, "L16 at 44100 Hz is not supported"),
        ("L16", 0, "L16 at 0 Hz is not supported"),
    ],
)
def test_the_unsupported_is_refused_with_what_is(
    name: str, sample_rate: int | None, complaint: str
) -> None:
    with pytest.raises(CodecError) as caught:
        codec(name, sample_rate)
    assert str(caught.value) == (
        f"{complaint}; supported: PCMU at 8000 Hz, PCMA at 8000 Hz, G722 at 16000 Hz, "
        "OPUS at 8000 or 16000 or 24000 or 48000 Hz, AMR-WB at 16000 Hz, "
        "L16 at 8000 or 16000 or 22050 or 24000 or 48000 Hz"
    )


def test_an_encoding_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        codec("PCMU").encoding.sample_rate = 16000  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
