from typing import Any

from callbridge.carrier.core.report import TapeEntry
from callbridge.demo.transcript import Answered, SpokenWords, transcribe


def entry(message: str, **detail: Any) -> TapeEntry:
    return TapeEntry(9.0, message, detail)


def test_a_conversation() -> None:
    steps = {"turn_ended": 0.64, "first_sent": 0.7, "first_heard": 0.72}
    transcript = transcribe(
        [
            entry("turn", said="Hello.", began_at_s=1.0, last_voiced_at_s=1.6, audio_s=1.1),
            entry("said", text="One two three. ", heard="One two ", heard_s=0.5,
                  stop="interrupted", certainty="measured", sent_at_s=2.3),
            entry("interrupted", at_s=2.9, speech_at_s=2.4),
            entry("waterfall", last_voiced_at_s=1.6, after_s=steps),
            entry("said", text="Bye.", heard="Bye.", heard_s=0.4, stop="finished",
                  certainty="measured", sent_at_s=4.0),
        ]
    )  # fmt: skip
    assert transcript.caller == (SpokenWords(1.0, 1.6, "Hello."),)
    assert transcript.bot == (
        SpokenWords(2.3, 2.8, "One two", unheard="three."),
        SpokenWords(4.0, 4.4, "Bye."),
    )
    assert transcript.answered == (Answered("Hello.", 1.6, steps),)
    assert transcript.barge_in(2.91) == 2.4
    assert transcript.barge_in(3.2) is None


def test_a_reply_of_which_nothing_was_sent_is_no_answer() -> None:
    merged = entry("waterfall", last_voiced_at_s=1.6, after_s={"turn_ended": 0.64})
    assert transcribe([merged]).answered == ()


def test_lines_of_the_bots_own_are_no_transcript() -> None:
    own = [entry("turn", direction="left"), entry("said", text="Hm."), entry("waterfall")]
    assert transcribe(own) == transcribe([])
