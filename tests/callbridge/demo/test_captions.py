from hypothesis import given
from hypothesis import strategies as st

from callbridge.demo.captions import CROSS, LINES, fit, flow
from callbridge.demo.transcript import SpokenWords

SPACE = 4.0


def measure(text: str) -> float:
    return SPACE if text == " " else 6.0 * len(text)


def shown(said: SpokenWords, room: float) -> list[str]:
    """The lines that are written."""
    found = fit(said, measure, room)
    if found is None:
        return []
    lines = [""] * LINES
    for word, place in zip(*found, strict=True):
        lines[place.line] += f" {word.text}"
    return [line.strip() for line in lines if line]


def test_what_has_room_is_written_whole() -> None:
    assert shown(SpokenWords(0, 1, "one two three"), 100) == ["one two three"]
    assert shown(SpokenWords(0, 1, "one two three"), 50) == ["one two", "three"]


def test_a_cut_stands_between_what_was_heard_and_what_was_not() -> None:
    said = SpokenWords(0, 1, "one two", unheard="three four five six seven eight")
    assert shown(said, 500) == [f"one two {CROSS} three four five six…"]


def test_where_room_is_scarce_what_was_not_heard_goes_first_and_the_cut_stays() -> None:
    said = SpokenWords(0, 1, "one two three four", unheard="five six")
    assert shown(said, 48) == ["one two", "three", f"four {CROSS} …"]
    assert shown(said, 40) == ["one two", "three …", f"{CROSS} …"]
    assert shown(said, 5) == []


@given(st.lists(st.floats(1, 120), max_size=30), st.floats(20, 300))
def test_no_word_lies_over_another_or_beyond_the_room(widths: list[float], room: float) -> None:
    places = flow(widths, SPACE, room)
    if places is None:
        return
    reached = [0.0] * LINES
    for width, (line, left) in zip(widths, places, strict=True):
        assert left >= reached[line]
        assert left + width <= room
        reached[line] = left + width
