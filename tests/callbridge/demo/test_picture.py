import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from callbridge.demo.picture import draw

from .records import CALL, CLEARED, ENDED, Entry, tone, track, webhook, write

pytest.importorskip("matplotlib", reason="the extra callbridge[pictures] is not installed")

CALLER = track(0.2, tone(1.0, 300), 2.8)
BOT = track(tone(2.05), 1.95)
VERMILION = (0xD5, 0x5E, 0x00)


def pixels(folder: Path, tape: list[Entry], **facts: Any) -> NDArray[np.uint8]:
    """(height, width, 3) of the drawn picture."""
    png = folder / "call.png"
    draw(*write(folder, tape, CALLER, BOT, **facts), png)
    image: Any = importlib.import_module("matplotlib.image")
    picture: NDArray[np.float32] = image.imread(png)[:, :, :3]
    return (picture * 255).round().astype(np.uint8)


def count(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> int:
    return int((picture == np.array(color, np.uint8)).all(axis=2).sum())


def test_a_picture_of_a_call(tmp_path: Path) -> None:
    picture = pixels(tmp_path, CALL + CLEARED + ENDED)
    assert picture.shape == (900, 1600, 3)
    assert count(picture, (0x00, 0x72, 0xB2)) > 5000  # the caller's wave
    assert count(picture, (0x00, 0x9E, 0x73)) > 20000  # the bot's
    assert count(picture, (255, 255, 255)) > picture[..., 0].size / 2


def test_a_clear_can_be_seen(tmp_path: Path) -> None:
    without, with_clear = pixels(tmp_path, CALL + ENDED), pixels(tmp_path, CALL + CLEARED + ENDED)
    assert count(with_clear, VERMILION) > count(without, VERMILION) + 200


def test_a_failed_expectation_can_be_seen(tmp_path: Path) -> None:
    held = pixels(tmp_path, CALL + ENDED)
    failed = pixels(tmp_path, CALL + ENDED, failed=["bot_spoke_s: expected at least 3, found 2.1"])
    assert (held[:100] != failed[:100]).any()
    assert (held[100:] == failed[100:]).all()


def test_what_was_said_and_how_soon_it_was_answered_can_be_seen(tmp_path: Path) -> None:
    steps = {"turn_ended": 0.8, "final_text": 0.9, "first_token": 0.9, "first_audio": 0.95,
             "first_sent": 0.95, "first_heard": 1.0}  # fmt: skip
    turn = {"said": "Hello, is it you?", "began_at_s": 0.7, "last_voiced_at_s": 1.7}
    cut = {"text": "Yes, it is. ", "heard": "Yes, ", "heard_s": 0.6, "stop": "interrupted",
           "sent_at_s": 2.7}  # fmt: skip
    log = [
        {"at_s": 2.5, "kind": "turn", "detail": turn},
        {"at_s": 3.3, "kind": "said", "detail": cut},
        {"at_s": 3.3, "kind": "waterfall", "detail": {"last_voiced_at_s": 1.7, "after_s": steps}},
    ]
    silent, told = pixels(tmp_path, CALL + ENDED), pixels(tmp_path, CALL + ENDED, log=log)
    ink, orange = (0x1A, 0x1A, 0x1A), (0xE6, 0x9F, 0x00)
    assert count(silent, orange) == 0
    assert count(told, orange) > 500  # the step in which the text was found
    assert count(told, ink) > count(silent, ink) + 200
    cut["stop"] = "finished"
    whole = pixels(tmp_path, CALL + ENDED, log=log)
    assert count(told, VERMILION) > count(whole, VERMILION)  # a cross, where it was cut


def test_a_call_that_was_never_answered_and_a_very_busy_one(tmp_path: Path) -> None:
    unanswered = CALL[:2] + ENDED
    report, wav = write(tmp_path, unanswered, track(0.0), track(0.0), answered_at_s=None)
    draw(report, wav, tmp_path / "unanswered.png")
    busy = list(CALL)
    for number in range(400):
        at_s = 0.5 + number * 0.01
        busy += [
            webhook(at_s, "call.dtmf.received"),
            (at_s, "dtmf", {"digit": "1"}),
            (at_s, "mark queued", {"name": f"e1.{number}"}),
            (at_s + 0.3, "mark returned", {"name": f"e1.{number}"}),
        ]
    assert pixels(tmp_path, busy + ENDED).shape == (900, 1600, 3)


def test_without_matplotlib_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    report, wav = write(tmp_path, CALL + ENDED, CALLER, BOT)
    program = f"""
import sys
from pathlib import Path
sys.modules["matplotlib"] = None
from callbridge.demo.picture import draw
from callbridge.errors import CallbridgeError
try:
    draw(Path({str(report)!r}), Path({str(wav)!r}), Path("never.png"))
except CallbridgeError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "a picture needs matplotlib: pip install 'callbridge[pictures]'\n"


def test_what_is_shaded_after_a_key_ends_before_the_bots_next_sentence(tmp_path: Path) -> None:
    """From the key at 2.5 s to the end of sound at 2.55 s: a few of 1600 pixels."""
    png = tmp_path / "call.png"
    next_sentence = track(tone(2.05), 0.01, tone(1.375), 0.565)
    draw(*write(tmp_path, CALL + CLEARED + ENDED, CALLER, next_sentence), png)
    image: Any = importlib.import_module("matplotlib.image")
    shade = np.array((0xF2, 0xCF, 0xB3), np.int16)  # VERMILION, 30 % of it, on white
    near = np.abs((image.imread(png)[:, :, :3] * 255).astype(np.int16) - shade).max(axis=2) <= 2
    columns = np.flatnonzero(near.sum(axis=0) > 10)
    assert 0 < np.ptp(columns) < 30
