"""What the core asks its shell to do. The core itself does no I/O."""

from typing import Literal

import msgspec


class SendWebhook(msgspec.Struct, frozen=True):
    """One signed event. `urls` are tried in this order, each until it failed twice.

    `event` is the body without `meta`, which differs with every attempt. `retries_ms`, when a
    policy was given for the event, are the pauses before the repetitions."""

    call_control_id: str
    urls: tuple[str, ...]
    method: Literal["POST", "GET"]
    retries_ms: tuple[int, ...] | None
    event: dict[str, object]


class OpenStream(msgspec.Struct, frozen=True):
    """Connect to the customer's WebSocket; answer with `stream_opened` or `stream_failed`."""

    stream_id: str
    url: str
    headers: dict[str, str]


class SendFrame(msgspec.Struct, frozen=True):
    stream_id: str
    text: str


class CloseStream(msgspec.Struct, frozen=True):
    """Send what is queued, then close; nothing more is expected of this stream."""

    stream_id: str


class Synthesise(msgspec.Struct, frozen=True):
    """Turn text into speech; answer with `synthesised`. Slow, hence the shell's work."""

    speak_id: str
    text: str
    sample_rate: int
    ssml: bool


class CallFinished(msgspec.Struct, frozen=True):
    """The leg has ended and its report is complete."""

    call_control_id: str


Effect = SendWebhook | OpenStream | SendFrame | CloseStream | Synthesise | CallFinished
