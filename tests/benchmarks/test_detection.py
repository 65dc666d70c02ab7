"""Detection is measured, on what needs no recordings."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("espeakng_loader")

ROOT = Path(__file__).parents[2]
MEASURE = (sys.executable, "-m", "benchmarks.detection", "--rules", "--mode", "premium")


def output(*args: str) -> str:
    done = subprocess.run(
        [*MEASURE, *args], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_each_group_has_a_row_and_all_of_them_one() -> None:
    found = json.loads(output("--json", "--group", "fax", "--group", "silence"))
    rows = {row["who picks up"]: row for row in found["premium"]}
    assert {name: row["calls"] for name, row in rows.items()} == {"fax": 6, "silence": 3, "all": 9}
    assert all(row["right"] == row["calls"] for row in rows.values())
    assert rows["silence"]["verdict s"].startswith("4.9")


def test_what_was_judged_wrongly_is_named() -> None:
    text = output("--wrong", "--group", "screening, synthesised", "--group", "ringing")
    table = [line for line in text.splitlines() if line.startswith("| ")]
    right = [int(line.split("|")[3]) for line in table[1:]]
    calls = [int(line.split("|")[2]) for line in table[1:]]
    named = [line for line in text.splitlines() if line.startswith("  ")]
    assert len(named) == calls[-1] - right[-1]
