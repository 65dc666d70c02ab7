"""Every error that Callbridge raises, as one tree.

CallbridgeError
├── SettingsError            a setting is missing or wrong; says which and how to get it
├── AudioFileError           a file that cannot be played; says why
├── BotError                 a bot file that cannot be loaded
├── ScriptError              a caller script that makes no sense (carrier/people/checks.py)
├── ProtocolError
│   ├── LocalProtocolError   we were about to send something illegal: our bug
│   └── RemoteProtocolError  the other side sent something illegal: theirs
│       └── MalformedFrame   one WebSocket message that is no frame of the contract
├── WebhookError             a webhook that is not accepted; `status` is the HTTP answer
│   ├── BadSignature
│   └── BadWebhookBody
├── CommandError             a Voice API command that was not carried out
│   ├── CommandRefused       the platform answered with an error: status, code, title, detail
│   │   └── CallGone         ... because the call has ended (90018) or is unknown (90015)
│   └── CarrierUnreachable   no full answer in time
├── SpeechFailed             an engine raised, hangs, or has no room
├── ModelFailed              a language model that cannot be reached, refuses, or gives nothing
├── VoiceCannot              asked of a voice that has no such thing, as frames of the relay
└── CallError                raised by awaits on a call
    ├── CallEnded            the call is over
    ├── CallReleased         the call was handed over and is no longer the bot's
    └── StreamLost           the media stream broke and could not be restored
"""

from typing import cast


class CallbridgeError(Exception):
    """The root: `except CallbridgeError` catches all that is ours and nothing else."""


class SettingsError(CallbridgeError):
    """A setting is missing or wrong."""


class AudioFileError(CallbridgeError):
    """An audio file that cannot be played."""


class BotError(CallbridgeError):
    """A bot file that cannot be loaded; `file` and `line` are where its author should look, if
    that is known."""

    def __init__(self, message: str, *, file: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.file, self.line = file, line


class ProtocolError(CallbridgeError):
    """Something on the wire broke the contract."""


class LocalProtocolError(ProtocolError):
    """We were about to send something illegal: a bug of ours or of the bot."""


class RemoteProtocolError(ProtocolError):
    """The other side sent something illegal: close this stream, keep the server."""


class MalformedFrame(RemoteProtocolError):
    """One WebSocket message that is no frame of the contract.

    `bad_payload` is true when the frame is well formed but its audio is not base64; the platform
    answers the two with different codes (100003 and 100004)."""

    def __init__(self, reason: str, *, bad_payload: bool = False) -> None:
        super().__init__(reason)
        self.bad_payload = bad_payload


class WebhookError(CallbridgeError):
    """A webhook that is not accepted; `status` is the HTTP status that says so."""

    status = 400


class BadSignature(WebhookError):
    """The signature is missing, malformed, too old or not the platform's."""

    status = 401


class BadWebhookBody(WebhookError):
    """The signature is good, the body is not a Voice API event."""


class CommandError(CallbridgeError):
    """A Voice API command that was not carried out."""


class CommandRefused(CommandError):
    """The platform answered with an error.

    `status` is the HTTP status, `code`, `title` and `detail` are those of its first error."""

    def __init__(self, command: str, status: int, code: str, title: str, detail: str = "") -> None:
        self.command, self.status = command, status
        self.code, self.title, self.detail = code, title, detail
        super().__init__(
            f"{command}: {title} (HTTP {status}, code {code})" + f": {detail}" * bool(detail)
        )


class CallGone(CommandRefused):
    """The call has ended (90018) or is not known (90015): nothing is left to command."""


class CarrierUnreachable(CommandError):
    """No full answer from the Voice API in time.

    `retry_after_s` is how long its last answer asked to wait: 0 where it asked for nothing."""

    def __init__(self, sentence: str, retry_after_s: float = 0.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(sentence)


class SpeechFailed(CallbridgeError):
    """A speech engine raised, hangs, or has no room."""


class ModelFailed(CallbridgeError):
    """A language model that cannot be reached, refuses, or gives nothing."""


class VoiceCannot(CallbridgeError):
    """Asked of a voice that has no such thing: frames and files of Conversation Relay."""


class CallError(CallbridgeError):
    """Raised by awaits on a call."""


class CallEnded(CallError):
    """The call is over."""


class CallReleased(CallError):
    """The call was handed over and is no longer the bot's."""


class StreamLost(CallError):
    """The media stream broke and could not be restored."""


def only_the_calls_end(error: BaseException) -> bool:
    """Whether it says nothing but that the call is over or no longer the bot's: a CallError, or the
    group of them that a TaskGroup makes of the CallErrors of its tasks."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(map(only_the_calls_end, group.exceptions))
    return isinstance(error, CallError)
