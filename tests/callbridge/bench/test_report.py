import io
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from callbridge.bench import report
from callbridge.bench.ramp import drift
from callbridge.bench.report import BenchProgress, Scene
from callbridge.bench.results import Knee, Slo, Spread
from callbridge.host import terminal
from tests.callbridge.bench.steps import LATE, SLOW, late, relayed, slow, step

SCENE = Scene(
    cores=2, cpu="AMD EPYC", python="CPython 3.11.7", loop="uvloop", codec="PCMU",
    date="2026-11-21 13:00",
)  # fmt: skip
LIMIT = Knee(
    calls=420, calls_per_core=538.0, is_limit=True, advice=290, why=f"at 460 calls: {SLOW}"
)


def shown(what: RenderableType, width: int = 120) -> list[str]:
    file = io.StringIO()
    terminal.console(file, width=width).print(what)
    return file.getvalue().splitlines()


def row(lines: list[str], begins: str) -> list[str]:
    return next(line for line in lines if line.strip().startswith(begins)).split()


# ---- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (0.0004, "0"), (0.094, "0.09"), (0.31, "0.31"), (7.5, "7.50"),
     (9.999, "10.0"), (31.23, "31.2"), (99.96, "100"), (229.4, "229"), (1234.5, "1230"),
     (-1.5, "-1.50")],
)  # fmt: skip
def test_numbers_are_as_exact_as_people_read(value: float | None, text: str) -> None:
    assert report.number(value) == text


@given(st.floats(0.005, 1e6))
def test_a_number_that_is_read_back_is_near(value: float) -> None:
    assert float(report.number(value)) == pytest.approx(value, rel=0.0051, abs=0.0051)


@pytest.mark.parametrize(
    ("value", "base", "text"),
    [(229.0, 21.5, "11×"), (21.5, 21.5, "1.0×"), (15.0, 21.5, "0.70×"), (1.0, None, "–"),
     (None, 1.0, "–"), (1.0, 0.0, "–"), (-1.0, 2.0, "–")],
)  # fmt: skip
def test_ratios_of_what_is_known(value: float | None, base: float | None, text: str) -> None:
    assert report.ratio(value, base) == text


# ---- the table ----------------------------------------------------------------------------------


def test_a_row_has_all_its_numbers() -> None:
    lines = shown(report.table([step(200, underruns=3, lost=7)]))
    assert row(lines, "200") == [
        "200", "0.31", "0.94", "2.15", "7.50", "0.42", "3", "7", "21.5", "21.5", "26.0", "0.50",
        "0.12", "10.0", "ok",
    ]  # fmt: skip


def test_a_row_of_a_relay_has_its_tokens_instead_of_audio() -> None:
    lines = shown(report.table([relayed(200, lost=7)]))
    assert row(lines, "200") == [
        "200", "0.31", "0.94", "7.50", "0.05", "0.16", "7", "61.5", "21.5", "26.0", "0.50",
        "0.12", "10.0", "ok",
    ]  # fmt: skip
    said = " ".join(lines)
    assert "first: from a prompt's sending to the first token of its answer" in said
    assert "jitter" not in said
    beside = shown(report.ratios([relayed(200), relayed(200, target="other")], "callbridge"))
    assert "/token" in " ".join(beside)
    assert row(beside, "other") == [
        "other", "1.0×", "1.0×", "1.0×", "61.5", "0.31", "0.94", "0.16", "26.0", "ok",
    ]  # fmt: skip
    assert "token p99 0.16 ms; 61.5 us/token" in str(report.plain(relayed(200)))


def test_what_is_not_known_is_a_dash() -> None:
    unknown = step(
        200, latency_ms=None, jitter_ms=None, cpu_us_per_frame=None, cpu_percent=None,
        kib_per_call=None, lag_p99_ms=None,
    )  # fmt: skip
    assert row(shown(report.table([unknown])), "200").count("–") == 9


