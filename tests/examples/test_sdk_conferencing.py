"""Everybody hums at a pitch of their own, so that it can be told who heard whom."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from callbridge.carrier.net.files import write_wav
from callbridge.carrier.net.spool import encodes_mp3
from callbridge.host import audiofile
from callbridge.speech.espeak import available
from callbridge.testing import tone
from telecodecs import Pcm
from tests.examples.sdk_program import WITHIN_S, Program, program

NAME, HOOK = "conferencing", "/calls"
ANNA, BERT, CARL, DORA = "+13125550121", "+13125550122", "+13125550197", "+13125550198"
PITCH = {ANNA: 1350.0, BERT: 1650.0, CARL: 1950.0, DORA: 2250.0}
MUSIC = 330.0

pytestmark = [
    pytest.mark.skipif(not available(), reason="the extra callbridge[voice] is not installed"),
    pytest.mark.skipif(not encodes_mp3(), reason="the extra callbridge[audio] is not installed"),
]


def humming(number: str, folder: Path) -> dict[str, object]:
    """A step: they hum until they hang up."""
    file = folder / f"{number}.wav"
    hum = tone(WITHIN_S, PITCH[number])
    write_wav(file, hum, hum, 8000)
    return {"play": str(file), "background": True}


def guests(folder: Path) -> Path:
    """Two who come when they are called, hear others for a while, and go."""
    stays = [{"wait": "answered"}, {"wait": "bot_speaking", "for": 3.0}, {"hangup": True}]
    file = folder / "numbers.json"
    file.write_text(
        json.dumps({who: {"steps": [humming(who, folder), *stays]} for who in (CARL, DORA)})
    )
    return file


async def comes(room: Program, number: str, folder: Path) -> str:
    """Rings in, presses a key when they have heard something for a while, and stays until they are
    told to hang up."""
    steps = [
        humming(number, folder),
        {"wait": "bot_speaking", "for": 2.5},
        {"press": "1"},
        {"wait": "hangup", "within": WITHIN_S},
    ]
    return await room.live.ring(**{"from": number, "to": f"{number}0", "steps": steps})


async def goes(room: Program, call: str) -> None:
    await room.live.http.delete(f"/carrier/calls/{call}")


async def until_there(room: Program, *numbers: str, on_hold: bool = False) -> None:
    """These and nobody else are there, all on hold or none of them."""
    states = {(number, on_hold) for number in numbers}
    await room.until(
        "/people", lambda p: {(each["number"], each["on_hold"]) for each in p} == states
    )


def hears_s(heard: Pcm, hertz: float) -> float:
    """Seconds in which a pitch sounds, whatever else does."""
    frames = heard[: len(heard) // 160 * 160].reshape(-1, 160) * np.hanning(160)
    wave = np.exp(-2j * np.pi * hertz * np.arange(160) / 8000)
    return float((np.abs(frames @ wave) > 50_000).sum()) / 50


async def test_all_hear_all_but_whoever_is_alone_or_muted(tmp_path: Path) -> None:
    async with program(NAME, tmp_path, hook=HOOK, numbers=guests(tmp_path)) as room:
        anna = await comes(room, ANNA, tmp_path)
        await room.live.until(anna, "dtmf", WITHIN_S)
        await until_there(room, ANNA, on_hold=True)
        bert = await comes(room, BERT, tmp_path)
        await until_there(room, ANNA, BERT)
        assert (await room.page.post("/recording")).status_code == 200
        assert (await room.page.post(f"/people/{CARL}")).status_code == 200
        carl_said, carl_heard = await room.sides(CARL)
        assert (await room.page.delete("/recording")).status_code == 200
        [link] = await room.until("/recordings", bool)
        mp3 = (await room.live.http.get(link, headers={"authorization": ""})).content
        assert (await room.page.post(f"/people/{BERT}/mute")).status_code == 200
        assert (await room.page.post(f"/people/{CARL}/mute")).status_code == 404
        assert (await room.page.post(f"/people/{DORA}")).status_code == 200
        _, dora_heard = await room.sides(DORA)
        await goes(room, bert)
        await until_there(room, ANNA, on_hold=True)
        await goes(room, anna)
        await room.until("/people", lambda there: there == [])
        _, anna_heard = await room.sides(f"{ANNA}0")
        _, bert_heard = await room.sides(f"{BERT}0")
    assert hears_s(anna_heard, MUSIC) > 1
    for who, heard in ((ANNA, anna_heard), (BERT, bert_heard), (CARL, carl_heard)):
        for other in {ANNA, BERT, CARL} - {who}:
            assert hears_s(heard, PITCH[other]) > 1, f"{who} did not hear {other}"
        assert hears_s(heard, PITCH[who]) < 0.2, f"{who} heard themself"
    assert hears_s(dora_heard, PITCH[ANNA]) > 1
    assert hears_s(dora_heard, PITCH[BERT]) < 0.2
    assert hears_s(anna_heard, PITCH[DORA]) > 1
    recording = audiofile.load(mp3, 8000, "recording.mp3")
    assert all(hears_s(recording, PITCH[who]) > 1 for who in (ANNA, BERT, CARL))
    assert hears_s(carl_said, PITCH[CARL]) > 1


async def test_two_who_come_at_the_same_moment_are_in_one_conference(tmp_path: Path) -> None:
    async with program(NAME, tmp_path, hook=HOOK) as room:
        anna, bert = await asyncio.gather(comes(room, ANNA, tmp_path), comes(room, BERT, tmp_path))
        await until_there(room, ANNA, BERT)
        await goes(room, anna)
        await goes(room, bert)
        await room.until("/people", lambda there: there == [])
        again = await comes(room, ANNA, tmp_path)
        await until_there(room, ANNA, on_hold=True)
        made = (await room.live.http.get("/v2/conferences")).json()["data"]
        await goes(room, again)
    assert [(each["name"], each["status"]) for each in made] == [
        ("demo-conference", "in_progress"),
        ("demo-conference", "completed"),
    ]
