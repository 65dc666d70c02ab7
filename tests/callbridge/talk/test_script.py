"""The lines that are written to a bot."""

import pytest

from callbridge.talk.script import (
    AskHelp,
    Keys,
    Pause,
    Quit,
    UnclearLine,
    Words,
    WrittenLine,
    read,
)


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("two tickets, please", Words("two tickets, please")),
        ("  two tickets  ", Words("two tickets")),
        ("!", Words("", 1.0)),
        ("! stop", Words("stop", 1.0)),
        ("!2.5 stop", Words("stop", 2.5)),
        ("!0.5", Words("", 0.5)),
        ("! 3 tickets", Words("3 tickets", 1.0)),
        ("!3rd row", Words("3rd row", 1.0)),
        ("#5", Keys("5")),
        ("#12#", Keys("12#")),
        ("##", Keys("#")),
        ("#*", Keys("*")),
        ("... 3", Pause(3.0)),
        ("... 0.25", Pause(0.25)),
        ("... well", Words("... well")),
        ("/quit", Quit()),
        ("?", AskHelp()),
        ("? what", Words("? what")),
        ("", None),
        ("; a note", None),
    ],
)
def test_a_line_is_read(line: str, written: WrittenLine | None) -> None:
    assert read(line) == written


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("#", "#: keys are written as #5 or #12#, out of "),
        ("#5x", "#5x: keys are written as #5 or #12#, out of "),
        ("/leave now", "/leave is no command: there is /quit; ? is help"),
    ],
)
def test_a_line_that_is_nearly_something_is_unclear(line: str, complaint: str) -> None:
    with pytest.raises(UnclearLine) as unclear:
        read(line)
    assert str(unclear.value).startswith(complaint)
