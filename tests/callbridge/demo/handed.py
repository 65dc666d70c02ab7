"""A handoff made up for tests: decided at 4 s, dialled at 4.1, picked up at 6.1, accepted at 10.1,
joined at 10.3, and over at 14.1. The person's leg begins with the dialling."""

from pathlib import Path
from typing import Any

from callbridge.demo.handoff_record import HandedRecord, find
from callbridge.demo.record import Record, read

from .records import Entry, tone, track, webhook, write

LATER_S = 4.1
HOLD, VOICE, WHISPER = tone(6.0, 250), tone(1.0, 300), tone(3.5, 500)

Log = list[dict[str, Any]]


def said(at_s: float, text: str, lasts_s: float) -> dict[str, Any]:
    detail = {"text": text, "heard": text, "heard_s": lasts_s, "stop": "finished",
              "sent_at_s": at_s}  # fmt: skip
    return {"at_s": at_s + lasts_s, "kind": "said", "detail": detail}


CALLER_LOG: Log = [
    said(0.6, "What can I do for you?", 1.4),
    {"at_s": 3.9, "kind": "turn",
     "detail": {"said": "A table.", "began_at_s": 2.5, "last_voiced_at_s": 3.5}},
    {"at_s": 4.0, "kind": "asked", "detail": {"errand": "handoff", "to": "+13125550181"}},
]  # fmt: skip
CALLER_TAPE: list[Entry] = [
    (0.0, "state", {"state": "parked"}),
    (0.5, "state", {"state": "answered"}),
    (2.4, "script", {"at": "step 2 (say 'A table.')", "says": "A table."}),
    (3.4, "script", {"at": "step 3 (wait bot_silent)"}),
    webhook(4.05, "conference.participant.joined"),
    (10.31, "stream stopped", {"stream_id": "1"}),
    (12.0, "script", {"at": "step 4 (say 'A round one.')", "says": "A round one."}),
    (13.0, "script", {"at": "step 5 (wait hangup)"}),
    webhook(14.1, "conference.ended"),
    (14.1, "state", {"state": "ended", "cause": "normal_clearing", "source": "callee"}),
]
PERSON_LOG: Log = [said(2.1, "A caller for you: A table.", 3.5)]
PERSON_TAPE: list[Entry] = [
    (0.0, "state", {"state": "ringing"}),
    (0.0, "command", {"action": "dial"}),
    (2.0, "state", {"state": "answered"}),
    (6.0, "dtmf", {"digit": "1"}),
    webhook(6.2, "conference.participant.joined"),
    (6.21, "stream stopped", {"stream_id": "2"}),
    (6.5, "script", {"at": "step 4 (say 'Hello.')", "says": "Hello."}),
    (7.5, "script", {"at": "step 5 (wait hangup)"}),
    (10.0, "state", {"state": "ended", "cause": "normal_clearing", "source": "callee"}),
]


def caller(folder: Path, log: Log = CALLER_LOG, tape: list[Entry] = CALLER_TAPE) -> Record:
    """Hears the bot, 200 ms of nothing, music until 10.2 s, and the person from 10.6 s on."""
    folder.mkdir(parents=True)
    says = track(2.0, tone(1.0), 8.5, tone(1.0), 1.1)
    hears = track(0.1, tone(3.4), 0.2, HOLD, 0.4, VOICE, 2.5)
    return read(*write(folder, tape, says, hears, log=log))


def person(
    folder: Path,
    log: Log = PERSON_LOG,
    tape: list[Entry] = PERSON_TAPE,
    hangup_source: str = "callee",
) -> Record:
    """Is told what it is about, says hello, and hears the caller at the end."""
    folder.mkdir(parents=True)
    says = track(4.5, VOICE, 2.5)
    hears = track(0.1, WHISPER, 2.3, tone(1.0), 1.1)
    facts = {"direction": "outgoing", "to": "+13125550181", "hangup_source": hangup_source,
             "answered_at_s": 2.0, "audio_from_s": 2.0}  # fmt: skip
    return read(*write(folder, tape, says, hears, log=log, **facts))


def handed(folder: Path, **legs: Record) -> HandedRecord:
    """Of these legs, or of those above."""
    record = find(
        legs.get("caller") or caller(folder / "caller"),
        [(legs.get("person") or person(folder / "person"), LATER_S)],
    )
    assert record is not None
    return record
