"""Callers and recordings pass between the bench and the program of another framework."""

import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.answers import peers
from benchmarks.answers.peers import PipecatBot

from callbridge.carrier.people.echo import EchoPath
from callbridge.errors import CallbridgeError
from tests.callbridge.speech.acoustics import RATE, Wave

pytest.importorskip("espeakng_loader")

# Stands for the program: its bot says what the caller said, backwards, plus its echo's ticks.
PROGRAM = """
import sys
import numpy as np
*_, ending, _, bot, said, heard = sys.argv
given = dict(np.load(said))
assert (bot == "talks") == ("says" in given) and len(given.pop("says", "some")) > 0
tracks = {}
for name, pcm in given.items():
    if not name.endswith(".echo"):
        echo = given.get(name + ".echo", [0, 0])
        tracks[name] = np.stack([pcm, pcm[::-1] + int(echo[1])])
np.savez(heard, **dict(reversed(tracks.items())))
"""


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PipecatBot:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    monkeypatch.setattr(peers, "PROGRAM", program)
    return PipecatBot(Path(sys.executable), "smart")


def waves(number: int) -> list[Wave]:
    return [np.arange(n * 100, n * 100 + RATE, dtype=np.float64) for n in range(number)]


def test_each_caller_has_their_own_recording_in_their_order(bot: PipecatBot) -> None:
    calls = bot.answers(waves(12))
    assert [int(call.caller[0]) for call in calls] == [100 * n for n in range(12)]
    assert all(np.array_equal(call.bot, call.caller[::-1]) for call in calls)
    assert {len(call.caller) for call in calls} == {round((1 + peers.AFTER_S) * RATE)}


def test_a_bot_that_talks_is_told_of_echoes(bot: PipecatBot) -> None:
    plain, echoed = bot.talks([(waves(1)[0], None), (waves(1)[0], EchoPath(-20.0, 0.16))])
    assert int(plain.bot[-1]) == 0
    assert int(echoed.bot[-1]) == 8


def test_a_program_that_fails_says_why(bot: PipecatBot) -> None:
    peers.PROGRAM.write_text("raise SystemExit('out of tea')")
    with pytest.raises(CallbridgeError, match="out of tea"):
        bot.answers(waves(1))


def test_what_to_install_is_said_where_pipecat_is_missing(tmp_path: Path) -> None:
    lacks = tmp_path / "python"
    lacks.write_text("#!/bin/sh\nexit 1\n")
    lacks.chmod(0o755)
    assert "pip install" in peers.missing(lacks)
    assert "No such file" in peers.missing(tmp_path / "nothing")
