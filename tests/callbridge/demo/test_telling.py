"""The lines of all legs of a call, in the order of their times."""

import io

import pytest
from rich.console import Console

from callbridge.carrier.core.report import TapeEntry
from callbridge.demo.telling import Telling
from callbridge.tape.events import CallBegan, Said, TurnTaken, Withheld
from callbridge.tape.tape import TapeLine

BEGAN = 1_795_000_000.0  # Unix seconds


def said(text: str, heard: str, stop: str) -> Said:
    return Said(text=text, heard=heard, heard_s=1.0, stop=stop, certainty="measured", sent_at=1.0)


async def test_what_was_not_heard_is_told_apart() -> None:
    printed = io.StringIO()
    telling = Telling(Console(file=printed, width=100))
    telling.begin(BEGAN)
    telling.event(TapeLine(BEGAN + 1, "c1", "v3:x", said("One two.", "One ", "call_ended")))
    telling.end()
    assert printed.getvalue() == "   1.00 s  bot     said: One |cut| two.\n"


async def test_no_line_is_from_before_the_call_came_in(capsys: pytest.CaptureFixture[str]) -> None:
    """The bridge knows of a call before the demo has its id, and both clocks have one zero."""
    telling = Telling(Console(width=100))
    telling.event(TapeLine(BEGAN + 0.01, "c1", "v3:x", Withheld(at=BEGAN)))
    telling.begin(BEGAN)
    telling.tape(TapeEntry(0.0, "state", {"state": "parked"}))
    telling.end()
    rings, withholds = capsys.readouterr().out.splitlines()
    assert rings.startswith("   0.00 s  caller  rings")
    assert withholds.startswith("   0.01 s  bridge  withholds")


DIALS = CallBegan(direction="outgoing", from_="+1", to="+2")


def with_a_person() -> tuple[Telling, io.StringIO]:
    """A caller's call, and the call "v3:y" that its bot dials 2 s later."""
    printed = io.StringIO()
    telling = Telling(Console(file=printed, width=100))
    telling.begin(BEGAN)
    telling.event(TapeLine(BEGAN + 2, "c2", "", DIALS))  # the platform's id is not known yet
    telling.event(TapeLine(BEGAN + 2.1, "c2", "v3:y", Withheld(at=BEGAN)))
    return telling, printed


async def test_a_dialled_call_is_known_by_its_first_line_with_an_id() -> None:
    telling, _ = with_a_person()
    telling.event(TapeLine(BEGAN + 3, "c1", "v3:x", Withheld(at=BEGAN)))
    assert telling.dialled.get_nowait() == "v3:y"
    assert telling.dialled.empty()


ANSWERED = TapeEntry(1.0, "state", {"state": "answered"})
KEY = TapeEntry(2.5, "dtmf", {"digit": "1"})
JOINED = TapeEntry(4.0, "webhook", {"event_type": "conference.participant.joined", "id": "1"})
STOPPED = TapeEntry(4.1, "stream stopped", {"stream_id": "1"})
HELLO = TapeEntry(5.0, "script", {"at": "step 3 (say 'Hello.')", "says": "Hello."})
ENDED = TapeEntry(6.0, "state", {"state": "ended", "cause": "normal_clearing", "source": "callee"})


async def test_what_is_said_on_either_leg_is_told_apart() -> None:
    telling, printed = with_a_person()
    telling.tape(ANSWERED, "v3:y", later_s=2.0)
    telling.event(TapeLine(BEGAN + 4, "c2", "v3:y", said("A caller.", "A caller.", "finished")))
    telling.tape(KEY, "v3:y", later_s=2.0)
    telling.event(TapeLine(BEGAN + 5, "c1", "v3:x", said("Hold on.", "Hold on.", "finished")))
    for entry in (JOINED, STOPPED, HELLO, ENDED):
        telling.tape(entry, "v3:y", later_s=2.0)
    telling.end()
    assert printed.getvalue().splitlines()[1:] == [
        "   3.00 s  person  picks up",
        "   4.00 s  bot     whispered to the person: A caller.",
        "   4.50 s  person  presses 1",
        "   5.00 s  bot     said: Hold on.",
        "   6.00 s  person  hears the caller, and the caller hears them",
        "   6.10 s  carrier media stream stopped, person's leg",
        "   7.00 s  person  says to the caller: Hello.",
        "   8.00 s  person  hangs up: normal_clearing",
    ]


async def test_each_leg_has_its_own_part_of_the_bridges_tape_on_its_own_clock() -> None:
    telling, _ = with_a_person()
    turn = TurnTaken(said="Yes.", audio_s=1.0, began_at=BEGAN + 4, last_voiced_at=BEGAN + 5)
    telling.event(TapeLine(BEGAN + 6, "c2", "v3:y", turn))
    telling.event(TapeLine(BEGAN + 7, "c1", "v3:x", Withheld(at=BEGAN + 7)))
    assert [(entry.kind, entry.at_s) for entry in telling.log()] == [("withheld", 7.0)]
    began, _, taken = telling.log("v3:y", later_s=2.0)
    assert (began.kind, began.at_s) == ("call_began", 0.0)
    assert (taken.at_s, taken.detail["last_voiced_at_s"]) == (4.0, 3.0)


async def test_a_telephone_that_nobody_picks_up() -> None:
    telling, printed = with_a_person()
    telling.tape(TapeEntry(0.0, "state", {"state": "ringing"}), "v3:y", later_s=2.0)
    busy: dict[str, object] = {"state": "ended", "cause": "user_busy", "source": "callee"}
    telling.tape(TapeEntry(3.0, "state", busy), "v3:y", later_s=2.0)
    telling.end()
    assert printed.getvalue().splitlines()[0::2] == [
        "   2.00 s  carrier the person's telephone rings",
        "   5.00 s  carrier the person's telephone stops: user_busy",
    ]


async def test_of_several_who_are_rung_the_second_has_a_number() -> None:
    telling, printed = with_a_person()
    telling.event(TapeLine(BEGAN + 2.2, "c3", "v3:z", DIALS))
    telling.tape(TapeEntry(1.0, "state", {"state": "answered"}), "v3:z", later_s=2.2)
    telling.event(TapeLine(BEGAN + 4, "c3", "v3:z", said("A caller.", "A caller.", "finished")))
    telling.end()
    assert printed.getvalue().splitlines()[1:] == [
        "   3.20 s  person  2 picks up",
        "   4.00 s  bot     whispered to person 2: A caller.",
    ]
