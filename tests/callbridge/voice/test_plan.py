"""Which codec a leg is sent when the bridge may choose, from what its first webhook tells."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from callbridge.voice.plan import MediaPlan
from telecodecs import MissingLibrary, codec, g722
from tests.telecodecs.clibrary import without

RECORDED = Path(__file__).parents[2] / "vectors" / "webhooks"
ALL_OURS = "OPUS,AMR-WB,G722,PCMA,PCMU,L16,VP8,H264"
PHONE = "AMR-WB~OCTET-ALIGN=0; MODE-SET=0,16000H,AMR-WB~OCTET-ALIGN=1; MODE-SET=0,16000H,PCMU"
AUTO = MediaPlan(sample_rate=16000, chooses=True)


@pytest.fixture(autouse=True)
def installed() -> None:
    try:
        for name in ("G722", "OPUS", "AMR-WB"):
            codec(name)
    except MissingLibrary as error:
        pytest.skip(str(error))


def asked(plan: MediaPlan, offered: object, ours: object = ALL_OURS) -> tuple[str, int, str]:
    told = {"offered_codecs": offered, "connection_codecs": ours}
    found = plan.for_leg({name: value for name, value in told.items() if value is not None})
    return found.tx_name, found.tx_rate, found.rx_name


@pytest.mark.parametrize(
    ("offered", "sent"),
    [
        ("PCMU,G729", ("PCMU", 8000, "")),
        ("PCMA,PCMU", ("PCMU", 8000, "")),
        ("PCMA,G729", ("PCMA", 8000, "")),
        ("G722,PCMU", ("G722", 16000, "default")),
        ("PCMU,G722", ("G722", 16000, "default")),
        ("OPUS, G722", ("G722", 16000, "default")),
        (PHONE, ("G722", 16000, "default")),
        ("L16,G729", ("G722", 16000, "default")),
        ("G729", ("PCMU", 8000, "")),
        ("", ("PCMU", 8000, "")),
        (None, ("PCMU", 8000, "")),
        (["G722"], ("PCMU", 8000, "")),
    ],
)
def test_it_is_hd_where_the_leg_may_be(offered: object, sent: tuple[str, int, str]) -> None:
    assert asked(AUTO, offered) == sent


def test_what_the_application_does_not_allow_is_not_expected() -> None:
    assert asked(AUTO, "OPUS,PCMU", "G722,PCMA,PCMU") == ("PCMU", 8000, "")
    assert asked(AUTO, "OPUS,PCMU", None) == ("PCMU", 8000, "")


def test_what_may_come_and_cannot_be_decoded_is_not_asked_for() -> None:
    assert asked(AUTO, "G722,G729", "G722,G729") == ("G722", 16000, "G722")


def test_bots_that_hear_8_khz_have_nothing_of_hd() -> None:
    assert asked(MediaPlan(sample_rate=8000, chooses=True), "G722,PCMU") == ("PCMU", 8000, "")


def test_a_codec_that_was_set_stays() -> None:
    fixed = MediaPlan(sample_rate=16000, tx_name="PCMA")
    assert asked(fixed, "G722,PCMU") == ("PCMA", 8000, "")


def test_without_g722_it_is_one_of_the_legs_own_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    g722._library.cache_clear()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setitem(sys.modules, "G722", None)
    assert asked(AUTO, PHONE) == ("AMR-WB", 16000, "default")
    assert asked(AUTO, "G722,OPUS,PCMU") == ("OPUS", 16000, "OPUS")
    assert asked(AUTO, "G722,PCMU") == ("PCMU", 8000, "")
    without(monkeypatch, "libvo-amrwbenc")
    assert asked(AUTO, PHONE) == ("PCMU", 8000, "")


@pytest.mark.parametrize(
    ("recording", "sent"),
    [
        ("pstn-inbound.1-initiated.json", "PCMU"),
        ("volte-inbound.1-initiated.json", "PCMU"),  # its application allows no AMR-WB
        ("webrtc-outbound.1-initiated.json", "PCMU"),
    ],
)
def test_recorded_legs(recording: str, sent: str) -> None:
    payload: dict[str, Any] = json.loads((RECORDED / recording).read_text())["data"]["payload"]
    assert AUTO.for_leg(payload).tx_name == sent
    allowed = payload | {"connection_codecs": ALL_OURS}
    assert AUTO.for_leg(allowed).tx_name == ("G722" if "volte" in recording else "PCMU")
