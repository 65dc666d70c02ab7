"""Frames as the platform writes them, by hand from its documents: not by our own encoder."""

import json
from base64 import b64encode

STREAM_ID = "32de0dea-53cb-4b21-89a4-9e1819c043bc"
CALL_CONTROL_ID = "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ"
FROM, TO = "+13122010094", "+13122123456"

CONNECTED = '{"event": "connected", "version": "1.0.0"}'
STOP = json.dumps(
    {
        "event": "stop",
        "sequence_number": "5",
        "stop": {
            "user_id": "3e6f995f-85f7-4705-9741-53b116d28237",
            "call_control_id": CALL_CONTROL_ID,
        },
        "stream_id": STREAM_ID,
    }
)
ERROR = json.dumps(
    {
        "event": "error",
        "payload": {"code": 100003, "title": "malformed_frame", "detail": "not well formed"},
        "stream_id": STREAM_ID,
    }
)


def start(encoding: str = "PCMU", sample_rate: int = 8000, channels: int = 1, to: str = TO) -> str:
    return json.dumps(
        {
            "event": "start",
            "sequence_number": "1",
            "start": {
                "user_id": "3e6f995f-85f7-4705-9741-53b116d28237",
                "call_control_id": CALL_CONTROL_ID,
                "call_session_id": "ff55a038-6f5d-11ef-9692-02420aeffb1f",
                "from": FROM,
                "to": to,
                "tags": ["TAG1", "TAG2"],
                "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d",
                "custom_parameters": {"language": "de"},
                "media_format": {
                    "encoding": encoding,
                    "sample_rate": sample_rate,
                    "channels": channels,
                },
            },
            "stream_id": STREAM_ID,
        }
    )


def media(
    payload: bytes,
    chunk: int = 2,
    timestamp: int | None = None,
    track: str = "inbound",
    sequence_number: int = 4,
) -> str:
    """`timestamp` in milliseconds; None counts 20 of them for each chunk."""
    return json.dumps(
        {
            "event": "media",
            "sequence_number": str(sequence_number),
            "media": {
                "track": track,
                "chunk": str(chunk),
                "timestamp": str(20 * (chunk - 1) if timestamp is None else timestamp),
                "payload": b64encode(payload).decode(),
            },
            "stream_id": STREAM_ID,
        }
    )


def dtmf(digit: str, occurred_at: str = "2026-07-16T10:00:00.123456Z") -> str:
    return json.dumps(
        {
            "event": "dtmf",
            "stream_id": STREAM_ID,
            "occurred_at": occurred_at,
            "sequence_number": "5",
            "dtmf": {"digit": digit},
        }
    )


def mark(name: str) -> str:
    return json.dumps(
        {
            "event": "mark",
            "stream_id": STREAM_ID,
            "sequence_number": "7",
            "mark": {"name": name},
        }
    )


ALL = [CONNECTED, start(), media(bytes(160)), dtmf("5"), mark("e0.1"), ERROR, STOP]
