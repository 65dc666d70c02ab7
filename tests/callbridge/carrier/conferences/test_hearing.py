"""Who hears whom in a conference, sample by sample: a digit for each speaker.

Call n says 10**n; a listener who hears 1100 hears calls 2 and 3."""

import numpy as np

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, Play, Wait
from callbridge.host.audiofile import Clip
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine
from tests.callbridge.carrier.line import tone

BOB = "+13125550199"
BOB_ANSWERS = CarrierConfig(
    webhook_url="http://a/", numbers={BOB: CallScript(steps=(Wait("answered"),))}, ring_s=0.0
)


def test_each_of_four_hears_the_other_three() -> None:
    line = ConferenceLine()
    assert line.heard(line.meeting(4)) == [1110, 1101, 1011, 111]


def test_two_alone_hear_each_other() -> None:
    line = ConferenceLine()
    assert line.heard(line.meeting(2)) == [10, 1]


def test_tones_of_different_pitch_are_told_apart() -> None:
    """400, 600 and 900 Hz: each participant hears two of them, at their own level."""
    line = ConferenceLine()
    pitches = (400, 600, 900)
    calls = [line.answered(Play(Clip(tone(1000, hz=hz), 8000))) for hz in pitches]
    line.create(calls[0])
    for call in calls[1:]:
        line.does("join", call_control_id=call)
    line.tick(30)
    for call, own in zip(calls, pitches, strict=True):
        spectrum = np.abs(np.fft.rfft(line.report(call).bot[-2000:]))  # 4 Hz a bin
        strong = {int(at) * 4 for at in np.flatnonzero(spectrum > spectrum.max() / 4)}
        assert strong == set(pitches) - {own}


def test_who_is_muted_is_heard_by_nobody_and_hears_all() -> None:
    line = ConferenceLine()
    calls = line.meeting(4)
    line.does("mute", call_control_ids=[calls[0], calls[2]])
    assert line.heard(calls) == [1010, 1000, 1010, 10]
    line.does("unmute", call_control_ids=[calls[0]])
    assert line.heard(calls) == [1010, 1001, 1011, 11]


def test_mute_and_unmute_without_names_are_for_all() -> None:
    line = ConferenceLine()
    calls = line.meeting(3)
    line.does("mute")
    assert line.heard(calls) == [0, 0, 0]
    line.does("unmute", call_control_ids=[])
    assert line.heard(calls) == [110, 101, 11]


def test_who_is_on_hold_hears_nothing_and_is_not_heard() -> None:
    line = ConferenceLine()
    calls = line.meeting(3)
    line.does("hold", call_control_ids=[calls[1]])
    assert line.heard(calls) == [100, 0, 1]
    line.does("unhold", call_control_ids=[calls[1]])
    assert line.heard(calls) == [110, 101, 11]


def test_on_hold_and_muted_are_two_things() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("hold")
    line.does("mute", call_control_ids=[calls[0]])
    line.does("unhold", call_control_ids=calls)
    assert line.heard(calls) == [10, 0]


def test_a_supervisor_who_monitors_is_heard_by_nobody() -> None:
    line = ConferenceLine()
    agent, caller = line.meeting(2)
    supervisor = line.answered()
    line.does("join", call_control_id=supervisor, supervisor_role="monitor")
    assert line.heard([agent, caller, supervisor]) == [10, 1, 11]


def test_a_supervisor_whispers_to_the_agent_alone() -> None:
    line = ConferenceLine()
    agent, caller = line.meeting(2)
    supervisor = line.answered()
    line.does(
        "join",
        call_control_id=supervisor,
        supervisor_role="whisper",
        whisper_call_control_ids=[agent],
    )
    assert line.heard([agent, caller, supervisor]) == [110, 1, 11]


def test_a_whisper_to_nobody_only_listens() -> None:
    line = ConferenceLine()
    calls = line.meeting(3)
    line.does("update", call_control_id=calls[2], supervisor_role="whisper")
    assert line.heard(calls) == [10, 1, 11]


