"""Supervisors of a bridged call: who hears whom, sample by sample, and what becomes of them.

Call n says 10**n; a listener who hears 110 hears calls 1 and 2. Call 0 is the agent, whose leg is
supervised, call 1 the caller, and the others are supervisors."""

from typing import Any

import pytest

from callbridge.carrier.api.problems import Response
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, Wait
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine
from tests.callbridge.carrier.line import codes, data

BOSS, CHIEF, WIDE = "+13125550199", "+13125550198", "+13125550197"
RING_S = 0.06


class SupervisedLine(ConferenceLine):
    """With an agent and a caller who are bridged."""

    def __init__(self) -> None:
        person = CallScript(steps=(Wait("answered"),))
        wide = CallScript(steps=person.steps, codec="L16")
        numbers: Any = {BOSS: person, CHIEF: person, WIDE: wide}
        super().__init__(CarrierConfig(webhook_url="http://a/", numbers=numbers, ring_s=RING_S))
        self.agent, self.caller = self.answered(), self.answered()
        response = self.command(self.agent, "bridge", call_control_id=self.caller)
        assert response.status == 200

    def calls_supervisor(self, role: str | None = "monitor", to: str = BOSS, **more: Any) -> str:
        """They ring."""
        fields = {"supervise_call_control_id": self.agent} | more
        if role is not None:
            fields["supervisor_role"] = role
        call: str = data(self.dial(to, **fields))["call_control_id"]
        return call

    def supervisor(self, role: str | None = "monitor", to: str = BOSS, **more: Any) -> str:
        """They have answered."""
        call = self.calls_supervisor(role, to, **more)
        self.tick(5)
        assert self.report(call).state == "answered"
        return call

    def switch_role(self, call: str, role: str) -> Response:
        return self.command(call, "switch_supervisor_role", role=role)


# ---- who hears whom -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "heard"),
    [
        ("monitor", [10, 1, 11]),
        ("whisper", [110, 1, 11]),
        ("barge", [110, 101, 11]),
        (None, [110, 101, 11]),  # the documents' default is barge
    ],
)
def test_a_supervisor_hears_both_and_is_heard_by_their_role(
    role: str | None, heard: list[int]
) -> None:
    line = SupervisedLine()
    boss = line.supervisor(role)
    assert line.heard([line.agent, line.caller, boss]) == heard


def test_before_they_answer_a_supervisor_hears_nothing() -> None:
    line = SupervisedLine()
    boss = line.calls_supervisor("barge")
    assert line.heard([line.agent, line.caller]) == [10, 1]
    assert line.report(boss).state == "ringing"
    assert not line.report(boss).bot.any()


def test_roles_are_switched_while_the_call_goes_on() -> None:
    line = SupervisedLine()
    boss = line.supervisor("monitor")
    calls = [line.agent, line.caller, boss]
    for role, heard in (
        ("whisper", [110, 1, 11]),
        ("barge", [110, 101, 11]),
        ("monitor", [10, 1, 11]),
    ):
        assert line.switch_role(boss, role).body == {"data": {"result": "ok"}}
        assert line.heard(calls) == heard


def test_two_supervisors_of_one_call_hear_each_other_by_their_roles() -> None:
    line = SupervisedLine()
    boss, chief = line.supervisor("whisper"), line.supervisor("barge", CHIEF)
    calls = [line.agent, line.caller, boss, chief]
    assert line.heard(calls) == [1110, 1001, 1011, 11]
    line.switch_role(boss, "barge")
    line.switch_role(chief, "monitor")
    assert line.heard(calls) == [110, 101, 11, 111]


def test_the_other_leg_of_a_bridge_can_be_supervised() -> None:
    line = SupervisedLine()
    boss = line.supervisor("whisper", supervise_call_control_id=line.caller)
    assert line.heard([line.agent, line.caller, boss]) == [10, 101, 11]


