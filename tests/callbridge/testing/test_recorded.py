"""Recordings of calls in virtual time: a test has their samples, and their texts."""

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from callbridge import App, Call
from callbridge.testing import Pair, Wait, says


async def patient(call: Call) -> None:
    async for _ in call.audio():
        pass


def ask(pair: Pair, method: str, path: str, body: object = None) -> Any:
    """Anybody's request to the carrier."""
    key = f"Bearer {pair.switch.config.api_key}"
    raw = json.dumps(body or {}).encode()
    answer = pair.switch.request(method, f"/v2{path}", raw, key, pair.clock.now())
    pair.drain()
    assert answer.status == 200, answer.body
    return answer.body["data"]


@pytest.fixture
def app() -> App:
    app = App()
    app.call(patient)
    return app


async def test_a_call_is_recorded_and_its_recording_understood(pair: Pair) -> None:
    call = await pair.ring(Wait("answered"))
    await asyncio.sleep(1.0)
    start = {"format": "mp3", "channels": "dual", "transcription": True}
    started = ask(pair, "POST", f"/calls/{call.call_control_id}/actions/record_start", start)
    await call.does(says("two tickets"))
    report = await call.hangs_up()
    recording = started["recording_id"]
    pcm = pair.recordings.saved[recording]
    assert np.array_equal(pcm[:, 0], report.caller[-len(pcm) :])
    [text] = ask(pair, "GET", "/recording_transcriptions")
    assert text["transcription_text"] == "two tickets"
    ask(pair, "DELETE", f"/recordings/{recording}")
    assert pair.recordings.saved == {}
