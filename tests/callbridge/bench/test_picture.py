# matplotlib's methods have no types.
# pyright: reportUnknownMemberType=false

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from callbridge.bench.picture import (
    LATENCIES,
    draw_comparison,
    draw_ramp,
    draw_soak,
    log_ticks,
    sign_of,
)
from callbridge.bench.results import Figures, Knee, Slo, Spread
from callbridge.demo.panels import blank
from tests.callbridge.bench.steps import late, slow, step

pytest.importorskip("matplotlib", reason="the extra callbridge[pictures] is not installed")

BLUE, GREEN, VERMILION = (0x00, 0x72, 0xB2), (0x00, 0x9E, 0x73), (0xD5, 0x5E, 0x00)
PURPLE, ORANGE, INK = (0xAA, 0x44, 0x99), (0xE6, 0x9F, 0x00), (0x1A, 0x1A, 0x1A)
KNEE = Knee(calls=300, calls_per_core=500.0, is_limit=True, advice=210, why="at 330 calls: slow")
LOADS = [step(calls) for calls in (100, 150, 220, 300)]


def pixels(png: Path) -> NDArray[np.uint8]:
    """(900, 1600, 3) of a drawn picture."""
    image: Any = importlib.import_module("matplotlib.image")
    read: NDArray[np.float32] = image.imread(png)[:, :, :3]
    picture = (read * 255).round().astype(np.uint8)
    assert picture.shape == (900, 1600, 3)
    return picture