def test_what_is_not_ok_is_said_in_words_below() -> None:
    lines = shown(report.table([step(200), slow(460), late(500)]))
    assert row(lines, "460")[-1] == "missed"
    assert row(lines, "500")[-1] == "generator"
    assert f"460 calls: {SLOW}" in lines
    assert f"500 calls: {LATE}" in lines


def test_a_load_that_failed_twice_has_one_line_with_what_it_failed_for_at_last() -> None:
    lines = shown(report.table([step(200), slow(460), slow(460, lost=3), step(200)]))
    assert [line for line in lines if SLOW in line] == [f"460 calls, 2 of 2 times, at last: {SLOW}"]


def test_a_soak_says_how_many_of_its_windows_were_not_ok() -> None:
    lines = shown(report.table([step(200), slow(200), step(200), late(200), step(200)]))
    assert f"200 calls, 2 of 5 times, at last: {LATE}" in lines


def test_one_call_is_not_plural() -> None:
    assert f"1 call: {SLOW}" in shown(report.table([slow(1)]))


def test_the_knee_does_not_repeat_the_reason_that_stands_below_the_table() -> None:
    lines = report.knee_lines(LIMIT, [step(420), slow(460)])
    assert [lines[0], lines[1][:8]] == ["It carries 420 calls.", "There it"]
    nothing = Knee(calls=0, calls_per_core=None, is_limit=True, advice=0, why=f"at 6 calls: {SLOW}")
    assert report.knee_lines(nothing, [slow(6)]) == ["No load held."]


@pytest.mark.parametrize(("width", "explained"), [(140, True), (80, False)])
def test_only_columns_that_are_there_are_explained(width: int, explained: bool) -> None:
    text = "\n".join(shown(report.table([step(200)]), width))
    assert ("gen." in text) is explained
    assert "underruns:" in text


def test_a_column_of_nothing_but_dashes_is_not_explained() -> None:
    talks = step(200, latency_ms=None, cpu_percent=None)
    text = "\n".join(shown(report.table([talks])))
    assert "echo" not in text
    assert "of one core" not in text
    assert "jitter:" in text


def test_what_was_refused_is_not_said_again_by_the_knee() -> None:
    knee = Knee(calls=420, calls_per_core=None, is_limit=True, advice=290,
                why="at 460 calls: the endpoint answers 503")  # fmt: skip
    lines = report.knee_lines(knee, [step(420)], refused=[(460, "the endpoint answers 503")])
    assert not any("503" in line for line in lines)


def test_a_load_that_the_generator_could_not_make_is_not_one_that_did_not_hold() -> None:
    knee = Knee(calls=0, calls_per_core=None, is_limit=False, advice=0, why=f"at 6 calls: {LATE}")
    assert report.knee_lines(knee) == [f"What it carries is not known. At 6 calls: {LATE}."]


@pytest.mark.parametrize(
    ("width", "columns"), [(120, 15), (report.WIDE, 15), (80, 10), (72, 10), (60, 6), (40, 6)]
)
def test_a_row_stays_a_row(width: int, columns: int) -> None:
    wide = step(
        12_000, latency_ms=Spread(1234.0, 2345.0, 3456.0, 4567.0), underruns=123_456,
        lost=1_234_567, cpu_us_per_frame=1234.0, cpu_percent=1234.0, kib_per_call=-1234.0,
        lag_p99_ms=100.0, lateness_p99_ms=1234.0, verdict="generator-bound",
    )  # fmt: skip
    lines = shown(report.table([wide]), width)
    assert max(map(len, lines)) <= width
    found = row(lines, "12000")
    assert (len(found), found[-1]) == (columns, "generator")
    assert "…" not in "".join(lines)


def test_steps_of_several_targets_say_whose_they_are() -> None:
    lines = shown(report.table([step(50), slow(50, target="fastapi")]))
    assert row(lines, "fastapi")[:2] == ["fastapi", "50"]
    assert f"fastapi, 50 calls: {SLOW}" in lines


# ---- side by side -------------------------------------------------------------------------------


