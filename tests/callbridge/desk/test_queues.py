"""`callbridge queue`, as it is typed, against a running carrier."""

from tests.callbridge.desk.conftest import ANN, BEN, CAT, RunningCarrier, Terminal


def test_a_queue_is_made_resized_and_deleted(typed: Terminal) -> None:
    assert typed("queue").out == "There is no queue.\n"
    made = typed("queue", "create", "support", "--max", "5", "--json").json
    assert (made["name"], made["max_size"]) == ("support", 5)
    assert typed("queue", "size", "support", "7", "--json").json["max_size"] == 7
    assert "0 of 7" in typed("queue").out
    assert typed("queue", "delete", "support").out == "support: deleted\n"
    assert typed("queue", "list", "--json").json == []


def test_who_waits_is_shown_and_the_first_is_taken(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    ann, ben, cat = map(phone_company.dial, (ANN, BEN, CAT))
    for number in (ANN, BEN):
        typed("queue", "add", "support", number)
    queue = typed("queue", "show", "support", "--json").json
    assert [call["call_control_id"] for call in queue["calls"]] == [ann, ben]
    assert f"  {BEN}  " in typed("queue", "show", "support").out
    assert {call["state"] for call in typed("calls", "--json").json} == {"queued", "answered"}

    taken = typed("queue", "take", "support", CAT, "--json").json
    assert (taken["queue"], taken["call_control_id"]) == ("support", cat)
    phone_company.until(ann, "call.bridged")
    assert [call["to"] for call in typed("queue", "show", "support", "--json").json["calls"]] == [
        BEN
    ]


def test_one_who_goes_on_leaves_the_queue_and_one_who_is_gone_is_taken_out(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    ann, ben = phone_company.dial(ANN), phone_company.dial(BEN)
    typed("queue", "add", "support", ANN, "--keep")
    typed("queue", "add", "support", BEN)
    assert typed("queue", "remove", "support", BEN).out.endswith("out of it; the call goes on\n")
    assert phone_company.is_alive(ben)
    typed("calls", "hangup", ann)
    assert "has hung up" in typed("queue", "show", "support").out
    assert typed("queue", "remove", "support", ANN).out.endswith("out of it\n")
    assert typed("queue", "show", "support", "--json").json["calls"] == []


def test_a_queue_that_is_not_there_is_told_from_those_that_are(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    assert "there is no queue 'sales', and no other" in typed("queue", "delete", "sales").err
    typed("queue", "create", "support")
    for command in (("show", "sales"), ("size", "sales", "3"), ("remove", "sales", ANN)):
        told = typed("queue", *command)
        assert told.code == 2
        assert told.err == "callbridge: there is no queue 'sales', there are: support\n"
    phone_company.dial(ANN)
    assert "nobody waits in the queue 'support'" in typed("queue", "take", "support", ANN).err
    assert "there is no call in the queue 'support'" in typed("queue", "remove", "support", ANN).err


def test_a_queue_that_somebody_waits_in_stays(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    phone_company.dial(ANN)
    typed("queue", "add", "support", ANN)
    refused = typed("queue", "delete", "support")
    assert refused.code == 2
    assert "90050" in refused.err
