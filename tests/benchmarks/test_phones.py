"""The benchmark of telephones still runs."""

import pytest
from benchmarks.phones import capacity


async def test_two_phones_get_their_frames(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "WARM_UP_S", 0.2)
    await capacity.measure(phones=2, seconds=1.0)
    phones, frames = capsys.readouterr().out.splitlines()
    assert phones.startswith("2 phones: ")
    assert float(frames.partition(" ")[0]) > 50
