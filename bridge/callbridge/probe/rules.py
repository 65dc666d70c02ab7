"""What an endpoint has to do, one rule a line, and where each rule comes from.

`docs/probe.md` shows the same table: python -m callbridge.probe.rules says what belongs there."""

from typing import Literal

import msgspec

Severity = Literal["must", "should"]
RuleSource = Literal["documented", "RFC 6455", "observed", "inferred"]


class Rule(msgspec.Struct, frozen=True):
    """One sentence that an endpoint keeps or breaks.

    Broken, a `must` costs callers something in production; a `should` costs quality or safety.
    The source is the platform's documents, the WebSocket standard, what was observed in real
    traffic or quoted from real answers, or what we infer where all of them are silent."""

    id: str
    severity: Severity
    source: RuleSource
    says: str


# ---- Conversation Relay -------------------------------------------------------------------------

RELAY_OPENS = Rule(
    "relay-opens", "must", "documented", "The socket stays open after the `setup` frame."
)
RELAY_PING = Rule("relay-ping", "must", "RFC 6455", "A WebSocket ping is answered by a pong.")
RELAY_FRAMES = Rule(
    "relay-frames",
    "must",
    "documented",
    "Every message is one JSON object in a text frame, of a documented type, with all required "
    "fields in their types. Ten bad ones in a row, and the platform closes the socket.",
)
RELAY_FRAME_SIZE = Rule(
    "relay-frame-size",
    "should",
    "inferred",
    "No message is longer than a million characters; an hour of speech has about 60,000.",
)
RELAY_ANSWERS = Rule(
    "relay-answers", "must", "documented", "Every final prompt is answered by text."
)
RELAY_STREAMS = Rule(
    "relay-streams",
    "should",
    "inferred",
    "A long answer comes in pieces, as it is made: the platform speaks a sentence as soon as it is "
    "whole, and a caller who waits for the last word of it waits in silence.",
)
RELAY_TURN_CLOSED = Rule(
    "relay-turn-closed",
    "must",
    "documented",
    "Every turn is finished by `last: true`. An omitted `last` is false, and the platform keeps "
    "waiting.",
)
RELAY_TURN_ONCE = Rule(
    "relay-turn-once",
    "must",
    "documented",
    "A turn is finished once: no `last: true` comes where no turn is open.",
)
RELAY_AFTER_END = Rule(
    "relay-after-end", "should", "inferred", "Nothing is sent behind an `end` frame."
)
RELAY_INTERRUPT_STOPS = Rule(
    "relay-interrupt-stops",
    "must",
    "inferred",
    "After an `interrupt` no more text of the cut answer comes: it would be spoken as the next "
    "thing that the caller hears.",
)
RELAY_INTERRUPT_CLOSES = Rule(
    "relay-interrupt-closes",
    "must",
    "inferred",
    "A turn that was open at the `interrupt` is closed before other text comes, so that the next "
    "answer is not glued to the cut one.",
)
RELAY_INTERRUPT_ANSWERS = Rule(
    "relay-interrupt-answers",
    "must",
    "documented",
    "A prompt after an `interrupt` is answered.",
)
RELAY_OVERLAP = Rule(
    "relay-overlap",
    "must",
    "inferred",
    "A prompt that comes while an answer is being sent, or right behind another prompt, is "
    "answered too, and no turn is left open.",
)
RELAY_INTERIM = Rule(
    "relay-interim",
    "must",
    "documented",
    "Interim prompts (`last: false`) are not answered; the final one is.",
)
RELAY_DTMF = Rule("relay-dtmf", "must", "documented", "`dtmf` frames do not end the session.")
RELAY_UNKNOWN = Rule(
    "relay-unknown",
    "must",
    "documented",
    "Types and fields that the endpoint does not know are ignored. `eagerEndOfTurn` and "
    "`turnResumed` are such: their fields are not published.",
)
RELAY_NULLS = Rule(
    "relay-nulls", "must", "observed", "null counts as absent, in every optional field."
)
RELAY_ERROR = Rule(
    "relay-error", "must", "documented", "An `error` frame does not end the session."
)
RELAY_EMPTY = Rule("relay-empty", "must", "inferred", "An empty prompt does not end the session.")
RELAY_LONG = Rule(
    "relay-long", "must", "inferred", "A prompt of 20,000 characters does not end the session."
)
RELAY_FRAGMENTS = Rule(
    "relay-fragments", "must", "RFC 6455", "A message in several fragments is read as one."
)
RELAY_IDLE = Rule(
    "relay-idle", "must", "documented", "The session stays open while nobody says a word."
)
RELAY_ORDER = Rule(
    "relay-order",
    "must",
    "inferred",
    "A session that begins with a prompt, or is set up twice, costs at most itself: the next call "
    "is served.",
)
RELAY_HANG_UP = Rule(
    "relay-hang-up",
    "must",
    "documented",
    "A socket that breaks in the middle of an answer costs only its own call: the next one is "
    "served.",
)
RELAY_CLOSE = Rule(
    "relay-close", "should", "RFC 6455", "A close of the platform's side is answered by a close."
)
RELAY_TOKEN = Rule(
    "relay-token",
    "should",
    "documented",
    "An address with a changed secret is refused: no header is documented that could tell the "
    "platform from anybody else.",
)
RELAY_ONE_SOCKET = Rule(
    "relay-one-socket",
    "should",
    "documented",
    "A second socket with the address of a running session is refused.",
)

