import json
import re
from pathlib import Path
from typing import Any

import pytest

from callbridge.carrier.net.spool import encodes_mp3
from callbridge.host import audiofile
from callbridge.speech.espeak import available
from tests.examples.sdk_program import FOLDER, WITHIN_S, Program, alike, program, spoken_s

NAME, HOOK = "find_me_follow_me", "/calls"
WANTED, BUSY, OURS = "+13125550197", "+13125550199", "+13125550100"
SCRIPT = json.loads((FOLDER / f"{NAME}.json").read_text())

pytestmark = [
    pytest.mark.skipif(not available(), reason="the extra callbridge[voice] is not installed"),
    pytest.mark.skipif(not encodes_mp3(), reason="the extra callbridge[audio] is not installed"),
]


def people(folder: Path, steps: object) -> Path:
    """Who is to be found does this."""
    file = folder / "numbers.json"
    file.write_text(json.dumps({WANTED: {"steps": steps}}))
    return file


async def kept_by(find_me: Program, folder: Path) -> tuple[dict[str, Any], audiofile.Clip]:
    """The text that somebody was sent, and the recording that it leads to."""
    text = await find_me.asked("messages.send")
    link = re.search(r"http\S+", text["text"])
    assert link is not None
    file = folder / "recording.mp3"
    file.write_bytes((await find_me.live.http.get(link[0], headers={"authorization": ""})).content)
    return text, audiofile.read(file)


async def test_whoever_is_found_presses_1_and_they_hear_each_other(tmp_path: Path) -> None:
    async with program(NAME, tmp_path, hook=HOOK) as find_me:
        summary = await find_me.live.finished(await find_me.live.ring(**SCRIPT))
        caller_said, caller_heard = await find_me.sides(OURS)
        said, heard = await find_me.sides(WANTED)
    assert summary["failed"] == []
    assert summary["bridged"]
    assert alike(heard, caller_said) > 0.9
    assert alike(caller_heard, said) > 0.9
    assert spoken_s(caller_said) > 2


async def test_whoever_is_busy_gets_the_message_as_a_text(tmp_path: Path) -> None:
    async with program(NAME, tmp_path, hook=HOOK, FIND_ME=BUSY) as find_me:
        summary = await find_me.live.finished(await find_me.live.ring(**SCRIPT))
        said, _ = await find_me.sides(OURS)
        text, message = await kept_by(find_me, tmp_path)
    assert summary["failed"] == []
    assert not summary["bridged"]
    assert (text["from"], text["to"]) == (OURS, BUSY)
    assert spoken_s(message.pcm, message.sample_rate) > spoken_s(said) * 0.9


async def test_whoever_declines_hangs_up_and_the_caller_stays(tmp_path: Path) -> None:
    steps = [{"wait": "bot_speaking", "for": 1.0}, {"press": "2"}, {"wait": "hangup"}]
    numbers = people(tmp_path, steps)
    async with program(NAME, tmp_path, hook=HOOK, numbers=numbers) as find_me:
        call = await find_me.live.ring(
            steps=[
                {"wait": "answered"},
                {"wait": "bot_speaking", "for": 0.5},
                {"hangup": True},
            ]
        )
        summary = await find_me.live.finished(call)
        await find_me.sides(WANTED)
        events = await find_me.deliveries(2)
    assert summary["failed"] == []
    of_the_caller = events.pop((call, HOOK))
    [of_the_other] = events.values()
    assert of_the_caller[:2] == ["call.initiated", "call.answered"]
    # The menu is no speech that ends: it would have started a recording of whoever hears it.
    assert "call.speak.ended" not in of_the_other
    assert of_the_other[-2:] == ["call.gather.ended", "call.hangup"]


async def test_a_star_of_either_keeps_what_both_say(tmp_path: Path) -> None:
    steps = [
        {"wait": "bot_speaking", "for": 1.0},
        {"press": "1"},
        {"wait": "bot_silent", "for": 0.3},
        {"press": "*"},
        {"wait": "bot_speaking", "for": 1.0},
        {"wait": "bot_silent", "for": 0.8},
        {"say": "I have kept what you said. Goodbye."},
        {"hangup": True},
    ]
    numbers = people(tmp_path, steps)
    async with program(NAME, tmp_path, hook=HOOK, numbers=numbers) as find_me:
        call = await find_me.live.ring(
            steps=[
                {"wait": "answered"},
                {"wait": "bot_speaking", "for": 0.2},  # the beep of the recording
                {"say": "My order is number fourteen, and it has not come."},
                {"wait": "hangup"},
            ]
        )
        summary = await find_me.live.finished(call)
        said, heard = await find_me.sides(OURS)
        text, recording = await kept_by(find_me, tmp_path)
    assert summary["failed"] == []
    assert text["to"] == WANTED
    both_s = spoken_s(said) + spoken_s(heard)
    assert spoken_s(recording.pcm, recording.sample_rate) > both_s * 0.8


async def test_a_caller_who_gives_up_no_longer_rings(tmp_path: Path) -> None:
    numbers = people(tmp_path, [{"wait": "hangup"}])
    async with program(NAME, tmp_path, hook=HOOK, numbers=numbers) as find_me:
        call = await find_me.live.ring(steps=[{"wait": "hangup"}])
        await find_me.live.until(call, "webhook delivery", WITHIN_S)  # the other telephone rings
        await find_me.live.http.delete(f"/carrier/calls/{call}")
        summary = await find_me.live.finished(call)
        await find_me.sides(WANTED)  # that call is over as well
    assert summary["hangup_cause"] == "originator_cancel"
    assert summary["answered_at_s"] is None
