"""Reports and recordings as the carrier writes them, made up for tests."""

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np

from telecodecs import Pcm

RATE = 8000
ANSWERED_S = 0.5

Entry = tuple[float, str, dict[str, Any]]


def tone(seconds: float, hertz: float = 440.0, peak: int = 8000) -> Pcm:
    time = np.arange(round(seconds * RATE)) / RATE
    return (peak * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def track(*parts: Pcm | float) -> Pcm:
    """Samples one after the other; a number is so many seconds of silence."""
    pieces = [
        part if isinstance(part, np.ndarray) else np.zeros(round(part * RATE), np.int16)
        for part in parts
    ]
    return np.concatenate(pieces)


def webhook(at_s: float, event_type: str) -> Entry:
    return at_s, "webhook", {"event_type": event_type, "id": "0"}


CALL: list[Entry] = [
    (0.0, "state", {"state": "parked"}),
    webhook(0.0, "call.initiated"),
    (ANSWERED_S, "state", {"state": "answered"}),
    (ANSWERED_S, "command", {"action": "answer"}),
    webhook(ANSWERED_S, "call.answered"),
    (0.6, "mark queued", {"name": "e0.1"}),
    (0.8, "mark returned", {"name": "e0.1", "sample": 2400}),
    (2.4, "mark queued", {"name": "e0.2"}),
    (2.5, "dtmf", {"digit": "5"}),
    webhook(2.5, "call.dtmf.received"),
]
CLEARED: list[Entry] = [
    (2.51, "clear", {"marks": ["e0.2"], "sample": 16480}),  # it takes effect within 60 ms
    (2.51, "mark returned", {"name": "e0.2", "cleared": True}),
]
ENDED: list[Entry] = [
    (4.5, "state", {"state": "ended", "cause": "normal_clearing", "source": "caller"}),
    webhook(4.5, "call.hangup"),
]


def write(
    folder: Path, tape: list[Entry], caller: Pcm, bot: Pcm, **facts: Any
) -> tuple[Path, Path]:
    """A report and a recording. Returns (json, wav)."""
    report: dict[str, Any] = {
        "call_control_id": "v3:made-up",
        "direction": "incoming",
        "from": "+13125550123",
        "to": "+13125550100",
        "state": "ended",
        "sample_rate": RATE,
        "duration_s": len(bot) / RATE,
        "answered_at_s": ANSWERED_S,
        "audio_from_s": ANSWERED_S,
        "bridged": False,
        "hangup_cause": "normal_clearing",
        "hangup_source": "caller",
        "marks_returned": 1,
        "marks_cleared": 0,
        "stream_errors": 0,
        "failed": [],
        "tape_dropped": 0,
        "tape": [{"at_s": at_s, "kind": kind, "detail": detail} for at_s, kind, detail in tape],
    }
    report_path, wav_path = folder / "call.json", folder / "call.wav"
    report_path.write_text(json.dumps(report | facts))
    with wave.open(str(wav_path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.stack((caller, bot), axis=1).astype("<i2").tobytes())
    return report_path, wav_path
