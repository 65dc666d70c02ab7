"""`callbridge dial`, as it is typed, against a running carrier."""

import os
import signal
import threading
import time

from tests.callbridge.desk.conftest import (
    ANN,
    BUSY,
    CONNECTION,
    NOBODY,
    US,
    RunningCarrier,
    Terminal,
)

FROM = ("--from", US)


def test_who_answers_is_answered_and_stays(typed: Terminal, phone_company: RunningCarrier) -> None:
    told = typed("dial", ANN, *FROM)
    assert told.code == 0
    (call,) = typed("calls", "--json").json
    name = call["call_control_id"][-8:].lstrip("-")
    assert told.out.startswith(f"{name}: ringing {ANN}\n{name}: answered after 0.")


def test_how_it_came_out_is_one_object(typed: Terminal, phone_company: RunningCarrier) -> None:
    out = typed("dial", ANN, *FROM, "--json").json
    assert phone_company.is_alive(out.pop("call_control_id"))
    assert 0 <= out.pop("answered_after_s") < 5
    assert out == {
        "action": "dial",
        "to": ANN,
        "from": US,
        "outcome": "answered",
        "hangup_cause": None,
        "machine": None,
        "said": None,
    }


def test_who_is_busy_is_busy(typed: Terminal) -> None:
    told = typed("dial", BUSY, *FROM)
    assert (told.code, told.out.splitlines()[-1]) == (1, "busy: user_busy")


def test_what_is_to_be_said_is_said_and_then_it_hangs_up(
    typed: Terminal, phone_company: RunningCarrier
) -> None:
    out = typed("dial", ANN, *FROM, "--say", "Red.", "--json").json
    assert (out["outcome"], out["said"]) == ("answered", True)
    assert not phone_company.is_alive(out["call_control_id"])
    assert len(phone_company.commanded(out["call_control_id"], "speak")) == 1


def test_it_stays_when_it_is_to(typed: Terminal, phone_company: RunningCarrier) -> None:
    out = typed("dial", ANN, *FROM, "--say", "Red.", "--stay", "--json").json
    assert phone_company.is_alive(out["call_control_id"])


def test_who_answers_joins_a_conference(typed: Terminal, phone_company: RunningCarrier) -> None:
    out = typed("dial", ANN, *FROM, "--conference", "sales", "--json").json
    assert [*phone_company.in_conference("sales")] == [out["call_control_id"]]


def test_who_joins_a_conference_is_told_nothing_alone(typed: Terminal) -> None:
    told = typed("dial", ANN, *FROM, "--conference", "sales", "--say", "Hi")
    assert told.code == 2
    assert "callbridge conference speak" in told.err


def interrupt_when_it_rings(phone_company: RunningCarrier) -> None:
    """Press Ctrl-C at the process, once there is a call."""
    while not phone_company.get(f"/connections/{CONNECTION}/active_calls"):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_hangs_up(typed: Terminal, phone_company: RunningCarrier) -> None:
    presser = threading.Thread(target=interrupt_when_it_rings, args=(phone_company,))
    presser.start()
    told = typed("dial", NOBODY, *FROM)
    presser.join()
    assert told.code == 130
    assert told.err.endswith("hung up\n")
    assert typed("calls", "--json").json == []
