import io

from rich.console import Console

from callbridge.demo import chart
from callbridge.demo.transcript import Answered

FULL = {
    "turn_ended": 0.64, "final_text": 0.7, "first_token": 0.7, "first_audio": 0.75,
    "first_sent": 0.76, "first_heard": 0.8,
}  # fmt: skip


def drawn(*answered: Answered) -> list[str]:
    printed = io.StringIO()
    Console(file=printed, width=100).print(chart.render(answered))
    return [line.rstrip() for line in printed.getvalue().splitlines()]


def test_every_step_of_an_answer_has_a_bar_its_time_and_its_share() -> None:
    lines = drawn(Answered("Hello.", 7.6, FULL))
    assert lines[0] == "       after  “Hello.”"
    assert lines[1].split() == ["last", "voiced", "sample", "at", "7.60", "s", "0", "ms"]
    assert lines[2].split() == ["end", "of", "turn", "━" * 40, "640", "ms", "+640"]
    assert lines[3].split()[-3:] == ["700", "ms", "+60"]
    assert lines[4].split() == ["first", "token", "·" * 44 + "╸", "700", "ms", "+0"]
    assert lines[7].split()[-3:] == ["800", "ms", "+40"]


def test_all_charts_have_one_scale_and_steps_may_be_missing() -> None:
    short = {"turn_ended": 0.4, "first_sent": 0.4}
    lines = drawn(Answered("One.", 1.0, FULL), Answered("Two.", 5.0, short))
    second = lines[lines.index("       after  “Two.”") :]
    assert second[2].split()[3] == "━" * 25
    assert [line.split()[:2] for line in second[2:4]] == [["end", "of"], ["first", "frame"]]


def test_no_answer_no_chart() -> None:
    assert drawn() == []