# ---- Media Streaming ----------------------------------------------------------------------------

MEDIA_OPENS = Rule(
    "media-opens",
    "must",
    "documented",
    "The socket stays open through `connected`, `start` and the caller's audio.",
)
MEDIA_PING = Rule("media-ping", "must", "RFC 6455", "A WebSocket ping is answered by a pong.")
MEDIA_FRAMES = Rule(
    "media-frames",
    "must",
    "documented",
    "Every message is one JSON object in a text frame: `media` with a payload, `mark` with a name, "
    "or `clear`. Anything else gets error 100003.",
)
MEDIA_PAYLOAD = Rule(
    "media-payload",
    "must",
    "documented",
    "A payload is base64 of raw bytes of the codec that was asked for: whole samples, 20 ms to "
    "30 s. Anything else gets error 100004.",
)
MEDIA_RATE = Rule(
    "media-rate",
    "must",
    "documented",
    "In mp3 mode one `media` frame a second; in rtp mode no rate is limited, and the queue here "
    "holds an hour. Anything else gets error 100005.",
)
MEDIA_SPEAKS = Rule(
    "media-speaks", "should", "inferred", "The bot says something, or something to what is said."
)
MEDIA_LATE_START = Rule(
    "media-late-start",
    "should",
    "observed",
    "The socket stays open when `start` comes two seconds after `connected`, as it may with dial.",
)
MEDIA_TWO_CODECS = Rule(
    "media-two-codecs",
    "must",
    "observed",
    "The caller's audio is what `start.media_format` says, PCMA in Europe and India, whatever "
    "codec was asked for towards the caller.",
)
MEDIA_L16 = Rule("media-l16", "should", "documented", "A stream in L16 at 16 kHz is taken, too.")
MEDIA_NUMBERING = Rule(
    "media-numbering",
    "must",
    "documented",
    "Frames may come out of order, twice, with gaps and in any size: the documents' own example "
    "has 792 bytes.",
)
MEDIA_DTMF = Rule(
    "media-dtmf", "must", "documented", "`dtmf` frames do not end the stream, in any order."
)
MEDIA_MARKS = Rule(
    "media-marks", "must", "documented", "Marks that come back do not end the stream, known or not."
)
MEDIA_UNKNOWN = Rule(
    "media-unknown", "must", "documented", "Events and fields that are not known are ignored."
)
MEDIA_NULLS = Rule(
    "media-nulls",
    "must",
    "observed",
    "null counts as absent, in every optional field: `client_state` is null in most calls.",
)
MEDIA_ERROR = Rule("media-error", "must", "documented", "An `error` frame does not end the stream.")
MEDIA_FRAGMENTS = Rule(
    "media-fragments", "must", "RFC 6455", "A message in several fragments is read as one."
)
MEDIA_IDLE = Rule("media-idle", "must", "inferred", "The stream stays open while no frames come.")
MEDIA_STOP = Rule(
    "media-stop",
    "must",
    "documented",
    "A `stop` and the close behind it end one stream: the next call is served.",
)
MEDIA_HANG_UP = Rule(
    "media-hang-up",
    "must",
    "documented",
    "A socket that breaks, before `start` or in the middle, costs only its own call: the next one "
    "is served.",
)
MEDIA_CLOSE = Rule(
    "media-close", "should", "RFC 6455", "A close of the platform's side is answered by a close."
)
MEDIA_TOKEN = Rule(
    "media-token", "should", "inferred", "An address with a changed secret is refused."
)
MEDIA_ONE_SOCKET = Rule(
    "media-one-socket",
    "should",
    "documented",
    "A second socket with the address of a running stream is refused.",
)

# ---- webhooks -----------------------------------------------------------------------------------

WEBHOOK_TAKEN = Rule(
    "webhook-taken",
    "must",
    "documented",
    "Every event is answered by 2xx within two seconds; else it is sent again, then elsewhere.",
)
WEBHOOK_SIGNATURE = Rule(
    "webhook-signature",
    "must",
    "documented",
    "A webhook without a signature, with another key's, or with a changed body gets a 4xx.",
)
WEBHOOK_AGE = Rule(
    "webhook-age",
    "must",
    "documented",
    "A timestamp more than 300 seconds off, either way, gets a 4xx, however well signed.",
)
WEBHOOK_ONCE = Rule(
    "webhook-once",
    "must",
    "documented",
    "An event that is delivered twice is acted on once: one call, one answer.",
)
WEBHOOK_UNKNOWN = Rule(
    "webhook-unknown", "must", "documented", "An event of an unknown type gets a 2xx."
)

GROUPS = {"Conversation Relay": "relay-", "Media Streaming": "media-", "Webhooks": "webhook-"}
RULES: dict[str, Rule] = {
    rule.id: rule for rule in list(globals().values()) if isinstance(rule, Rule)
}


def table() -> str:
    """All rules as Markdown."""
    lines: list[str] = []
    for group, prefix in GROUPS.items():
        lines += [f"### {group}", "", "| rule | | says | source |", "|---|---|---|---|"]
        lines += [
            f"| `{rule.id}` | {rule.severity} | {rule.says} | {rule.source} |"
            for rule in RULES.values()
            if rule.id.startswith(prefix)
        ]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(), end="")