def test_ratios_come_first_and_the_cheapest_target_is_on_top() -> None:
    lines = shown(
        report.ratios(
            [
                step(50, target="pipecat", cpu_us_per_frame=229.0, kib_per_call=244.0,
                     latency_ms=Spread(0.4, 9.4, 10.0, 11.0)),
                step(50),
                step(50, target="picows", cpu_us_per_frame=15.05, kib_per_call=None),
            ],
            base="callbridge",
        )
    )  # fmt: skip
    names = [line.split()[0] for line in lines[2:5]]
    assert names == ["picows", "callbridge", "pipecat"]
    assert row(lines, "pipecat")[:5] == ["pipecat", "11×", "10×", "9.4×", "229"]
    assert row(lines, "callbridge")[1:4] == ["1.0×", "1.0×", "1.0×"]
    assert row(lines, "picows")[1:5] == ["0.70×", "1.0×", "–", "15.1"]
    assert any("at 50 calls" in line for line in lines)


def test_in_60_columns_targets_keep_their_names_and_the_first_figures() -> None:
    lines = shown(report.ratios([step(50), slow(50, target="pipecat[x] lean")], "callbridge"), 60)
    assert row(lines, "callbridge") == ["callbridge", "1.0×", "1.0×", "21.5", "0.94", "ok"]
    assert row(lines, "pipecat")[:2] == ["pipecat[x]", "lean"]
    assert max(map(len, lines)) <= 60


def test_ratios_are_between_figures_of_one_load() -> None:
    steps = [step(50), step(500, cpu_us_per_frame=10.0),
             step(500, target="picows", cpu_us_per_frame=5.0)]  # fmt: skip
    lines = shown(report.ratios(steps, base="callbridge"))
    assert row(lines, "picows")[:3] == ["picows", "500", "0.50×"]


def test_without_the_base_there_are_no_ratios() -> None:
    lines = shown(report.ratios([step(50)], base="picows"), 80)
    assert row(lines, "callbridge")[1:4] == ["–", "–", "–"]
    assert max(map(len, lines)) <= 80


# ---- sentences ----------------------------------------------------------------------------------


def test_a_knee_says_what_to_set() -> None:
    assert report.knee_lines(LIMIT) == [
        "It carries 420 calls.",
        f"At 460 calls: {SLOW}.",
        "There it used 78 % of a core: by CPU alone a whole one would carry about 540 "
        "(extrapolated, not measured).",
        "CALLBRIDGE_MAX_CALLS=290 leaves 31 % in reserve.",
    ]
    assert len(report.knee_lines(LIMIT, ours=False)) == 3


def test_a_knee_that_is_no_limit_says_at_least() -> None:
    knee = Knee(calls=400, calls_per_core=None, is_limit=False, advice=280,
                why=f"at 420 calls: {LATE}")  # fmt: skip
    lines = report.knee_lines(knee)
    assert lines[:2] == [
        "It carries at least 400 calls; its limit was not found.",
        f"At 420 calls: {LATE}.",
    ]


def test_a_knee_of_nothing() -> None:
    knee = Knee(calls=0, calls_per_core=None, is_limit=True, advice=0, why=f"at 6 calls: {SLOW}")
    assert report.knee_lines(knee) == [f"No load held. At 6 calls: {SLOW}."]


def test_drift_says_from_where_to_where() -> None:
    windows = [step(100, at_s=60.0 * n, rss_mib=80 + n / 8, lag_p99_ms=None) for n in range(40)]
    lines = report.drift_lines(drift(windows))
    assert lines[0].startswith("In 35.2 minutes: memory grew by 128 KiB a minute")
    assert lines[1:] == [
        "memory: 81.0 → 84.4 MiB, +128 KiB a minute",
        "p99 latency: 0.94 → 0.94 ms, no drift",
    ]


