"""What stands on the screen while a bot speaks and somebody types. A file in the place of a
terminal has no carriage of its own: \\n goes to the beginning of the next row in both."""

from typing import IO, cast

import pytest
from rich.text import Text

from callbridge.host import terminal
from callbridge.talk.keyboard import LineEditor
from callbridge.talk.screen import LiveScreen, PageScreen
from tests.callbridge.talk.rows import Rows

WIDTH = 40
HEAD = Text("   0.10 s  bot     ")


@pytest.fixture
def rows() -> Rows:
    return Rows(WIDTH)


@pytest.fixture
def editor() -> LineEditor:
    return LineEditor()


@pytest.fixture
def screen(rows: Rows, editor: LineEditor) -> LiveScreen:
    screen = LiveScreen(terminal.console(cast("IO[str]", rows), width=WIDTH), editor)
    screen.draw()
    return screen


def test_lines_stand_above_what_is_typed(
    rows: Rows, editor: LineEditor, screen: LiveScreen
) -> None:
    editor.feed("two tic")
    screen.draw()
    screen.line(Text("a line"))
    assert rows.text == ["a line", "> two tic"]
    assert rows.cursor == (1, 9)


def test_pieces_of_a_line_stand_behind_each_other(
    rows: Rows, editor: LineEditor, screen: LiveScreen
) -> None:
    editor.feed("ok")
    for piece in ("Good ", "morning, ", "what can I do for ", "you? "):
        screen.stream(HEAD, piece)
    assert rows.text == [f"{HEAD.plain}Good morning, what", f"{' ' * 19}can I do for you?", "> ok"]
    screen.end_stream(Text(" [5 ms]"))
    screen.line(Text("a line"))
    assert rows.text == [
        f"{HEAD.plain}Good morning, what",
        f"{' ' * 19}can I do for you? [5",
        f"{' ' * 19}ms]",
        "a line",
        "> ok",
    ]


def test_a_line_between_two_pieces_stands_above_them(rows: Rows, screen: LiveScreen) -> None:
    screen.stream(HEAD, "Good ")
    screen.line(Text("a line"))
    screen.stream(HEAD, "morning")
    assert rows.text == ["a line", f"{HEAD.plain}Good morning", ">"]


def test_a_text_of_several_lines_keeps_them(rows: Rows, screen: LiveScreen) -> None:
    screen.stream(HEAD, "One.\nTwo.\nThree")
    screen.line(Text("a\nb"))
    assert rows.text == [
        f"{HEAD.plain}One.",
        f"{' ' * 19}Two.",
        "a",
        "b",
        f"{' ' * 19}Three",
        ">",
    ]


def test_of_a_long_line_the_part_around_the_cursor_is_shown(
    rows: Rows, editor: LineEditor, screen: LiveScreen
) -> None:
    editor.feed("0123456789" * 5 + "!")
    screen.draw()
    assert rows.text == ["> 456789012345678901234567890123456789!"]
    editor.feed("\x01")
    screen.draw()
    assert rows.text == ["> 0123456789012345678901234567890123456"]
    assert rows.cursor == (0, 2)


def test_the_cursor_stands_where_the_next_letter_comes(
    rows: Rows, editor: LineEditor, screen: LiveScreen
) -> None:
    editor.feed("seats\x1b[D\x1b[D")
    screen.draw()
    assert rows.cursor == (0, 5)


def test_nothing_is_asked_for_when_the_call_is_over(rows: Rows, screen: LiveScreen) -> None:
    screen.stream(HEAD, "Good")
    screen.leave()
    screen.line(Text("a line"))
    assert rows.text == [f"{HEAD.plain}Good", "a line", ""]


def test_a_pipe_gets_whole_lines(rows: Rows) -> None:
    screen = PageScreen(terminal.console(cast("IO[str]", rows)))
    screen.stream(HEAD, "Good ")
    screen.line(Text("a line"))
    screen.stream(HEAD, "morning ")
    screen.end_stream(Text(" [5 ms]"))
    assert rows.text == ["a line", f"{HEAD.plain}Good morning [5 ms]", ""]
