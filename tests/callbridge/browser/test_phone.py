"""A recorded person talks to a bot through the page of a real browser."""

from pathlib import Path

import numpy as np
import pytest

from callbridge.speech import offline
from telecodecs import Pcm, resample, silence
from tests.callbridge.browser.chromium import Chromium, write_microphone
from tests.callbridge.browser.phones import (
    carrier_with,
    happened,
    likenesses,
    telephone,
    until_happened,
)
from tests.callbridge.carrier.live import read_stereo
from tests.callbridge.speech.person import RATE, passage

EXAMPLES = Path(__file__).parents[3] / "examples"
BOT = "+13125550100"


def pause(seconds: float) -> Pcm:
    return silence(round(seconds * RATE))


@pytest.mark.skipif(not offline.installed(), reason="the extra callbridge[speech] is not installed")
async def test_a_person_talks_to_the_message_desk_through_the_page(
    chromium: Chromium, tmp_path: Path
) -> None:
    said = [pause(6.5), passage((0.9, 4.7)), pause(4.5), passage((4.9, 8.4)), pause(40)]
    microphone = write_microphone(tmp_path / "person.wav", np.concatenate(said), RATE)
    async with carrier_with(EXAMPLES / "message_desk.py", tmp_path) as (live, tape):
        phone = await telephone(await chromium.person(microphone), live, "+13125550142")
        await phone.call(BOT)
        await phone.until("talking")
        await phone.tap()
        call = await phone.page.evaluate("document.querySelector('call-phone').current.id")
        await until_happened(tape, "turn", times=2)
        await phone.page.wait_for_timeout(1500)  # the bot is at its menu
        await phone.page.keyboard.press("#")
        await phone.says("The other side hung up", within_ms=15_000)
        played, rate = await phone.played()
        summary = await live.finished(call)
    assert [line["digit"] for line in happened(tape, "key")] == ["#"]
    first, second, *_ = [turn["said"].lower() for turn in happened(tape, "turn")]
    assert "worst of times" in first
    assert "wisdom" in second
    assert happened(tape, "interrupted"), "the second passage came over the bot's"
    _, heard, _ = read_stereo(summary["files"]["wav"])
    alike = likenesses(resample(played, rate, RATE), heard, RATE)
    assert len(alike) > 33, "five seconds in which the bot spoke"
    assert np.median(alike) > 0.9