def at(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Where it is, or nearly: thin lines are blended with what is behind them."""
    apart = np.abs(picture.astype(np.int16) - np.array(color, np.int16))
    return np.asarray(apart.max(axis=2) < 40)


def count(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> int:
    return int(at(picture, color).sum())


# ---- a ramp -------------------------------------------------------------------------------------


def ramp(folder: Path, steps: list[Figures], knee: Knee = KNEE, **known: Any) -> NDArray[np.uint8]:
    draw_ramp(steps, knee, Slo(), folder / "ramp.png", **known)
    return pixels(folder / "ramp.png")


def test_a_ramp_has_its_curves_its_promise_and_its_knee(tmp_path: Path) -> None:
    picture = ramp(tmp_path, [*LOADS, slow(450), slow(330)])
    upper, lower = picture[100:600], picture[600:]
    for color in (GREEN, BLUE, PURPLE):
        assert count(upper, color) > 800
    assert count(lower, BLUE) > 800
    assert count(lower, ORANGE) > 800
    assert at(upper, VERMILION).sum(axis=1).max() > 500  # the dashes of the promise
    knee = 0.065 + 300 / (1.03 * 450) * (0.9 - 0.065)  # of the width
    columns = np.flatnonzero((picture[150:560] < 100).all(axis=2).sum(axis=0) > 300)
    assert columns.tolist() == pytest.approx([knee * 1600] * len(columns), abs=2)
    assert len(columns)


def test_what_the_generator_bounds_is_hollow_and_named(tmp_path: Path) -> None:
    full = ramp(tmp_path, [*LOADS, step(450)])
    hollow = ramp(tmp_path, [*LOADS, late(450)])
    top = slice(100, 135)  # where the signs are explained
    assert count(full[top, 900:], INK) == 0
    assert count(hollow[top, 900:], INK) > 100
    last = round(1600 * (0.065 + (0.9 - 0.065) / 1.03))
    for picture, gap in ((full, False), (hollow, True)):
        rows = np.flatnonzero(at(picture[150:600, last : last + 1], GREEN))
        assert (np.diff(rows).max() > 3) == gap


def test_a_missed_standard_is_marked_on_the_curve_that_it_is_about() -> None:
    p50, p99, p999 = LATENCIES
    lossy = step(450, verdict="slo", why="9 frames lost", lost=9)
    assert [sign_of(slow(450), each, Slo()) for each in (p50, p99, p999)] == [
        "plain", "above", "plain",
    ]  # fmt: skip
    assert sign_of(lossy, p99, Slo()) == "other"  # a cross would lie below the SLO's line
    assert sign_of(late(450), p50, Slo()) == "unsure"
    assert sign_of(step(450), p99, Slo()) == "plain"


def test_a_bot_that_talks_is_drawn_by_its_jitter(tmp_path: Path) -> None:
    talks = [step(calls, latency_ms=None) for calls in (100, 150, 220, 300)]
    draw_ramp(talks, KNEE, Slo(echo=False), tmp_path / "ramp.png")
    assert count(pixels(tmp_path / "ramp.png")[100:600], BLUE) > 800


@pytest.mark.parametrize("low", [0.01, 0.13, 0.31, 0.94, 2.01, 5.3, 60.0])
@pytest.mark.parametrize("times", [3.08, 4.84, 11.0, 900.0])
def test_a_logarithmic_axis_has_ticks_enough_to_read_it(low: float, times: float) -> None:
    figure, _ = blank()
    axes = figure.subplots()
    axes.semilogy([low, times * low])
    axes.set_ylim(low, times * low)
    log_ticks(axes.yaxis, low, times * low)
    assert sum(low <= tick <= times * low for tick in axes.get_yticks()) >= 2


def test_a_ramp_of_one_step_and_one_of_nothing_but_failures(tmp_path: Path) -> None:
    assert count(ramp(tmp_path, [step(100)]), BLUE) > 50
    nothing = Knee(calls=0, calls_per_core=None, is_limit=True, advice=0, why="at 6 calls: slow")
    silent = step(100, verdict="slo", why="no echo at all", latency_ms=None, cpu_percent=None)
    assert count(ramp(tmp_path, [silent, silent], nothing), VERMILION) > 500
    with pytest.raises(ValueError, match="without steps"):
        draw_ramp([], nothing, Slo(), tmp_path / "never.png")


def test_a_note_says_what_was_measured(tmp_path: Path) -> None:
    bare, noted = ramp(tmp_path, LOADS), ramp(tmp_path, LOADS, note="PCMU · 2 cores")
    assert (bare[60:90] != noted[60:90]).any()
    assert (bare[100:] == noted[100:]).all()


# ---- side by side -------------------------------------------------------------------------------


def compared(
    folder: Path, steps: list[Figures], base: str | None = "callbridge"
) -> NDArray[np.uint8]:
    draw_comparison(steps, folder / "compared.png", base=base)
    return pixels(folder / "compared.png")


def bar(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> int:
    """The length of the longest bar of a colour, in pixels."""
    return int(at(picture[:, :970], color).sum(axis=1).max())


def test_bars_are_as_long_as_what_they_cost(tmp_path: Path) -> None:
    steps = [step(50), step(50, target="fastapi", cpu_us_per_frame=86.0)]
    picture = compared(tmp_path, steps)
    assert bar(picture, BLUE) == pytest.approx(4 * bar(picture, GREEN), abs=4)
    green, blue = (np.flatnonzero(at(picture[:, 280:300], c).any(axis=1)) for c in (GREEN, BLUE))
    assert green.max() < blue.min()  # the cheaper one is on top


def test_the_base_stands_out_and_is_the_first_one_unless_named(tmp_path: Path) -> None:
    steps = [step(50, target="fastapi", cpu_us_per_frame=86.0), step(50)]
    named, first = compared(tmp_path, steps), compared(tmp_path, steps, base=None)
    assert bar(first, GREEN) > 3 * bar(named, GREEN)


def test_targets_of_which_little_is_known(tmp_path: Path) -> None:
    unknown = step(50, target="x" * 90, cpu_us_per_frame=None, latency_ms=None, verdict="slo")
    assert count(compared(tmp_path, [unknown, step(50)]), VERMILION) > 20
    zero = step(50, latency_ms=Spread(0.0, 0.0, 0.0, 0.0))
    compared(tmp_path, [zero, unknown])
    compared(tmp_path, [unknown])
    with pytest.raises(ValueError, match="nothing"):
        draw_comparison([], tmp_path / "never.png")


# ---- a soak -------------------------------------------------------------------------------------


def soaked(folder: Path, windows: list[Figures]) -> NDArray[np.uint8]:
    draw_soak(windows, folder / "soak.png")
    return pixels(folder / "soak.png")


def rising(**known: Any) -> list[Figures]:
    return [step(200, at_s=30.0 * n, rss_mib=80 + n / 4, **known) for n in range(40)]


def test_a_soak_shows_memory_latency_and_lag(tmp_path: Path) -> None:
    picture = soaked(tmp_path, rising())
    memory, latency, lag = picture[120:340], picture[380:580], picture[630:830]
    assert count(memory, PURPLE) > 200
    assert count(latency, BLUE) > 200
    assert count(lag, ORANGE) > 200
    rows = [np.flatnonzero(at(memory[:, a:b], PURPLE).any(axis=1)).mean()
            for a, b in ((104, 300), (1200, 1440))]  # fmt: skip
    assert rows[0] > rows[1] + 100  # upwards


def test_the_medians_of_the_ends_lie_on_what_they_are_of(tmp_path: Path) -> None:
    """KiB against MiB: a bar that is off the panel would go unnoticed."""
    flat = [step(200, at_s=30.0 * n, rss_mib=80.0) for n in range(40)]
    picture = soaked(tmp_path, flat)[120:340, 104:1440]
    covered = (picture.max(axis=2) < 170) & (picture.max(axis=2) > 80)
    assert covered.sum(axis=1).max() > 300


def test_a_window_that_missed_the_standard_stands_out(tmp_path: Path) -> None:
    windows = rising()
    held = soaked(tmp_path, windows)
    windows[20] = slow(200, at_s=600.0, rss_mib=85.0)
    missed = soaked(tmp_path, windows)
    assert count(held, VERMILION) == 0
    assert count(missed, VERMILION) > 50


def test_what_was_not_measured_has_no_panel(tmp_path: Path) -> None:
    picture = soaked(tmp_path, [step(9, at_s=9.0 * n, rss_mib=None, lag_p99_ms=None)
                                for n in range(9)])  # fmt: skip
    assert (count(picture, PURPLE), count(picture, ORANGE)) == (0, 0)
    assert count(picture, BLUE) > 100


def test_soaks_of_one_window_and_of_none(tmp_path: Path) -> None:
    assert count(soaked(tmp_path, [step(9, rss_mib=80.0)]), PURPLE) > 5
    soaked(tmp_path, [step(9, rss_mib=None, latency_ms=None, lag_p99_ms=None)])
    with pytest.raises(ValueError, match="without windows"):
        draw_soak([], tmp_path / "never.png")


def test_without_matplotlib_a_sentence_says_what_to_install() -> None:
    program = """
import sys
from pathlib import Path
sys.modules["matplotlib"] = None
from callbridge.bench.picture import draw_soak
from callbridge.errors import CallbridgeError
from tests.callbridge.bench.steps import step
try:
    draw_soak([step(1)], Path("never.png"))
except CallbridgeError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.stdout == "a picture needs matplotlib: pip install 'callbridge[pictures]'\n"