def test_a_supervisor_with_a_wider_codec_hears_and_is_heard() -> None:
    line = SupervisedLine()
    boss = line.supervisor("whisper", WIDE)
    for call, level, rate in ((line.agent, 100, 8000), (boss, 2000, 16000)):
        line.says(call, level, ms=400, rate=rate)
    line.tick(12)
    assert abs(int(line.report(boss).bot[-320:].mean()) - 100) < 5
    assert abs(int(line.report(line.agent).bot[-160:].mean()) - 2000) < 20
    assert line.last(line.caller) == 100


# ---- what is told -------------------------------------------------------------------------------


def test_the_call_of_a_supervisor_is_told_as_any_other_and_the_two_are_told_nothing() -> None:
    line = SupervisedLine()
    before = line.event_types()
    boss = line.supervisor("monitor")
    line.switch_role(boss, "barge")
    line.command(boss, "hangup")
    told = line.event_types()[len(before) :]
    assert told == line.event_types(boss) == ["call.initiated", "call.answered", "call.hangup"]


def test_the_tape_says_whom_they_supervise_and_how() -> None:
    line = SupervisedLine()
    boss = line.supervisor("monitor")
    line.switch_role(boss, "whisper")
    noted = [entry.detail for entry in line.report(boss).tape if entry.kind == "supervises"]
    assert noted == [{"leg": line.agent, "role": role} for role in ("monitor", "whisper")]


# ---- how it ends --------------------------------------------------------------------------------


def test_a_supervisor_who_hangs_up_leaves_the_others_untouched() -> None:
    line = SupervisedLine()
    boss = line.supervisor("barge")
    line.command(boss, "hangup")
    assert line.heard([line.agent, line.caller]) == [10, 1]
    assert line.switch.live_legs == 2


@pytest.mark.parametrize("who", ["agent", "caller"])
def test_the_end_of_the_supervised_call_is_the_end_of_the_supervisor(who: str) -> None:
    line = SupervisedLine()
    bosses = line.supervisor("monitor"), line.supervisor("barge", CHIEF)
    line.command(getattr(line, who), "hangup")
    line.tick()
    ended = [line.report(boss) for boss in bosses]
    assert [each.hangup_cause for each in ended] == ["normal_clearing"] * 2
    assert line.switch.live_legs == 0


def test_a_supervisor_is_hung_up_when_the_supervised_leg_is_parked() -> None:
    line = SupervisedLine()
    line.command(line.caller, "hangup")
    line.agent, line.caller = line.answered(), line.answered()
    line.command(line.agent, "bridge", call_control_id=line.caller, park_after_unbridge="self")
    boss = line.supervisor("monitor")
    line.command(line.caller, "hangup")
    line.tick()
    assert line.report(line.agent).state == "answered"
    assert line.report(boss).state == "ended"


def test_a_supervisor_who_answers_too_late_is_hung_up() -> None:
    """The leg is there still, but it is parked."""
    line = SupervisedLine()
    line.command(line.caller, "hangup")
    line.agent, line.caller = line.answered(), line.answered()
    line.command(line.agent, "bridge", call_control_id=line.caller, park_after_unbridge="self")
    boss = line.calls_supervisor()
    line.command(line.caller, "hangup")
    assert line.report(boss).state == "ringing"
    line.tick(5)
    assert line.event_types(boss) == ["call.initiated", "call.answered", "call.hangup"]
    assert line.report(line.agent).state == "answered"


def test_a_supervisor_is_not_rung_any_longer_for_a_call_that_has_ended() -> None:
    line = SupervisedLine()
    boss = line.calls_supervisor()
    line.command(line.agent, "hangup")
    assert line.report(boss).hangup_cause == "originator_cancel"


def test_a_supervisor_stays_with_the_leg_when_it_is_bridged_with_somebody_else() -> None:
    line = SupervisedLine()
    boss = line.supervisor("whisper")
    next_caller = line.answered()
    assert line.command(line.agent, "bridge", call_control_id=next_caller).status == 200
    assert line.report(line.caller).state == "ended"
    assert line.heard([line.agent, next_caller, boss]) == [110, 1, 11]


