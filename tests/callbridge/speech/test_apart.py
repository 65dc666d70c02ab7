"""The recogniser in a process of its own: same text, no harm done when that process dies."""

import gc
import io
import os
import signal

import msgspec
import numpy as np
import pytest

from callbridge.errors import CallbridgeError
from callbridge.speech.apart import Apart, serve
from callbridge.speech.engines import Hints
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
    text = recogniser.transcribe(passage(TWO_CLAUSES), 8000)
    assert recogniser.transcribe_with(passage(TWO_CLAUSES), 8000, Hints(so_far="It was")) == text
    choices = ("it was the best of times it was the worst of times", "yes")
    hints = Hints(choices=choices, words=("yes",))
    assert recogniser.transcribe_with(passage(TWO_CLAUSES), 8000, hints) == choices[0]
    assert "best of times" in recogniser.transcribe(passage(TWO_CLAUSES), 8000)
    first = child_of(recogniser)
    assert os.getpriority(os.PRIO_PROCESS, first) > os.getpriority(os.PRIO_PROCESS, 0)
    os.kill(first, signal.SIGKILL)  # whether or not that is known when it is asked next
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
        def transcribe_with(self, pcm: Pcm, sample_rate: int, hints: Hints) -> str:
            raise ValueError(f"{len(pcm)} at {sample_rate} after {hints.so_far}")

    answers = io.BytesIO()
    known = msgspec.msgpack.encode(Hints(so_far="well"))
    request = b"".join(number.to_bytes(4, "little") for number in (8000, 4, len(known)))
    serve(Broken(), io.BytesIO(request + np.zeros(2, np.int16).tobytes() + known), answers)
    assert answers.getvalue()[0] == 0
    assert answers.getvalue()[5:] == b"ValueError: 2 at 8000 after well"
