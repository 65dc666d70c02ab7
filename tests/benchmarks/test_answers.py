"""Turn-taking on recorded people is judged and chosen rightly; no recording is needed for that."""

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.answers import figures, recordings
from benchmarks.answers.curve import draw
from benchmarks.answers.figures import Measured, Point
from benchmarks.answers.judging import (
    OverlapJudged,
    Pause,
    Span,
    TurnJudged,
    begins_s,
    judge_overlap,
    judge_turn,
    sounds,
    words_lost,
    words_of,
)
from benchmarks.answers.material import (
    COUNTS,
    PAUSES_S,
    Gap,
    Kind,
    PlannedPause,
    Recorded,
    choose,
    part,
)
from benchmarks.answers.overlaps import Overlap

from telecodecs import Pcm

RATE = 8000
UNFINISHED = Pause(1.0, 1.8, finished=False)
FINISHED = Pause(3.0, 3.5, finished=True)
WAITS = (200, 500, 1000)


def track(*spans: tuple[float, float], length_s: float = 10.0) -> Pcm:
    """Silence with sounds in it."""
    pcm = np.zeros(round(length_s * RATE), np.int16)
    for begin, end in spans:
        pcm[round(begin * RATE) : round(end * RATE)] = 1000
    return pcm


# ---- what is heard in a recording ----------------------------------------------------------------


def test_sounds_are_parted_by_silence_but_not_by_a_moment_of_it() -> None:
    found = sounds(track((1.0, 2.0), (2.1, 3.0), (4.0, 5.0)), RATE)
    assert found == [Span(1.0, 3.0), Span(4.0, 5.0)]
    assert sounds(track(), RATE) == []


def test_a_track_begins_where_digital_silence_ends() -> None:
    assert begins_s(track((0.5, 1.0)), RATE) == 0.5


# ---- a turn --------------------------------------------------------------------------------------


def test_an_answer_counts_from_the_last_voiced_sample() -> None:
    judged = judge_turn(2.0, 4.0, [UNFINISHED], [Span(6.7, 8.0)])
    assert judged.answer_s == pytest.approx(0.7)
    assert judged.cut_in is None
    assert judged.reached == ((UNFINISHED, False),)


@pytest.mark.parametrize(
    ("onset", "where"), [(1.7, "unfinished"), (2.2, "unfinished"), (3.4, "finished")]
)
def test_an_answer_in_a_pause_or_just_after_it_is_a_cut_in(onset: float, where: str) -> None:
    judged = judge_turn(0.0, 5.0, [UNFINISHED, FINISHED], [Span(onset, 6.0)])
    assert judged.cut_in == where
    assert judged.answer_s is None
    assert not judged.unanswered


def test_only_pauses_up_to_the_first_cut_were_reached() -> None:
    judged = judge_turn(0.0, 5.0, [UNFINISHED, FINISHED], [Span(1.7, 2.0), Span(3.3, 4.0)])
    assert judged.reached == ((UNFINISHED, True),)


def test_an_answer_in_no_pause_is_cut_in_elsewhere() -> None:
    assert judge_turn(0.0, 5.0, [UNFINISHED], [Span(2.9, 4.0)]).cut_in == "elsewhere"
    assert judge_turn(0.0, 5.0, [UNFINISHED], [Span(0.5, 4.0)]).cut_in == "elsewhere"


def test_a_turn_that_nobody_answers_is_neither_answered_nor_cut_into() -> None:
    assert judge_turn(0.0, 5.0, [], []).unanswered


# ---- over the bot --------------------------------------------------------------------------------

SAYS = track((0.5, 4.0), (4.3, 12.0), length_s=12.0)


def test_a_bot_that_is_silent_to_the_end_has_stopped() -> None:
    judged = judge_overlap(3.0, track((0.5, 3.3)), SAYS, RATE)
    assert judged.stopped
    assert judged.silent_s == pytest.approx(0.3)


def test_a_bot_that_stopped_before_was_silent_before() -> None:
    found = judge_overlap(3.0, track((0.5, 2.0)), SAYS, RATE)
    assert found.silent_s == pytest.approx(-1.0)


