"""A caller says a text: the carrier speaks it, or plays its recording."""

import json
from pathlib import Path

import numpy as np
import pytest

from callbridge.carrier.net.numbers import read_numbers
from callbridge.carrier.net.speaking import speaker
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.people.steps import Say
from callbridge.errors import CallbridgeError
from callbridge.speech import espeak
from telecodecs import Pcm
from tests.callbridge.carrier.line import tone
from tests.callbridge.carrier.live import carrier, read_stereo

SALES = {"say": "Sales, please."}


def beeps(text: str, sample_rate: int, *, ssml: bool, language: str, female: bool) -> Pcm:
    """A voice: 20 ms of a tone for each letter."""
    return tone(20 * len(text), sample_rate)


async def test_it_is_spoken_with_the_carriers_voice(tmp_path: Path) -> None:
    async with carrier(voice=beeps, out_dir=tmp_path) as live:
        call = await live.ring(steps=[SALES, {"hangup": True}])
        assert await live.command(call, "answer") == 200
        summary = await live.finished(call)
    caller, _, rate = read_stereo(summary["files"]["wav"])
    spoken_s = np.count_nonzero(np.abs(caller) > 1000) / rate
    assert 0.15 < spoken_s < 0.02 * len(SALES["say"])


async def test_without_a_voice_the_request_is_refused_with_what_to_do() -> None:
    async with carrier() as live:
        answer = await live.http.post("/carrier/calls", json={"steps": [SALES]})
    assert answer.status_code == 422
    detail = answer.json()["errors"][0]["detail"]
    assert "step 1 (say 'Sales, please.')" in detail
    assert "callbridge[voice]" in detail


def test_people_at_numbers_of_a_file_speak_too(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    path.write_text(json.dumps({"+13125550199": {"steps": [SALES]}}))
    with pytest.raises(CallbridgeError, match=r"numbers\.json: \+13125550199: step 1 .* no voice"):
        read_numbers(path)
    person = read_numbers(path, speaker(beeps))["+13125550199"]
    assert isinstance(person, CallScript)
    [step] = person.steps
    assert isinstance(step, Say)
    assert step.clip is not None
    assert step.clip.pcm.any()


def test_the_voice_is_espeak_ng() -> None:
    pytest.importorskip("espeakng_loader")
    speak = speaker(espeak.speak)
    assert speak is not None
    pcm, rate = speak("Sales, please.")
    assert 0.5 < len(pcm) / rate < 3
    assert np.abs(pcm).max() > 5000


def test_a_behaviour_that_is_none_is_named_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    path.write_text('{"+13125550199": "bussy"}')
    with pytest.raises(CallbridgeError, match=r"\+13125550199: .* \(did you mean 'busy'\?\)"):
        read_numbers(path)
