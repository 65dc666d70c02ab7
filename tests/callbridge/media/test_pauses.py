"""Discontinuous transmission: what was never sent is quiet and no loss, and keeps its time."""

from ctypes import c_int32, create_string_buffer

import numpy as np
import pytest

from callbridge.media.session import MediaEvent
from telecodecs import MissingLibrary, Pcm, amrwb, codec, opus
from telecodecs.amrwb_payload import pack
from tests.callbridge.media import frames
from tests.callbridge.media.test_session import heard, receive, streaming
from tests.telecodecs.test_g722 import speech

FRAME = 320
SPOKEN, QUIET = 40, 60  # frames of 20 ms
SET_DTX = 4016  # OPUS_SET_DTX


def opus_that_pauses(pcm: Pcm) -> list[bytes]:
    """One packet each 20 ms; those of one octet need not be sent. Ours sends all in full."""
    library = opus._load()  # pyright: ignore[reportPrivateUsage]
    state = create_string_buffer(library.opus_encoder_get_size(1))
    library.opus_encoder_init(state, 16000, 1, 2048)
    library.opus_encoder_ctl(state, SET_DTX, c_int32(1))
    out = create_string_buffer(1500)
    made: list[bytes] = []
    for frame in pcm.reshape(-1, FRAME):
        size = library.opus_encode(state, frame.tobytes(), FRAME, out, len(out))
        made.append(out.raw[:size])
    return made


def amr_wb_that_pauses(pcm: Pcm) -> list[bytes]:
    """As a phone does it: comfort noise each eighth frame, and no data between. Ours has none."""
    library = amrwb.load_encoder()
    state = library.E_IF_init()
    out = create_string_buffer(64)
    made: list[bytes] = []
    for frame in pcm.reshape(-1, FRAME):
        size = library.E_IF_encode(state, amrwb.MODE, frame.tobytes(), out, 1)
        made.append(pack([out.raw[:size]]))
    library.E_IF_exit(state)
    return made


def sent_by(name: str) -> list[bytes]:
    try:
        codec(name)
    except MissingLibrary as error:
        pytest.skip(str(error))
    said = speech(SPOKEN / 50)
    quiet = np.random.default_rng(1).normal(0, 4, QUIET * FRAME).astype(np.int16)
    pcm = np.concatenate([said, quiet, said])
    return opus_that_pauses(pcm) if name == "OPUS" else amr_wb_that_pauses(pcm)


def rms(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(pcm.astype(float) ** 2)))


@pytest.mark.parametrize("name", ["OPUS", "AMR-WB"])
def test_what_is_not_sent_in_a_pause_is_quiet_keeps_its_time_and_is_no_loss(name: str) -> None:
    payloads = sent_by(name)
    made = streaming(name, 16000, sample_rate=16000)
    events: list[MediaEvent] = []
    count = 0
    for number, payload in enumerate(payloads):
        if len(payload) > 2:
            count += 1
            events += receive(made, frames.media(payload, count, timestamp=20 * number))
    pcm = heard(events)
    assert count < len(payloads) - 20, "else nothing paused"
    assert len(pcm) == len(payloads) * FRAME
    assert made.concealed == 0
    said, pause = pcm[: SPOKEN * FRAME], pcm[(SPOKEN + 20) * FRAME : (SPOKEN + QUIET) * FRAME]
    assert rms(pause) < rms(said) / 20
    assert rms(pcm[-30 * FRAME :]) == pytest.approx(rms(said), rel=0.2)


@pytest.mark.parametrize("name", ["OPUS", "AMR-WB"])
def test_a_payload_that_is_lost_in_a_pause_is_a_loss(name: str) -> None:
    payloads = sent_by(name)[: SPOKEN + 30]
    made = streaming(name, 16000, sample_rate=16000)
    for number, payload in enumerate(payloads):
        if number != len(payloads) - 2:
            receive(made, frames.media(payload, number + 1, timestamp=20 * number))
    made.tick(0.060)
    assert made.concealed == FRAME


@pytest.mark.parametrize("name", ["OPUS", "AMR-WB"])
def test_timestamps_that_do_not_count_milliseconds_make_no_pauses(name: str) -> None:
    payloads = sent_by(name)[:20]
    made = streaming(name, 16000, sample_rate=16000)
    events: list[MediaEvent] = []
    for number, payload in enumerate(payloads):
        events += receive(made, frames.media(payload, number + 1, timestamp=320 * number))
    assert len(heard(events)) == len(payloads) * FRAME


@pytest.mark.parametrize("size", [1, 2])
def test_a_packet_of_opus_that_is_next_to_nothing_is_20_ms(size: int) -> None:
    payloads = [payload for payload in sent_by("OPUS") if len(payload) <= 2]
    assert payloads
    back = codec("OPUS")
    whole = payloads[0][:1] + bytes(size - 1)
    pcm = back.decode(whole)
    assert len(pcm) % FRAME == 0
    assert rms(pcm) < 50