def test_a_bot_that_goes_on_has_paused_only_where_it_does_not_of_itself() -> None:
    undisturbed = judge_overlap(3.0, track((0.5, 4.0), (4.3, 10.0)), SAYS, RATE)
    disturbed = judge_overlap(3.0, track((0.5, 3.2), (3.8, 4.6), (4.9, 10.0)), SAYS, RATE)
    assert undisturbed == OverlapJudged(stopped=False, paused=False)
    assert (disturbed.stopped, disturbed.paused) == (False, True)
    assert disturbed.hole_s == pytest.approx(0.6)


# ---- words ---------------------------------------------------------------------------------------


def test_digits_are_words() -> None:
    assert words_of("Press 1, or 42: I’m “here”.") == [
        *("press", "one", "or", "four", "two", "i'm", "here")
    ]


def test_words_are_lost_that_were_not_heard_in_their_order() -> None:
    said = words_of("please enter your password followed by the pound key")
    assert words_lost(said, said) == 0
    assert words_lost(said, words_of("please enter your password")) == 5
    assert words_lost(said, words_of("please center your password, you know, followed by")) == 4
    assert words_lost(said, []) == 9


# ---- the choice ----------------------------------------------------------------------------------

GAPS = (Gap(1, 0.4, False), Gap(3, 1.5, True))
SHORT: dict[Kind, list[Recorded]] = {
    "sentence": [Recorded(f"sentence {n}", GAPS, 6) for n in range(60)],
    "reading": [Recorded(f"reading {n}", GAPS, 14) for n in range(20)],
    "word": [Recorded(f"word {n}") for n in range(30)],
}


def test_a_seed_always_chooses_the_same_turns_and_another_seed_others() -> None:
    assert choose(SHORT) == choose(SHORT)
    assert choose(SHORT, seed=1) != choose(SHORT, seed=2)


def test_every_kind_has_its_turns() -> None:
    turns = choose(SHORT)
    kinds = [turn.kind for turn in turns]
    assert {kind: kinds.count(kind) for kind in COUNTS} == COUNTS
    recorded = [turn.name for turn in turns if turn.kind != "digits"]
    assert len(set(recorded)) == len(recorded)


def test_final_turns_are_of_recordings_that_no_other_turn_is_of() -> None:
    of_final, of_others = (
        {turn.name for turn in choose(SHORT, final=final)} for final in (True, False)
    )
    assert of_final
    assert not of_final & of_others


def test_the_parts_are_all_there_is() -> None:
    parts = [*part(SHORT["word"], final=True), *part(SHORT["word"], final=False)]
    assert sorted(parts) == sorted(SHORT["word"])


def test_pauses_are_as_long_as_they_may_be_and_of_both_sorts() -> None:
    pauses = [pause for turn in choose(SHORT) for pause in turn.pauses]
    lengths = [pause.seconds for pause in pauses]
    assert PAUSES_S[0] <= min(lengths) < 0.35
    assert 0.8 < max(lengths) <= PAUSES_S[1]
    assert {pause.gap.finished for pause in pauses if pause.gap.at_s} == {False, True}


def test_a_long_turn_has_two_pauses_and_some_have_none() -> None:
    readings = [len(turn.pauses) for turn in choose(SHORT) if turn.kind == "reading"]
    assert set(readings) == {0, 2}
    words = [turn for turn in choose(SHORT) if turn.kind == "word"]
    assert not any(turn.pauses for turn in words)


def test_a_number_pauses_between_its_groups_of_digits() -> None:
    number = next(turn for turn in choose(SHORT) if turn.kind == "digits")
    assert [pause.gap.after for pause in number.pauses] == [3, 6]
    assert len(number.recordings) == 10
    assert not any(pause.gap.finished for pause in number.pauses)


def test_the_gaps_of_recordings_lie_between_their_words() -> None:
    for recorded in (each for kind in recordings.catalogue().values() for each in kind):
        assert [gap.after for gap in recorded.gaps] == sorted({gap.after for gap in recorded.gaps})
        assert [gap.at_s for gap in recorded.gaps] == sorted(gap.at_s for gap in recorded.gaps)
        assert all(0 < gap.after < recorded.words for gap in recorded.gaps), recorded.name


