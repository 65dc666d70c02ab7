"""A line as it is being typed."""

import pytest

from callbridge.talk.keyboard import LineEditor

LEFT, RIGHT, UP, DOWN = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"


@pytest.fixture
def editor() -> LineEditor:
    return LineEditor()


@pytest.mark.parametrize(
    ("keys", "text", "cursor"),
    [
        ("seats", "seats", 5),
        ("seats\x7f", "seat", 4),
        (f"sets{LEFT}{LEFT}{LEFT}a", "saets", 2),
        (f"seats{LEFT}{LEFT}{LEFT}{RIGHT}", "seats", 3),
        ("seats\x01two ", "two seats", 4),
        ("seats\x01\x05!", "seats!", 6),
        ("two seats\x17", "two ", 4),
        ("two seats \x17", "two ", 4),
        ("seats\x15", "", 0),
        (f"seats{LEFT}{LEFT}\x0b", "sea", 3),
        (f"seats{LEFT}\x1b[3~", "seat", 4),
        ("\x7f\x1b[3~\x1b[D", "", 0),
        ("séance 座席", "séance 座席", 9),
        ("a\x1b[200~b\tc", "abc", 3),
    ],
)
def test_keys_edit_the_line(editor: LineEditor, keys: str, text: str, cursor: int) -> None:
    assert editor.feed(keys) == []
    assert (editor.text, editor.cursor) == (text, cursor)


def test_enter_finishes_a_line(editor: LineEditor) -> None:
    assert editor.feed("one\rtwo\nthr") == ["one", "two"]
    assert editor.text == "thr"


def test_the_end_of_input_comes_only_on_an_empty_line(editor: LineEditor) -> None:
    assert editor.feed("a\x04") == []
    assert editor.feed("\x7f\x04") == [None]


def test_an_arrow_may_come_in_pieces(editor: LineEditor) -> None:
    for piece in ("ab", "\x1b", "[", "D", "x"):
        editor.feed(piece)
    assert editor.text == "axb"


def test_arrows_bring_older_lines_back(editor: LineEditor) -> None:
    editor.feed("one\rtwo\rtwo\r\rdra")
    shown: list[str] = []
    for key in (UP, UP, UP, DOWN, DOWN, DOWN):
        editor.feed(key)
        shown.append(editor.text)
    assert shown == ["two", "one", "one", "two", "dra", "dra"]


def test_a_line_can_be_given_up(editor: LineEditor) -> None:
    editor.feed("dra")
    editor.clear()
    assert (editor.text, editor.cursor) == ("", 0)
