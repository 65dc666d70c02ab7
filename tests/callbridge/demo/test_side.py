import io
from pathlib import Path

import msgspec

from callbridge.demo import side
from callbridge.demo.outcome import DemoOutcome
from callbridge.demo.record import read
from callbridge.demo.transcript import Answered, SpokenWords, Transcript
from callbridge.host import terminal

from .records import CALL, ENDED, Entry, tone, track, write
from .test_outcome import OUTCOME


def test_both_histories_stand_beside_each_other_with_what_was_heard_of_them() -> None:
    media = with_words(SpokenWords(0.5, 1.0, "Good day.", "What can I do?"), answer_s=0.9)
    relay = with_words(SpokenWords(0.5, 1.6, "Good day. What", "can I do?"), answer_s=0.7)
    out = io.StringIO()
    terminal.console(out, width=100).print(side.render(media, relay))
    printed = [line.split("  ") for line in out.getvalue().splitlines()]
    rows = [[cell.strip() for cell in line if cell.strip()] for line in printed]
    assert ["history", "bot: Good day. ✕", "bot: Good day. What ✕"] in rows
    assert ["caller: Nothing.", "caller: Nothing."] in rows
    assert ["heard after", "900 ms", "700 ms"] in rows
    assert ["silent after", "54, 200, 20 ms", "54, 200, 20 ms"] in rows


def test_an_answer_on_the_relay_is_measured_on_the_recording(tmp_path: Path) -> None:
    """The bridge has seen a prompt at 2.4 s; the caller fell silent at 1.5 and heard it at 3.0."""
    relayed: list[Entry] = [(0.6, "relay started", {"session_id": "1"})]
    prompt = {"since": "prompt", "last_voiced_at_s": 2.4}
    after = {"turn_ended": 0.0, "final_text": 0.0, "first_token": 0.1, "first_sent": 0.1}
    log = [{"at_s": 2.5, "kind": "waterfall", "detail": prompt | {"after_s": after}}]
    caller, bot = track(0.2, tone(0.8), 3.0), track(2.5, tone(1.0), 0.5)
    record = read(*write(tmp_path, CALL + relayed + ENDED, caller, bot, log=log))
    [answer] = record.transcript.answered
    assert round(answer.last_voiced_s, 2) == 1.5
    assert {step: round(after, 2) for step, after in answer.after_s.items()} == {
        "final_text": 0.9,
        "first_token": 1.0,
        "first_sent": 1.0,
        "first_heard": 1.5,
    }


def test_a_cut_on_the_relay_lasts_from_the_callers_first_sound(tmp_path: Path) -> None:
    detail = {"by": "speech", "heard": "Well", "heard_ms": 900, "sample": 17600}
    cut: list[Entry] = [(2.7, "relay interrupted", detail)]
    tape = [entry for entry in CALL if entry[1] != "dtmf"] + cut + ENDED
    record = read(*write(tmp_path, tape, track(1.8, tone(1.0), 1.2), track(tone(2.2), 1.8)))
    [found] = record.interruptions()
    assert (found.key_s, found.clear_s) == (None, 2.7)
    assert round(found.begin_s, 2) == 2.3
    assert round(found.silent_s, 2) == 2.7


def with_words(said: SpokenWords, *, answer_s: float) -> DemoOutcome:
    transcript = Transcript(
        caller=(SpokenWords(1.7, 2.0, "Nothing."),),
        bot=(said,),
        answered=(Answered("Nothing.", 2.0, {"first_heard": answer_s}),),
    )
    return msgspec.structs.replace(OUTCOME, transcript=transcript)
