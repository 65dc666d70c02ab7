"""What an account that is not verified has said before everything that machines say for it."""

from typing import Any

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.parts.sounds import ANNOUNCEMENT
from callbridge.carrier.people.script import CallScript
from tests.callbridge.carrier.line import STAY, data
from tests.callbridge.carrier.playing_line import LETTER_MS, PlayingLine

BOB = "+13125550199"
MENU, NEWS = "http://files/menu.wav", "http://files/news.wav"
IT_MS = LETTER_MS * len(ANNOUNCEMENT.text)


def line_with(*, announces: bool = True, **options: Any) -> PlayingLine:
    config = CarrierConfig(
        webhook_url="http://app/",
        numbers={BOB: CallScript(steps=STAY)},
        ring_s=0.1,
        announces=announces,
    )
    return PlayingLine({MENU: 200}, config=config, **options)


def heard_ms(line: PlayingLine, call: str) -> int:
    """When nothing sounds any more."""
    line.tick((IT_MS + 2000) // 20)
    return line.heard_ms(call)


SPEECH: dict[str, object] = {"payload": "Hello", "voice": "female"}
COMMANDS: list[tuple[str, dict[str, object], int]] = [
    ("speak", SPEECH, 5 * LETTER_MS),
    ("playback_start", {"audio_url": MENU}, 200),
    ("gather_using_speak", SPEECH, 5 * LETTER_MS),
    ("gather_using_audio", {"audio_url": MENU}, 200),
]


@pytest.mark.parametrize(("action", "fields", "alone_ms"), COMMANDS)
@pytest.mark.parametrize("announces", [False, True])
def test_it_is_heard_before_every_speech_and_file(
    action: str, fields: dict[str, object], alone_ms: int, announces: bool
) -> None:
    line = line_with(announces=announces)
    call = line.answered()
    line.does(call, action, **fields)
    expected = alone_ms + IT_MS * announces
    assert heard_ms(line, call) == pytest.approx(expected, abs=20)


def test_it_is_made_once_and_heard_each_time() -> None:
    line = line_with()
    call = line.answered()
    for _ in range(2):
        line.does(call, "playback_start", audio_url=MENU)
        line.tick((IT_MS + 1000) // 20)
    assert line.heard_ms(call) == pytest.approx(2 * (IT_MS + 200), abs=40)
    assert line.said == [ANNOUNCEMENT.text]
    assert line.fetched == [MENU]  # which the call has kept, with it


@pytest.mark.parametrize(
    ("fields", "alone_ms"), [({}, 0), ({"audio_url": MENU}, 200)], ids=["plain", "with a file"]
)
def test_a_call_that_is_made_begins_with_it(fields: dict[str, Any], alone_ms: int) -> None:
    line = line_with()
    call = data(line.dial(BOB, **fields))["call_control_id"]
    line.tick(10)
    assert heard_ms(line, call) == pytest.approx(alone_ms + IT_MS, abs=20)


def test_the_callee_of_a_transfer_hears_it_and_the_caller_does_not() -> None:
    line = line_with()
    caller = line.answered()
    line.does(caller, "transfer", to=BOB)
    line.tick((IT_MS + 1000) // 20)
    called = next(
        event["payload"]["call_control_id"]
        for event in line.events
        if event["payload"].get("direction") == "outgoing"
    )
    assert line.heard_ms(called) == pytest.approx(IT_MS, abs=20)
    assert line.heard_ms(caller) == 0


def test_a_file_that_is_not_there_is_still_not_there() -> None:
    line = line_with()
    call = line.answered()
    line.does(call, "playback_start", audio_url=NEWS)
    line.tick(10)
    assert line.told("status") == [("playback.ended", "file_not_found")]
    assert line.said == []


def test_without_a_voice_nothing_announces() -> None:
    line = line_with(speaks=False)
    call = line.answered()
    line.does(call, "playback_start", audio_url=MENU)
    assert heard_ms(line, call) == pytest.approx(200, abs=20)