def test_a_supervisor_hears_no_more_of_a_call_than_the_one_who_leaves_it() -> None:
    """The bridge ends in the middle of a tick, by a leg that is younger than the supervisor's."""
    line = SupervisedLine()
    boss = line.supervisor("monitor")
    next_caller = line.answered()
    line.command(line.agent, "bridge", call_control_id=next_caller)
    line.tick(2)
    line.says(line.agent, 1, ms=2000)
    line.command(next_caller, "refer", sip_address=f"sip:{CHIEF}@sip.example.com")
    line.tick(10)
    assert line.switch.live_legs == 0
    heard = [int(line.report(call).bot.sum()) for call in (next_caller, boss)]
    assert heard[0] == heard[1] > 0


@pytest.mark.parametrize("first", ["agent", "boss"])
def test_a_supervisor_can_take_the_call_over(first: str) -> None:
    line = SupervisedLine()
    boss = line.supervisor("monitor")
    path, other = (line.agent, boss) if first == "agent" else (boss, line.agent)
    assert line.command(path, "bridge", call_control_id=other).status == 200
    assert line.report(line.caller).state == "ended"
    assert line.heard([line.agent, boss]) == [10, 1]
    assert codes(line.switch_role(boss, "barge")) == [("90102", None)]


def test_a_supervisor_who_joins_a_conference_supervises_no_more() -> None:
    line = SupervisedLine()
    boss = line.supervisor("barge")
    line.create(boss)
    assert line.heard([line.agent, line.caller, boss]) == [10, 1, 0]


def test_the_first_of_several_supervisors_to_answer_is_the_one() -> None:
    line = SupervisedLine()
    line.dial([BOSS, CHIEF], supervise_call_control_id=line.agent)  # type: ignore[arg-type]
    line.tick(5)
    [boss] = {e["payload"]["call_control_id"] for e in line.events[-3:]} - set(line.finished)
    assert line.heard([line.agent, line.caller, boss]) == [110, 101, 11]


def test_nothing_is_left_on_the_supervised_leg() -> None:
    line = SupervisedLine()
    leg = line.switch.find(line.agent)
    assert leg is not None
    before = leg.parts
    for _ in range(3):
        line.command(line.supervisor(), "hangup")
    assert leg.parts == before


# ---- refusals -----------------------------------------------------------------------------------


def test_only_a_bridged_call_can_be_supervised() -> None:
    line = SupervisedLine()
    before = line.event_types().count("call.initiated")
    alone, gone = line.answered(), line.answered()
    line.command(gone, "hangup")
    pointer = "/supervise_call_control_id"
    for call, code in (("v3:none", "90015"), (gone, "90018"), (alone, "90102")):
        response = line.dial(BOSS, supervise_call_control_id=call)
        assert codes(response) == [(code, pointer)]
    assert line.event_types().count("call.initiated") == before + 2


@pytest.mark.parametrize(
    "elsewhere", [{"bridge_on_answer": True}, {"conference_config": {"conference_name": "a"}}]
)
def test_a_supervisor_goes_to_one_place(elsewhere: dict[str, object]) -> None:
    line = SupervisedLine()
    fields = elsewhere | {"supervise_call_control_id": line.agent, "link_to": line.agent}
    response = line.dial(BOSS, **fields)
    assert codes(response) == [("10027", "/supervise_call_control_id")]


def test_an_unknown_role_is_refused() -> None:
    line = SupervisedLine()
    response = line.dial(BOSS, supervise_call_control_id=line.agent, supervisor_role="king")
    assert codes(response) == [("10032", "/supervisor_role")]
    boss = line.supervisor("monitor")
    assert codes(line.switch_role(boss, "none")) == [("10032", "/role")]
    assert codes(line.command(boss, "switch_supervisor_role")) == [("10004", "/role")]
    assert line.heard([line.agent, line.caller, boss]) == [10, 1, 11]


def test_a_leg_that_supervises_nobody_has_no_role_to_switch() -> None:
    line = SupervisedLine()
    assert codes(line.switch_role(line.agent, "barge")) == [("90102", None)]
    ringing = line.calls_supervisor()
    assert codes(line.switch_role(ringing, "barge")) == [("90034", None)]
    line.command(ringing, "hangup")
    assert codes(line.switch_role(ringing, "barge")) == [("90018", None)]
