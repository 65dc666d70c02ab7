"""The benchmark of keys as sound counts what it is given."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks import dtmf

from callbridge.host.wav import write_wav
from tests.telecodecs.pressed import line, press, quiet


def test_a_digit_in_a_recording_is_counted_in_its_hours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av", reason="recordings are read by PyAV: pip install 'callbridge[hd]'")
    pcm = line(quiet(20_000), press("5"), quiet(20_000))
    (tmp_path / "talk.wav").write_bytes(write_wav(pcm, 8000))
    (tmp_path / "text.ogg").write_bytes(b"no sound")
    dtmf.talk_off([tmp_path], 0.0)
    rows = capsys.readouterr().out.splitlines()
    first = next(row for row in rows if "as it is" in row)
    assert first.split()[-3:] == ["h", "1", "5"]
    assert any(row.startswith("== speech, as it is: 1 in") for row in rows)


def test_borders_are_shares_of_all_digits_and_phases() -> None:
    assert dtmf.share(dtmf.keys(ms=50)) == 1.0
    assert dtmf.share(dtmf.keys(ms=50), times=2) == 0.0
    assert 0.0 < dtmf.share(dtmf.keys(ms=28)) < 1.0


def test_hearing_takes_some_time() -> None:
    assert 0.1 < dtmf.microseconds(np.zeros(1600, np.int16), 8000, runs=1) < 10_000
