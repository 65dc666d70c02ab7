"""Ringing tones by country, and the call that hears one until the other leg answers."""

import math
from typing import Any

import numpy as np
import pytest

from callbridge.carrier.audio.ringing import RINGING_TONES, RingingTone
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.facts import documented
from callbridge.carrier.people.script import CallScript
from telecodecs import Pcm
from tests.callbridge.carrier.line import STAY, Line, data, sounding

BOB, CAROL, BUSY = "+13125550199", "+13125550198", "+13125550197"
EACH = pytest.mark.parametrize("country", sorted(RINGING_TONES))


def peaks(pcm: Pcm, rate: int = 8000) -> list[int]:
    """The frequencies within 12 dB of the strongest, to the nearest Hz; `pcm` is a whole second."""
    assert len(pcm) == rate
    spectrum = np.abs(np.fft.rfft(pcm.astype(float)))
    return [int(hz) for hz in np.flatnonzero(spectrum > spectrum.max() / 4)]


def dbm0(pcm: Pcm) -> float:
    """A sine that just fits 16 bit is +3.14 dBm0 (ITU-T G.711)."""
    rms = float(np.sqrt(np.mean(pcm.astype(float) ** 2)))
    return 20 * math.log10(rms / (32767 / math.sqrt(2))) + 3.14


def cadence_ms(pcm: Pcm, rate: int) -> list[int]:
    """Where sound and pause change, in ms; a sine's own zeros are no pause."""
    loud = np.convolve(pcm != 0, np.ones(rate // 1000), "same") > 0
    changes = np.flatnonzero(np.diff(loud)) + 1
    return [round(1000 * int(at) / rate) for at in changes]


# ---- the tones ----------------------------------------------------------------------------------


def test_every_documented_country_has_its_tone() -> None:
    bridge = documented.endpoints()["calls.actions.bridge"]
    assert set(RINGING_TONES) == set(bridge.optional["ringtone"].enum)


@pytest.mark.parametrize(
    ("country", "hz", "turns_at"),
    [
        ("us", [440, 480], [2000]),
        ("uk", [400, 450], [400, 600, 1000]),
        ("de", [425], [1000]),
        ("fr", [440], [1500]),
        ("au", [413, 438], [400, 600, 1000]),
        ("in", [375, 400, 425], [400, 600, 1000]),
        ("us-old", [380, 420, 460], [2000]),
    ],
)
def test_frequencies_and_cadence(country: str, hz: list[int], turns_at: list[int]) -> None:
    tone = RINGING_TONES[country]
    assert cadence_ms(tone.period(8000), 8000) == pytest.approx(turns_at, abs=3)
    lasting = RingingTone(tone.hz, (1000,), tone.modulated_hz)
    assert peaks(lasting.period(8000)) == hz


@EACH
@pytest.mark.parametrize("rate", [8000, 16000])
def test_each_has_the_level_of_the_recommendation_and_its_whole_period(
    country: str, rate: int
) -> None:
    tone = RINGING_TONES[country]
    period = tone.period(rate)
    assert len(period) * 1000 == sum(tone.cadence_ms) * rate
    assert not period[-tone.cadence_ms[-1] * rate // 1000 :].any()
    assert dbm0(period[: tone.cadence_ms[0] * rate // 1000]) == pytest.approx(-10, abs=0.1)


# ---- a bridge with a leg that rings -------------------------------------------------------------


def line_that_rings(ring_s: float = 3.0) -> tuple[Line, str]:
    """A call is answered, and Bob's number rings for so long."""
    numbers: Any = {BOB: CallScript(steps=STAY), BUSY: "busy", CAROL: CallScript(steps=STAY)}
    line = Line(CarrierConfig(webhook_url="http://app/", numbers=numbers, ring_s=ring_s))
    alice = line.ring()
    line.command(alice, "answer")
    return line, alice


def bridged_with(line: Line, alice: str, to: str = BOB, **fields: Any) -> str:
    bob: str = data(line.dial(to))["call_control_id"]
    assert line.command(alice, "bridge", call_control_id=bob, **fields).status == 200
    return bob


def test_the_caller_hears_the_tone_until_the_other_leg_answers() -> None:
    line, alice = line_that_rings(ring_s=1.0)
    bridged_with(line, alice, play_ringtone=True)
    line.tick(49)
    assert line.event_types()[-1] == "call.initiated"
    line.tick(50)
    assert line.event_types()[-1] == "call.bridged"
    heard = line.report(alice).bot
    assert sounding(heard) == [True] * 49 + [False] * 50
    assert np.array_equal(heard[: 49 * 160], RINGING_TONES["us"].period(8000)[: 49 * 160])


def test_the_tone_of_a_country_comes_again_and_again() -> None:
    line, alice = line_that_rings(ring_s=7.0)
    bridged_with(line, alice, play_ringtone=True, ringtone="uk")
    line.tick(300)
    period = RINGING_TONES["uk"].period(8000)
    assert np.array_equal(line.report(alice).bot[: 2 * len(period)], np.tile(period, 2))


@pytest.mark.parametrize("fields", [{}, {"play_ringtone": False}, {"ringtone": "uk"}])
def test_nobody_hears_a_tone_who_has_not_asked_for_it(fields: dict[str, Any]) -> None:
    line, alice = line_that_rings()
    bridged_with(line, alice, **fields)
    line.tick(50)
    assert not line.report(alice).bot.any()


def test_there_is_no_tone_for_a_leg_that_does_not_ring() -> None:
    line, alice = line_that_rings()
    parked = line.ring()
    line.command(alice, "bridge", call_control_id=parked, play_ringtone=True)
    line.tick(50)
    assert not line.report(alice).bot.any()


def test_the_tone_ends_when_the_other_leg_refuses() -> None:
    line, alice = line_that_rings(ring_s=0.5)
    bridged_with(line, alice, BUSY, play_ringtone=True)
    line.tick(40)
    assert line.report(alice).state == "answered"
    assert sounding(line.report(alice).bot) == [True] * 24 + [False] * 16


def test_the_tone_ends_when_the_caller_is_joined_with_somebody_else() -> None:
    line, alice = line_that_rings()
    bridged_with(line, alice, play_ringtone=True)
    line.tick(5)
    parked = line.ring()
    line.command(alice, "bridge", call_control_id=parked)
    line.tick(5)
    assert sounding(line.report(alice).bot) == [True] * 5 + [False] * 5


def test_a_second_tone_takes_the_place_of_the_first() -> None:
    line, alice = line_that_rings()
    bridged_with(line, alice, play_ringtone=True)
    line.tick(5)
    bridged_with(line, alice, CAROL, play_ringtone=True, ringtone="de")
    line.tick(5)
    expected = RINGING_TONES["de"].period(8000)[:800]
    assert np.array_equal(line.report(alice).bot[800:1600], expected)
