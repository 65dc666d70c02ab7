"""Words that are no turn, and words after which one is not over."""

import re

import pytest

from callbridge.speech.language import Language
from callbridge.speech.words import TextEnding, count_without_back_channels, ending_of, hesitates

BACK_CHANNELS = """
mm-hm; mhm; Mmhmm; Uh-huh, uh huh.; hmm; um; Ah!; Aha; oh; erm; Yeah.; Okay, okay.; right; I see.
Got it; All right!; That’s right; of course; ...
"""
HESITATIONS = """
It is 5; 555-0199.; flight B12; four five; seventy; nineteen; a hundred; I want, um...; uh
It's, like,; tea and; but; I'd go because
"""


def texts(block: str) -> list[str]:
    return [text.strip() for text in re.split("[;\n]", block) if text]


@pytest.mark.parametrize("text", texts(BACK_CHANNELS))
def test_back_channels_ask_for_nothing(text: str) -> None:
    assert count_without_back_channels(text) == 0


@pytest.mark.parametrize(
    "text", ["Stop!", "no", "yes", "uh-huh, right, stop", "right now", "hummus"]
)
def test_other_words_do(text: str) -> None:
    assert count_without_back_channels(text) == 1


@pytest.mark.parametrize(
    ("text", "count"),
    [("Wait, wait.", 2), ("I seek help", 3), ("don't", 1), ("okay but no", 2), ("", 0)],
)
def test_other_words_count(text: str, count: int) -> None:
    assert count_without_back_channels(text) == count


@pytest.mark.parametrize("text", texts(HESITATIONS))
def test_more_is_to_come_after_digits_fillers_and_conjunctions(text: str) -> None:
    assert hesitates(text)


@pytest.mark.parametrize("text", ["", "Done.", "the end", "someone", "5 apples", "sand", "often"])
def test_other_words_are_the_end(text: str) -> None:
    assert not hesitates(text)


ENDINGS = {
    TextEnding.OPEN: """
Press the.; Press the; I'd like to.; It's.; My name is; my number is...; Well, I think; could you?
I want, um...; It's, like,; tea and; but; um; yeah, um; okay so.; an appoint-; I went –
jane dot; at; with my; and I; it's for the; Yes, I'd like; I have; hmm; what is the?; No, the; I am
""",
    TextEnding.CLAUSE: "tomorrow,; ten of clubs, ; beside the tone:",
    TextEnding.DEPENDENT: """
If you could; After the tone.; unless you want me to stay,; Yes. Unless I'm home
""",
    TextEnding.NUMBER: """
It is 5; 555-0199.; flight B12; four five; seventy; nineteen.; a hundred; one; 4, 4, 1,
""",
    TextEnding.LETTERS: "S M I T; S, P; B.; it's spelled c",
    TextEnding.MURMUR: """
mm-hm; Mmhmm.; Uh-huh, uh huh.; Aha; Yeaaah.; Okay, okay.; right; I see.; All right!; um, okay
""",
    TextEnding.NOTHING: "; ...; ?!",
    TextEnding.FINISHED: """
Done.; Stop!; Hold on.; Please come in.; That one.; Yes, I am.; I think so.
"Is that all?"; No, it's not here.; Yes, it is.; I do.; the end!; At noon.
After lunch.; If I see her, I call.; When are you open.; If I may ask?
""",
    TextEnding.PLAIN: """
Done; the end; someone; 5 apples; sand; often; hold on; no; yes; Tuesday morning; what is it; stop
""",
}


@pytest.mark.parametrize(
    ("text", "ending"),
    [(text, ending) for ending, block in ENDINGS.items() for text in texts(block)],
)
def test_how_a_text_ends(text: str, ending: TextEnding) -> None:
    assert ending_of(text) is ending


def test_a_full_stop_of_the_recogniser_closes_no_open_word() -> None:
    assert ending_of("Press the.") is ending_of("Press the") is TextEnding.OPEN


def test_the_longest_entry_decides() -> None:
    table = Language(open_words="on", closed_phrases="hold on, the one", numbers="one")
    assert ending_of("turn on", table) is TextEnding.OPEN
    assert ending_of("please hold on", table) is TextEnding.PLAIN
    assert ending_of("twenty one", table) is TextEnding.NUMBER
    assert ending_of("not the one", table) is TextEnding.PLAIN


def test_an_entry_may_be_the_end_of_a_word() -> None:
    table = Language(open_words="-는데")
    assert ending_of("전화했는데", table) is TextEnding.OPEN
    assert ending_of("전화했어요", table) is TextEnding.PLAIN
