"""What a document can say, typed. Attributes have the names of the document's, in snake_case."""

from typing import Literal

import msgspec

FetchMethod = Literal["GET", "POST"]
BargeInBy = Literal["none", "any", "speech", "dtmf", "true", "false"]


class TexmlNode(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class SayVerb(TexmlNode, frozen=True, kw_only=True):
    """`loop` 0 is without end."""

    text: str
    loop: int = 1


class PlayVerb(TexmlNode, frozen=True, kw_only=True):
    """A sound by its URL, or keys: 0-9 * #, and w for half a second."""

    url: str = ""
    digits: str = ""
    loop: int = 1


class GatherVerb(TexmlNode, frozen=True, kw_only=True):
    """Keys until there are `max_digits`, or the finishing key, or nobody presses one for `timeout`
    seconds; or speech, until it ends. `prompts` are heard meanwhile, until the first of either."""

    input: Literal["dtmf", "speech", "dtmf speech"] = "dtmf"
    action: str = ""
    method: FetchMethod = "POST"
    timeout: int = 5
    finish_on_key: str = "#"
    num_digits: int | None = None
    min_digits: int = 1
    max_digits: int = 128
    prompts: tuple[SayVerb | PlayVerb, ...] = ()


class PauseVerb(TexmlNode, frozen=True, kw_only=True):
    length: int = 1  # seconds


class HangupVerb(TexmlNode, frozen=True, kw_only=True):
    pass


class RedirectVerb(TexmlNode, frozen=True, kw_only=True):
    url: str
    method: FetchMethod = "POST"


class RejectVerb(TexmlNode, frozen=True, kw_only=True):
    reason: Literal["rejected", "busy"] = "rejected"


class RelayNoun(TexmlNode, frozen=True, kw_only=True):
    url: str
    welcome_greeting: str = ""
    welcome_greeting_interruptible: BargeInBy = "any"
    interruptible: BargeInBy = "any"
    voice: str = "Telnyx.KokoroTTS.af"
    language: str = "en"
    transcription_provider: str = "Google"
    dtmf_detection: bool = False
    parameters: dict[str, str] = {}


class StreamNoun(TexmlNode, frozen=True, kw_only=True):
    url: str
    track: str = "inbound_track"
    codec: str = "default"
    bidirectional_mode: str = "mp3"
    bidirectional_codec: str = "PCMU"
    bidirectional_sampling_rate: int | None = None
    parameters: dict[str, str] = {}


class ConnectVerb(TexmlNode, frozen=True, kw_only=True):
    action: str = ""
    method: FetchMethod = "POST"
    service: RelayNoun | StreamNoun


TexmlPrompt = SayVerb | PlayVerb
AnyVerb = (
    SayVerb
    | PlayVerb
    | GatherVerb
    | PauseVerb
    | HangupVerb
    | RedirectVerb
    | RejectVerb
    | ConnectVerb
)
