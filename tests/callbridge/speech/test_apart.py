"""The recogniser in a process of its own: same text, no harm done when that process dies."""

import gc
import io
import os
import signal
import time

import numpy as np
import pytest

from callbridge.errors import CallbridgeError
from callbridge.speech.apart import Apart, serve
from telecodecs import Pcm, silence
from tests.callbridge.speech.person import TWO_CLAUSES, passage


def child_of(recogniser: Apart) -> int:
    child = recogniser._child  # pyright: ignore[reportPrivateUsage]
    assert child is not None
    return child.pid


def test_it_understands_and_is_replaced_when_it_dies() -> None:
    pytest.importorskip("moonshine_voice")
    recogniser = Apart()
    recogniser.load()
    assert "best of times" in recogniser.transcribe(passage(TWO_CLAUSES), 8000)
    first = child_of(recogniser)
    assert os.getpriority(os.PRIO_PROCESS, first) > os.getpriority(os.PRIO_PROCESS, 0)
    os.kill(first, signal.SIGKILL)
    time.sleep(0.05)
    assert "best of times" in recogniser.transcribe(passage(TWO_CLAUSES), 8000)
    second = child_of(recogniser)
    assert second != first
    del recogniser
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


def test_a_process_that_cannot_work_is_an_error_and_no_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(CallbridgeError, match="process has ended"):
        Apart().transcribe(silence(8000), 8000)


def test_what_the_engine_raises_comes_across() -> None:
    class Broken:
        def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
            raise ValueError(f"{len(pcm)} at {sample_rate}")

    answers = io.BytesIO()
    request = (8000).to_bytes(4, "little") + (4).to_bytes(4, "little")
    serve(Broken(), io.BytesIO(request + np.zeros(2, np.int16).tobytes()), answers)
    assert answers.getvalue()[0] == 0
    assert answers.getvalue()[5:] == b"ValueError: 2 at 8000"