def test_the_header_says_what_was_measured() -> None:
    assert report.header(SCENE) == (
        "PCMU · 2 cores of AMD EPYC · CPython 3.11.7 · uvloop · 2026-11-21 13:00"
    )
    foreign = report.header(report.scene("PCMU", None, datetime(2026, 11, 21, 13, 0)))
    assert "None" not in foreign
    assert "loop" not in foreign
    here = report.scene("L16", "asyncio", datetime(2026, 11, 21, 13, 0))
    assert here.cores >= 1
    assert (here.codec, here.loop, here.date) == ("L16", "asyncio", "2026-11-21 13:00")


def test_the_processor_is_named_where_the_system_names_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    assert report.cpu_model(cpuinfo) is None
    cpuinfo.write_text("processor\t: 0\nmodel\t\t: 17\n")
    assert report.cpu_model(cpuinfo) is None
    cpuinfo.write_text("model\t\t: 17\nmodel name\t: AMD EPYC\nmodel name\t: AMD EPYC\n")
    assert report.cpu_model(cpuinfo) == "AMD EPYC"


def test_json_is_json() -> None:
    steps = [step(200), slow(460)]
    whole = report.as_json(SCENE, steps, slo=Slo(), knee=LIMIT, drift=drift(steps))
    back = json.loads(json.dumps(whole, allow_nan=False))
    assert back == whole
    assert back["steps"][1]["latency_ms"]["p99"] == 31.2
    assert (back["knee"]["calls"], back["drift"]["rss_kib"]) == (420, None)
    assert set(report.as_json(SCENE, steps, slo=Slo())) == {"scene", "slo", "steps"}


# ---- while it runs ------------------------------------------------------------------------------


def ticking() -> Callable[[], float]:
    """Every look is two seconds later."""
    looks = iter(range(0, 1000, 2))
    return lambda: float(next(looks))


def test_a_pipe_gets_a_line_for_every_finished_step() -> None:
    file = io.StringIO()
    with BenchProgress(Console(file=file, width=60)) as progress:
        progress.phase("callbridge", 200, "measuring", 10.0)
        assert file.getvalue() == ""
        progress.step(step(200))
        progress.step(slow(460))
        for _ in range(2):  # every load that fails is tried twice
            progress.refused("callbridge", 500, "the endpoint answers 503")
    assert file.getvalue().splitlines() == [
        "callbridge, 200 calls: p50 0.31, p99 0.94, worst 7.50 ms; jitter p99 0.42 ms; "
        "21.5 us/frame; 21.5 % CPU; ok",
        "callbridge, 460 calls: p50 1.20, p99 31.2, worst 55.0 ms; jitter p99 0.42 ms; "
        "21.5 us/frame; 49.5 % CPU; missed",
        "callbridge, 500 calls: the endpoint answers 503",
    ]


def test_a_terminal_shows_the_rows_and_what_is_done_now() -> None:
    progress = BenchProgress(Console(file=io.StringIO(), force_terminal=True), now=ticking())
    assert shown(progress.view()) == ["starting"]
    progress.step(step(200))
    progress.phase("callbridge", 1, "connecting")
    assert shown(progress.view())[-1] == "callbridge, 1 call: connecting"
    progress.phase("callbridge", 300, "measuring", 3.0)
    lines = [shown(progress.view())[-1] for _ in range(2)]
    assert lines[0] == "callbridge, 300 calls: measuring 2/3 s"
    assert lines[1] == "callbridge, 300 calls: measuring 3/3 s"
    assert row(shown(progress.view()), "200")[-1] == "ok"


def test_a_low_terminal_shows_the_last_rows() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=12)
    progress = BenchProgress(console)
    for calls in range(100, 1100, 100):
        progress.step(step(calls))
    lines = shown(progress.view(), 80)
    assert len(lines) < 12
    assert row(lines, "1000")
    assert not any(line.strip().startswith("600 ") for line in lines)


def test_the_live_view_is_gone_at_its_end_even_after_an_error() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80)

    def interrupted() -> None:
        with BenchProgress(console) as progress:
            progress.phase("callbridge", 200, "settling", 2.0)
            progress.step(step(200))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    console.print("the report")
    assert "\x1b[?25h" in file.getvalue()  # the cursor is back
    assert file.getvalue().endswith("the report\n")
