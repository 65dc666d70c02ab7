"""The micro-benchmarks run, at sizes at which their figures mean nothing but their shape does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WITHIN_S = 60.0


def output(script: str, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *args],
        cwd=BENCHMARKS.parent,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def figures(script: str, *args: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output(script, "--json", *args))
    return found


def test_frames_are_measured_in_parts_and_whole() -> None:
    found = figures("frames.py", "--frames", "60")
    assert all(cost["ns"] > 0 for cost in found.values())
    compared = {name for name, cost in found.items() if cost["baseline_ns"] is not None}
    assert {"whole frame: PCMU", "wire: encode audio", "PCMU: decode"} <= compared
    assert {"session: receive", "whole frame: L16 at 16 kHz"} <= found.keys() - compared


def test_the_table_has_a_ratio_where_there_is_a_baseline() -> None:
    rows = output("frames.py", "--frames", "20").splitlines()
    assert rows[0].split() == ["ns", "per", "frame", "here", "baseline", "ratio"]
    wire = next(row for row in rows if row.startswith("wire: decode")).split()
    here, baseline, ratio = (float(column) for column in wire[-3:])
    assert abs(ratio - here / baseline) < 0.02 + 1 / baseline


def test_the_profile_names_where_the_time_goes() -> None:
    text = output("frames.py", "--profile", "--frames", "10")
    assert "Ordered by: internal time" in text
    assert "(pass_on)" in text


def test_memory_is_measured_per_call_and_per_process() -> None:
    found = figures("memory.py", "--calls", "4", "--seconds", "0.4")
    process, calls = found["resident_mib"], found["kib_per_call"]
    assert 1 < process["python"] < process["imported"] < process["serving"]
    assert calls["idle"] > 1  # a leg, its playout and its tasks are not for nothing
    assert calls["left"] < calls["idle"] / 2
    assert found["collection_ms"].keys() == {"started", "frozen", "frozen_with_calls"}


def test_sounds_are_measured_by_their_formats() -> None:
    rows = output("sounds.py", "--seconds", "1", "--runs", "1", "--kbit", "20000").splitlines()
    formats = [row.split("|")[1].strip() for row in rows[3:]]
    assert {"wav", "flac", "mp3", "ogg opus", "m4a, index at the end"} <= set(formats)
    assert all(float(row.split("|")[3]) > 0 for row in rows[3:])


def test_a_conference_is_measured_by_its_size() -> None:
    found = figures("conference.py", "--runs", "1")
    assert found.keys() == {
        f"{what}, {who} speak" for what in ("mix", "conference") for who in ("all", "3")
    }
    assert all(row.keys() == {"2", "3", "10", "50"} for row in found.values())


def test_handoffs_are_measured_in_parts_that_make_the_whole() -> None:
    found = figures("handoff.py", "--in-turn", "0", "--at-once", "1")
    picks_up, by_key = found["rounds"]
    assert picks_up["handoffs"] == by_key["handoffs"] == 1
    for each in (picks_up["ms"], by_key["ms"]):
        parts = [spread["p50"] for what, spread in each.items() if "→" in what]
        assert each["our share"]["p50"] == pytest.approx(sum(parts), abs=0.3)
        assert min(parts) > 0
    assert len(picks_up["ms"]) + 1 == len(by_key["ms"])


def test_webhooks_are_measured_beside_a_peer() -> None:
    scale = ("--calls", "2", "--rate", "50", "--seconds", "0.4", "--rounds", "1")
    rows = figures("webhooks.py", *scale)["rows"]
    assert [(row["name"], row["calls"]) for row in rows] == [
        ("callbridge", 0), ("fastapi_webhooks", 0), ("callbridge", 2), ("fastapi_webhooks", 2)
    ]  # fmt: skip
    assert all(row["webhooks"] == 20 and 0 < row["p50"] <= row["p99"] for row in rows)
    assert all((row["cpu_us"] is None) == bool(row["calls"]) for row in rows)


def test_a_carrier_full_of_legs_is_measured_in_real_time() -> None:
    found = figures("legs.py", "--legs", "8", "--seconds", "1")
    assert found["rooms"] == {"5": 1, "3": 1}
    assert found["ticks"] > 10
    assert found["cpu_percent"] > 0
    assert found["tick_ms"].keys() == found["late_ms"].keys() == {"p50", "p99", "worst"}


def test_the_page_is_looked_at_and_not_looked_at() -> None:
    rows = output("run_page.py", "--calls", "2", "--seconds", "0.5", "--turns", "1").splitlines()
    assert [row.partition(" bridge")[0].strip() for row in rows[1:]] == [
        "nobody looks",
        "a page looks",
    ]