@pytest.mark.parametrize("language", recordings.OTHERS)
def test_the_gaps_of_other_languages_lie_between_their_words(language: str) -> None:
    prompts = json.loads(recordings.OTHER_GAPS.read_text())[language]
    assert len(prompts) > COUNTS["sentence"]
    finished: set[bool] = set()
    for name, entry in prompts.items():
        places = [(after, at_s) for after, at_s, _ in entry["gaps"]]
        assert places == sorted(set(places)), name
        assert all(0 < after < entry["words"] for after, _ in places), name
        finished |= {each for _, _, each in entry["gaps"]}
    assert finished == {False, True}


def test_there_are_recordings_enough() -> None:
    assert len(choose(recordings.catalogue())) == sum(COUNTS.values())


# ---- tables --------------------------------------------------------------------------------------


def measured(answer_s: float | None, kind: Kind = "sentence", lost: int = 0) -> Measured:
    judged = TurnJudged(
        answer_s,
        "unfinished" if answer_s is None else None,
        ((Pause(0.0, 0.5, finished=False), answer_s is None),),
    )
    return Measured(kind, False, judged, words=10, lost=lost, lost_whole=0)


def test_a_row_counts_answers_and_cuts() -> None:
    turns = [measured(0.7), measured(0.9), measured(None, lost=4), measured(1.3, "digits")]
    rows = {row["turns"]: row for row in figures.turn_rows(turns)}
    assert rows["clean"]["answer ms"] == "800 / 890"
    assert rows["clean"]["cut into, of 100"] == rows["clean"]["words unfinished"] == "33"
    assert rows["clean"]["words lost, of 100"] == "13"
    assert rows["digits, clean"]["answer ms"] == "1300 / 1300"
    assert rows["all"]["calls"] == 4
    assert "readings" not in rows


def test_pauses_are_counted_by_their_length() -> None:
    rows = figures.pause_rows([measured(0.7), measured(None), measured(1.3, "digits")])
    row = next(row for row in rows if row["pause"] == "0.4 to 0.65 s")
    assert (row["words unfinished"], row["digits"]) == ("1 of 2", "0 of 1")
    assert row["words finished"] == "0 of 0"


def test_a_point_is_what_is_waited_and_what_it_costs() -> None:
    point = figures.point("640 ms", [measured(0.7), measured(None)])
    assert (point.median_ms, point.cut, point.cut_unfinished) == (700.0, 50.0, 50.0)


def test_what_was_judged_can_be_told_as_json() -> None:
    said = Overlap("speech", np.zeros(RATE), 1.0, meant=True)
    judged = judge_overlap(3.0, track((0.5, 2.0)), SAYS, RATE)
    (row, whole) = json.loads(json.dumps(figures.overlap_rows([said], [judged], meant=True)))
    assert (row["interrupts"], row["missed"], row["silent before"]) == ("speech", 0, 1)
    assert whole["calls"] == 1


def test_the_picture_is_small_and_of_the_size_of_all_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    stopwatch = [
        Point(f"{ms} ms", ms + 90.0, ms + 170.0, 60 - ms / 20, 40 - ms / 30) for ms in WAITS
    ]
    today = Point("today", 730.0, 810.0, 16.0, 13.0)
    other = Point("another", 340.0, 3200.0, 40, 20)
    points = [(each, each) for each in (*stopwatch, today)]
    draw(points, tmp_path / "curve.png", "made up", [(other, other)])
    png = (tmp_path / "curve.png").read_bytes()
    assert (int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")) == (1600, 900)
    assert len(png) < 100_000


def test_missing_recordings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "SOUNDS", recordings.GAPS.parent / "nowhere")
    assert "apt-get install asterisk-core-sounds-en-wav" in recordings.missing()
    assert "asterisk-core-sounds-fr-wav" in recordings.missing("fr")


def test_a_planned_pause_is_sorted_by_its_place() -> None:
    early, late = PlannedPause(GAPS[0], 0.9), PlannedPause(GAPS[1], 0.3)
    assert sorted([late, early]) == [early, late]
