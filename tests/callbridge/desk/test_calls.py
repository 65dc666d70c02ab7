"""`callbridge calls`, as it is typed, against a running carrier."""

import pytest

from tests.callbridge.desk.conftest import ANN, BEN, CAT, US, RunningCarrier, Terminal


def test_the_calls_that_go_on_are_a_table(typed: Terminal, phone_company: RunningCarrier) -> None:
    assert typed("calls").out == "No call goes on.\n"
    ann = phone_company.dial(ANN)
    head, row = [line.split() for line in typed("calls").out.splitlines() if "─" not in line][1:3]
    assert head == ["call", "from", "to", "state", "for", "client", "state"]
    assert row[:4] == [ann[-8:].lstrip("-"), US, ANN, "answered"]


def test_the_calls_that_go_on_are_an_array(typed: Terminal, phone_company: RunningCarrier) -> None:
    ann = phone_company.dial(ANN)
    (call,) = typed("calls", "--json").json
    assert typed("calls", "list", "--json").json[0]["call_control_id"] == ann
    assert call["call_control_id"] == ann
    assert (call["from"], call["to"], call["state"]) == (US, ANN, "answered")
    assert {"call_leg_id", "call_session_id", "call_duration", "client_state"} <= call.keys()
    (call,) = typed("calls", "--no-numbers", "--json").json
    assert (call["from"], call["to"], call["state"]) == (None, None, None)


def test_one_call_is_shown_with_what_happened_on_it(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    ann = phone_company.dial(ANN)
    shown = typed("calls", ann).out
    assert ann in shown
    assert shown.index("call.initiated") < shown.index("call.answered")
    call = typed("calls", "show", ann[-8:].lstrip("-"), "--json").json
    assert call["call_control_id"] == ann
    assert "call.answered" in [event["name"] for event in call["events"]]


@pytest.mark.parametrize("by", ["number", "end", "id"])
def test_a_call_is_hung_up_by_any_name(
    by: str, typed: Terminal, phone_company: RunningCarrier
) -> None:
    ann, ben = phone_company.dial(ANN), phone_company.dial(BEN)
    name = {"number": ANN, "end": ann[-5:].lstrip("-"), "id": ann}[by]
    assert typed("calls", "hangup", name).out == f"{ann[-8:].lstrip('-')}: hung up\n"
    assert not phone_company.is_alive(ann)
    assert phone_company.is_alive(ben)


def test_all_are_hung_up_only_when_that_is_said(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    calls = {phone_company.dial(ANN), phone_company.dial(BEN)}
    refused = typed("calls", "hangup")
    assert (refused.code, refused.out) == (2, "")
    assert "say --all" in refused.err
    done = typed("calls", "hangup", "--all", "--json").json
    assert {one["call_control_id"] for one in done} == calls
    assert {one["result"] for one in done} == {"ok"}
    assert typed("calls", "hangup", "--all").out == "No call goes on.\n"


def test_two_that_are_joined_end_together(typed: Terminal, phone_company: RunningCarrier) -> None:
    ann, ben = phone_company.dial(ANN), phone_company.dial(BEN)
    typed("calls", "bridge", ann, ben)
    done = typed("calls", "hangup", "--all", "--json").json
    assert sorted(one["result"] for one in done) == ["ended", "ok"]
    assert typed("calls", "hangup", ann).out.endswith(": had ended\n")
    unknown = typed("calls", "hangup", "v3:" + "x" * 30)
    assert "90015" in unknown.err


def test_a_call_that_rings_in_is_answered_or_refused(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    cat = phone_company.ring_in(from_=CAT)
    assert [call["state"] for call in typed("calls", "--json").json] == ["ringing"]
    typed("calls", "answer", CAT)
    phone_company.until(cat, "call.answered")
    other = phone_company.ring_in(from_=BEN)
    assert typed("calls", "reject", BEN, "--busy", "--json").json["call_control_id"] == other
    assert phone_company.commanded(other, "reject") == [{"cause": "USER_BUSY"}]
    assert not phone_company.is_alive(other)


def test_a_caller_is_referred(typed: Terminal, phone_company: RunningCarrier) -> None:
    ann = phone_company.dial(ANN)
    address = f"sip:{BEN}@example.com"
    assert typed("calls", "refer", ANN, address).out.endswith(f": asked to call {address} itself\n")
    assert phone_company.commanded(ann, "refer") == [{"sip_address": address}]


def test_a_call_is_transferred(typed: Terminal, phone_company: RunningCarrier) -> None:
    ann = phone_company.dial(ANN)
    done = typed("calls", "transfer", ANN, BEN, "--timeout", "20", "--park")
    assert (
        done.out
        == f"{ann[-8:].lstrip('-')}: {BEN} is being rung; the two are joined when it answers\n"
    )
    (given,) = phone_company.commanded(ann, "transfer")
    assert given == {"to": BEN, "timeout_secs": 20, "park_after_unbridge": "self"}
    assert {call["to"] for call in typed("calls", "--json").json} == {ANN, BEN}


def test_two_calls_are_joined(typed: Terminal, phone_company: RunningCarrier) -> None:
    ann, ben = phone_company.dial(ANN), phone_company.dial(BEN)
    done = typed("calls", "bridge", ANN, BEN, "--json").json
    assert done == {"action": "bridge", "call_control_id": ann, "with_": ben, "result": "ok"}
    phone_company.until(ann, "call.bridged")
    assert [call["state"] for call in typed("calls", "--json").json] == ["bridged", "bridged"]


def test_the_platform_speaks_presses_and_records(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    ann = phone_company.dial(ANN)
    assert typed("calls", "speak", ANN, "A long sentence that is stopped.").code == 0
    phone_company.until(ann, "call.speak.started")
    assert typed("calls", "stop", ANN).code == 0
    phone_company.until(ann, "call.speak.ended")
    assert typed("calls", "dtmf", ANN, "1w2").out.endswith(": pressing 1w2\n")
    for verb in ("start", "pause", "resume", "stop"):
        done = typed("calls", "record", ANN, verb, "--json").json
        assert (done["action"], done["result"]) == (f"record_{verb}", "ok")
    phone_company.until(ann, "call.recording.saved")


def test_what_is_played_is_an_address_or_an_upload(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    ann = phone_company.dial(ANN)
    typed("calls", "play", ANN, "https://bot.example/a.wav", "--loop", "2")
    typed("calls", "play", ANN, "welcome")
    upload, address = phone_company.commanded(ann, "playback_start")
    assert address == {"audio_url": "https://bot.example/a.wav", "loop": 2}
    assert upload == {"media_name": "welcome"}


def test_a_call_that_is_not_there_is_told_from_those_that_are(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    nobody = typed("calls", "hangup", "abcdef")
    assert nobody.code == 2
    assert nobody.err == "callbridge: there is no live call 'abcdef', and no other\n"
    phone_company.dial(ANN)
    phone_company.dial(BEN)
    unknown = typed("calls", "speak", CAT, "Hi")
    assert f"there is no live call '{CAT}', there are: " in unknown.err
    assert f"({US} to {BEN})" in unknown.err
    several = typed("calls", "hangup", US)
    assert f"'{US}' is more than one live call: " in several.err
    assert "say more of the id" in several.err


def test_the_platforms_own_words_are_passed_on(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    ann = phone_company.dial(ANN)
    typed("calls", "hangup", ann)
    refused = typed("calls", "speak", ann, "Too late.")
    assert refused.code == 2
    assert "90018" in refused.err
