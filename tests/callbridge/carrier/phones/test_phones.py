"""Telephones in browsers are numbers like any other: they call, ring, and are legs of calls."""

import numpy as np
import pytest

from callbridge.carrier.people.phone_wire import (
    AnsweredElsewhere,
    MalformedPhoneFrame,
    PhoneAnswered,
    PhoneBook,
    PhoneCalls,
    PhoneEnded,
    PhoneEntry,
    PhoneHeld,
    PhoneReady,
    PhoneRefused,
    PhoneRings,
    PhoneTransfers,
)
from telecodecs import silence
from tests.callbridge.carrier.line import SELF, tone
from tests.callbridge.carrier.phones.phone_line import ADA, BOB, BUSY, TALKER, PhonesLine
from tests.callbridge.speech.person import passage

BOT = "+13125550100"


@pytest.fixture
def line() -> PhonesLine:
    line = PhonesLine()
    line.plug_in("a", ADA, "Ada")
    line.plug_in("b", BOB, "Bob")
    return line


def ended(line: PhonesLine, phone: str) -> tuple[str, str]:
    [end] = line.news(phone, PhoneEnded)[-1:]
    return end.cause, end.by


# ---- who there is -------------------------------------------------------------------------------


def test_a_phone_is_told_its_number_and_the_others(line: PhonesLine) -> None:
    assert line.news("a", PhoneReady) == [PhoneReady(ADA, "Ada", "PCMU")]
    assert line.news("a", PhoneBook)[-1].phones == (PhoneEntry(BOB, "Bob"),)
    line.closes("b")
    assert line.news("a", PhoneBook)[-1].phones == ()


def test_numbers_are_written_as_people_write_them() -> None:
    line = PhonesLine()
    line.plug_in("a", "+1 (312) 555-0141")
    assert line.news("a", PhoneReady) == [PhoneReady(ADA, ADA, "PCMU")]
    line.plug_in("b", "555")
    assert "like +13125550142" in line.news("b", PhoneRefused)[0].why


def test_nobody_takes_the_number_of_somebody_who_lives_there() -> None:
    line = PhonesLine()
    line.plug_in("a", BUSY)
    assert "somebody else lives at" in line.news("a", PhoneRefused)[0].why
    line.dials("a", BOT)
    assert "no number yet" in line.news("a", PhoneRefused)[1].why


def test_a_name_cannot_turn_the_words_around_it() -> None:
    line = PhonesLine()
    line.plug_in("a", ADA, "  Ada\u202e\u0000\n <b>" + "x" * 60)
    name = line.news("a", PhoneReady)[0].name
    assert name.startswith("Ada <b>")
    assert len(name) == 40


# ---- calls to the application -------------------------------------------------------------------


def test_a_phone_calls_the_bot_and_both_are_heard(line: PhonesLine) -> None:
    line.dials("a", BOT)
    call = line.leg("a")
    assert line.news("a", PhoneCalls) == [PhoneCalls(call, BOT, "PCMU")]
    initiated = line.events[-1]
    assert (initiated["event_type"], initiated["payload"]["from"]) == ("call.initiated", ADA)
    assert line.command(call, "answer", **SELF).status == 200
    assert line.news("a", PhoneAnswered) == [PhoneAnswered(call)]
    line.says("a", tone(400))
    media = [frame for frame in line.frames if frame["event"] == "media"]
    assert len(media) >= 20
    report = line.switch.report(call)
    assert np.max(np.abs(report.caller)) > 7000
    assert len(line.heard["a"]) == 20


def test_keys_are_events_and_no_sound(line: PhonesLine) -> None:
    line.dials("a", BOT)
    line.presses("a", "1")
    assert "when the call is answered" in line.news("a", PhoneRefused)[0].why
    line.command(line.leg("a"), "answer")
    line.presses("a", "5")
    line.presses("a", "#")
    digits = [e["payload"]["digit"] for e in line.events if e["event_type"] == "call.dtmf.received"]
    assert digits == ["5", "#"]


def test_hold_is_the_phones_own_and_the_application_is_told(line: PhonesLine) -> None:
    line.dials("a", BOT)
    line.command(line.leg("a"), "answer")
    line.holds("a", True)
    line.says("a", tone(200))
    line.holds("a", False)
    kinds = [event["event_type"] for event in line.events]
    assert kinds.count("call.hold") == kinds.count("call.unhold") == 1
    assert [held.on for held in line.news("a", PhoneHeld)] == [True, False]
    assert np.max(np.abs(line.switch.report(line.leg("a")).caller[-1600:])) == 0


@pytest.mark.parametrize("answered", [False, True])
def test_a_closed_tab_hangs_up(line: PhonesLine, answered: bool) -> None:
    line.dials("a", BOT)
    call = line.leg("a")
    if answered:
        line.command(call, "answer")
    line.closes("a")
    report = line.switch.report(call)
    assert report.hangup_cause == ("normal_clearing" if answered else "originator_cancel")
    assert report.hung_up_by == "caller"