def test_roles_change_while_the_conference_goes_on() -> None:
    line = ConferenceLine()
    calls = line.meeting(3)
    supervisor = calls[2]
    line.does("update", call_control_id=supervisor, supervisor_role="monitor")
    assert line.heard(calls) == [10, 1, 11]
    line.does("update", call_control_id=supervisor, supervisor_role="barge")
    assert line.heard(calls) == [110, 101, 11]
    line.does(
        "update",
        call_control_id=supervisor,
        supervisor_role="whisper",
        whisper_call_control_ids=[calls[1]],
    )
    assert line.heard(calls) == [10, 101, 11]
    line.does("update", call_control_id=supervisor, supervisor_role="none")
    assert line.heard(calls) == [110, 101, 11]


def test_two_supervisors_whisper_to_different_people() -> None:
    line = ConferenceLine()
    calls = line.meeting(4)
    for supervisor, to in ((calls[2], calls[0]), (calls[3], calls[1])):
        line.does(
            "update",
            call_control_id=supervisor,
            supervisor_role="whisper",
            whisper_call_control_ids=[to],
        )
    assert line.heard(calls) == [110, 1001, 11, 11]


def test_a_supervisor_may_join_before_the_agent_they_whisper_to() -> None:
    line = ConferenceLine()
    caller, supervisor = line.meeting(2)
    agent = line.answered()
    line.does(
        "update",
        call_control_id=supervisor,
        supervisor_role="whisper",
        whisper_call_control_ids=[agent],
    )
    assert line.heard([caller, supervisor]) == [0, 1]
    line.does("join", call_control_id=agent)
    assert line.heard([caller, supervisor, agent]) == [100, 101, 11]


def test_who_leaves_is_parked_and_heard_no_more() -> None:
    line = ConferenceLine()
    calls = line.meeting(3)
    line.does("leave", call_control_id=calls[0])
    assert line.heard(calls) == [0, 100, 10]
    line.does("join", call_control_id=calls[0])
    assert line.heard(calls) == [110, 101, 11]


def test_a_wide_and_a_narrow_leg_hear_each_other() -> None:
    line = ConferenceLine()
    narrow, wide = line.answered(), line.answered(codec="L16")
    line.create(narrow)
    line.does("join", call_control_id=wide)
    line.says(narrow, 1000, ms=200)
    line.says(wide, 2000, ms=200, rate=16000)
    line.tick(6)  # the filters' delay
    narrow_hears, wide_hears = line.report(narrow).bot[-160:], line.report(wide).bot[-320:]
    assert abs(int(narrow_hears.mean()) - 2000) < 20
    assert abs(int(wide_hears.mean()) - 1000) < 20


def test_a_bridged_leg_that_joins_leaves_its_partner() -> None:
    line = ConferenceLine(BOB_ANSWERS)
    alice, host = line.answered(), line.answered()
    line.create(host)
    line.command(alice, "transfer", to=BOB)
    line.tick()
    bob = line.payload("call.bridged")["call_control_id"]
    line.does("join", call_control_id=alice)
    assert line.event_types(bob)[-1] == "call.hangup"
    assert line.heard([alice, host]) == [10, 1]


def test_a_partner_that_is_to_be_parked_is_not_hung_up() -> None:
    line = ConferenceLine(BOB_ANSWERS)
    alice, host = line.answered(), line.answered()
    line.create(host)
    line.command(alice, "transfer", to=BOB, park_after_unbridge="self")
    line.tick()
    bob = line.payload("call.bridged")["call_control_id"]
    line.does("join", call_control_id=bob)
    assert "call.hangup" not in line.event_types(alice)
    assert line.heard([bob, host]) == [10, 1]


def test_a_participant_who_is_transferred_leaves_the_conference() -> None:
    line = ConferenceLine(BOB_ANSWERS)
    calls = line.meeting(3)
    line.command(calls[0], "transfer", to=BOB)
    line.tick()
    types = line.event_types()
    assert types.index("conference.participant.left") < types.index("call.bridged")
    assert len(line.participants()) == 2
    assert line.heard(calls) == [0, 100, 10]