def test_who_hung_up_is_said(line: PhonesLine) -> None:
    line.dials("a", BOT)
    line.command(line.leg("a"), "answer")
    line.leaves("a")
    assert ended(line, "a") == ("normal_clearing", "you")
    line.dials("a", BOT)
    line.command(line.leg("a"), "reject", cause="USER_BUSY")
    assert ended(line, "a") == ("user_busy", "other")


def test_a_call_that_no_application_takes_ends_by_the_carrier(line: PhonesLine) -> None:
    line.dials("a", BOT)
    line.tick(50 * 16)
    assert ended(line, "a") == ("timeout", "carrier")


def test_a_call_that_an_application_has_taken_waits_for_it(line: PhonesLine) -> None:
    line.dials("a", BOT)
    line.command(line.leg("a"), "client_state_update", client_state="aGk=")
    line.command(line.leg("a"), "answer")
    line.tick(50 * 60)
    assert line.switch.report(line.leg("a")).state == "answered"


def test_one_phone_has_one_call(line: PhonesLine) -> None:
    line.dials("a", BOT)
    line.dials("a", TALKER)
    assert "hang up first" in line.news("a", PhoneRefused)[0].why


# ---- calls to a phone ---------------------------------------------------------------------------


def test_a_phone_that_is_dialled_rings_and_is_answered(line: PhonesLine) -> None:
    assert line.dial(ADA, **SELF).status == 200
    [rings] = line.news("a", PhoneRings)
    assert (rings.from_, rings.name, rings.codec) == (BOT, "", "PCMU")
    line.tick(50)
    assert line.switch.report(rings.call).state == "ringing"
    line.answers("a")
    assert line.events[-1]["event_type"] in ("call.answered", "streaming.started")
    line.says("a", tone(200))
    assert np.max(np.abs(line.switch.report(rings.call).caller)) > 7000
    line.leaves("a")
    assert ended(line, "a") == ("normal_clearing", "you")


def test_two_tabs_of_one_number_ring_and_the_first_has_the_call(line: PhonesLine) -> None:
    line.plug_in("a2", ADA, "Ada's other tab")
    line.dial(ADA)
    call = line.leg("a")
    assert line.leg("a2") == call
    line.answers("a2")
    line.answers("a")  # a moment too late
    assert line.news("a", AnsweredElsewhere) == [AnsweredElsewhere(call)]
    assert line.news("a", PhoneAnswered) == []
    assert line.news("a2", PhoneAnswered) == [PhoneAnswered(call)]
    line.dial(ADA)  # it rings where a hand is free
    assert len(line.news("a", PhoneRings)) == 2
    assert len(line.news("a2", PhoneRings)) == 1


def test_two_tabs_of_one_number_can_both_decline(line: PhonesLine) -> None:
    line.plug_in("a2", ADA)
    line.dial(ADA)
    call = line.leg("a")
    line.leaves("a")
    assert line.switch.report(call).state == "ringing"
    assert ended(line, "a") == ("call_rejected", "you")
    line.leaves("a2")
    assert line.switch.report(call).hangup_cause == "call_rejected"


def test_a_call_that_nobody_answers_is_no_answer(line: PhonesLine) -> None:
    line.dial(ADA, timeout_secs=5, retry_on_timeout=False)
    line.tick(50 * 6)
    assert line.switch.report(line.leg("a")).hangup_cause == "no_answer"
    assert ended(line, "a") == ("no_answer", "other")


def test_a_tab_that_closes_while_it_rings_declines_nothing(line: PhonesLine) -> None:
    line.dial(ADA)
    call = line.leg("a")
    line.closes("a")
    line.tick(50)
    assert line.switch.report(call).state == "ringing"


def test_a_phone_in_a_call_is_busy(line: PhonesLine) -> None:
    line.dials("a", BOT)
    line.dial(ADA)
    line.tick(50)
    assert line.events[-1]["payload"]["hangup_cause"] == "user_busy"
    assert line.news("a", PhoneRings) == []


# ---- calls from phone to phone, and to the numbers of the carrier -------------------------------


def test_phones_call_each_other_and_no_application_hears_of_it(line: PhonesLine) -> None:
    line.dials("a", BOB)
    [rings] = line.news("b", PhoneRings)
    assert (rings.from_, rings.name) == (ADA, "Ada")
    line.answers("b")
    assert line.news("a", PhoneAnswered)
    line.says("b", tone(400))
    assert line.loudness("a") > 7000
    assert line.loudness("b") == 0
    assert line.deliveries == []
    line.leaves("b")
    assert ended(line, "a") == ("normal_clearing", "other")
    assert ended(line, "b") == ("normal_clearing", "you")


@pytest.mark.parametrize(("number", "cause"), [(BUSY, "user_busy"), (BOB, "call_rejected")])
def test_a_phone_that_is_refused_hears_why(line: PhonesLine, number: str, cause: str) -> None:
    line.dials("a", number)
    if number == BOB:
        line.leaves("b")
    line.tick(50)
    assert ended(line, "a") == (cause, "other")
    assert line.switch.live_legs == 0


def test_a_phone_gives_up(line: PhonesLine) -> None:
    line.dials("a", BOB)
    line.leaves("a")
    assert ended(line, "a") == ("originator_cancel", "you")
    assert ended(line, "b") == ("originator_cancel", "other")
    assert line.switch.live_legs == 0


def test_a_phone_talks_with_a_number_of_the_settings(line: PhonesLine) -> None:
    line.dials("a", TALKER)
    line.tick(60)
    assert line.loudness("a", frames=40) > 7000


def test_wideband_is_there_where_every_phone_has_it() -> None:
    line = PhonesLine()
    line.plug_in("a", ADA, speaks="L16")
    line.plug_in("b", BOB, speaks="L16")
    line.dials("a", BOB)
    line.answers("b")
    line.says("a", tone(400, rate=16000, hz=6000), speaks="L16")
    heard = np.frombuffer(b"".join(line.heard["b"][-10:]), "<i2")
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * 16000 / len(heard) == pytest.approx(6000, abs=20)
    line.leaves("a")
    line.plug_in("b2", BOB, speaks="PCMU")
    line.dials("a", BOB)
    assert line.news("b", PhoneRings)[-1].codec == "PCMU"


# ---- transfer -----------------------------------------------------------------------------------


def test_a_phone_transfers_whom_it_talks_with_by_the_platforms_command(line: PhonesLine) -> None:
    caller = line.ring()
    line.command(caller, "answer")
    line.command(caller, "transfer", to=ADA)
    line.answers("a")
    line.transfers("a", BOB)
    assert line.news("a", PhoneTransfers)[0].to == BOB
    line.answers("b")
    assert ended(line, "a")[1] == "other"
    line.says("b", tone(200))
    assert np.max(np.abs(line.switch.report(caller).bot)) > 7000


def test_a_phone_cannot_transfer_the_application(line: PhonesLine) -> None:
    line.dials("a", BOT)
    line.command(line.leg("a"), "answer")
    line.transfers("a", BOB)
    assert "the other side of this call is the application" in line.news("a", PhoneRefused)[0].why


def test_a_phone_in_a_conference_of_two_transfers_the_other(line: PhonesLine) -> None:
    caller = line.ring()
    line.command(caller, "answer")
    made = line.request("POST", "/v2/conferences", {"name": "desk", "call_control_id": caller})
    conference = made.body["data"]["id"]  # type: ignore[index]
    line.dial(ADA)
    line.answers("a")
    join = {"call_control_id": line.leg("a")}
    assert line.request("POST", f"/v2/conferences/{conference}/actions/join", join).status == 200
    line.transfers("a", BOB)
    line.answers("b")
    line.says("b", tone(200))
    assert np.max(np.abs(line.switch.report(caller).bot)) > 7000


def test_a_phone_transfers_another_phone(line: PhonesLine) -> None:
    line.plug_in("c", "+13125550143", "Cy")
    line.dials("a", BOB)
    line.answers("b")
    line.transfers("b", "+13125550143")
    line.answers("c")
    assert ended(line, "b")[1] == "other"
    line.says("a", tone(200))
    assert line.loudness("c", frames=8) > 7000


# ---- a leg like any other -----------------------------------------------------------------------


def test_what_a_phone_says_is_recorded(line: PhonesLine) -> None:
    line.dials("a", BOT)
    call = line.leg("a")
    line.command(call, "answer")
    assert line.command(call, "record_start", format="wav", channels="dual").status == 200
    line.says("a", tone(400))
    line.command(call, "record_stop")
    [recorded] = line.recordings.saved.values()
    assert np.max(np.abs(recorded)) > 7000


def test_a_person_at_a_phone_is_no_machine(line: PhonesLine) -> None:
    line.dial(ADA, answering_machine_detection="detect")
    line.answers("a")
    line.says("a", passage((0.9, 1.7)))
    line.tick(150)
    [verdict] = [e for e in line.events if e["event_type"] == "call.machine.detection.ended"]
    assert verdict["payload"]["result"] == "human"


# ---- what no page of ours sends -----------------------------------------------------------------


@pytest.mark.parametrize("octets", [0, 1, 159, 161, 320, 640, 4096])
def test_a_frame_of_another_length_is_a_wrong_rate(line: PhonesLine, octets: int) -> None:
    line.dials("a", BOT)
    with pytest.raises(MalformedPhoneFrame, match="20 ms of PCMU are 160 octets"):
        line.switch.phone_said("a", bytes(octets), line.now)


def test_audio_outside_of_a_call_is_dropped(line: PhonesLine) -> None:
    line.switch.phone_said("a", bytes(7), line.now)
    line.dials("a", BOT)
    line.switch.phone_said("a", bytes(160), line.now)
    line.command(line.leg("a"), "answer")
    line.tick(5)
    assert np.array_equal(line.switch.report(line.leg("a")).caller, silence(5 * 160))


def test_a_flood_of_audio_is_no_longer_than_the_buffer(line: PhonesLine) -> None:
    line.dials("a", BOT)
    line.command(line.leg("a"), "answer")
    for _ in range(10_000):
        line.switch.phone_said("a", b"\x10" * 160, line.now)
    line.tick(100)
    spoken = line.switch.report(line.leg("a")).caller
    assert np.count_nonzero(spoken) <= 16 * 160
