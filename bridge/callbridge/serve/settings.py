"""The settings of a bridge, those of the account among them; `account` says how they are read."""

import secrets
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from callbridge.control.signatures import parse_public_key
from callbridge.serve.account import AccountSettings, HeaderSecret, HttpUrl, stays_here
from callbridge.serve.logs import LogForm
from telecodecs import codec

HOLD_MUSIC = "/hold.wav"  # its path
SILENCE = "/silence.wav"

# What `stream_bidirectional_sampling_rate` may be for each codec, the default first.
CODEC_RATES = {
    "PCMU": (8000,),
    "PCMA": (8000,),
    "G722": (16000, 8000),  # of its audio, and what the wire calls it
    "OPUS": (16000, 8000, 24000, 48000),
    "AMR-WB": (16000,),
    "L16": (16000, 8000, 22050, 24000, 48000),
}


class Settings(AccountSettings):
    """All settings of the bridge, frozen. Secrets show as asterisks.

    Make one with `Settings.load`, which raises SettingsError."""

    public_key: str = Field(
        validation_alias="TELNYX_PUBLIC_KEY",
        description="From the portal: Keys & Credentials > Public Key.",
    )

    public_url: HttpUrl = Field(
        description="The https address under which the platform reaches this server; on a laptop "
        "that of a tunnel (ngrok http 8000, cloudflared tunnel --url http://localhost:8000).",
    )

    media_auth: Literal["minted", "shared", "none"] = Field(
        default="minted",
        description="minted: every call's WebSocket URL carries a token of its own. shared: all "
        "carry CALLBRIDGE_MEDIA_TOKEN. none: anybody may connect, on this machine only.",
    )
    media_token: HeaderSecret | None = Field(
        default=None,
        max_length=4000,  # of stream_auth_token
        validate_default=True,
        description="Any secret word, for example from `openssl rand -hex 24`.",
    )
    secret: SecretStr = Field(
        default_factory=lambda: SecretStr(secrets.token_hex(32)),
        min_length=16,
        description="Signs minted tokens; at least 16 characters, for example from "
        "`openssl rand -hex 32`. Random for each process when not set.",
    )

    voice: Literal["media", "relay"] = Field(
        default="media",
        description="How calls hear and speak: media, with engines of ours, or relay, where the "
        "platform hears and speaks (Conversation Relay).",
    )
    codec: Literal["auto", "PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16"] = Field(
        default="auto",
        description="What we send in, and ask to receive; the platform decides what we do. auto: "
        "G722 where a leg that comes in may be HD and bots hear more than 8 kHz, else PCMU. "
        "G722, OPUS and AMR-WB: 16 kHz, with pip install 'callbridge[hd]' (AMR-WB: and "
        "libvo-amrwbenc).",
    )
    codec_rate: int | None = Field(
        default=None,
        description="Hz, for L16 and OPUS: 8000, 16000 (default), 24000 or 48000; L16: also 22050.",
    )
    l16_order: Literal["little", "big"] = Field(
        default="little",
        description="Byte order of the L16 we send; the platform does not document it.",
    )
    dtmf_in_audio: bool = Field(
        default=False,
        description="1 hears keys in the callers' audio, too: for lines that send them as tones.",
    )
    lead_ms: int = Field(
        default=200,
        ge=20,
        le=5000,
        description="How far ahead of playout audio is sent, in milliseconds.",
    )

    max_calls: int = Field(default=1000, ge=1, description="Calls at the same time.")
    when_full: Literal["503", "reject"] = Field(
        default="503",
        description="What a call over the limit gets. 503: the platform asks the failover URL. "
        "reject: the caller hears busy.",
    )
    max_call_s: float = Field(
        default=14400.0,
        gt=0,
        le=86400,
        description="The longest call, in seconds. The caller is told, then the call is ended.",
    )
    tape: str = Field(
        default="",
        description="A file that every event of every call is appended to, as JSON lines.",
    )
    drain_s: float = Field(
        default=30.0, ge=0, le=3600, description="Seconds that calls may still last after SIGTERM."
    )
    log: LogForm = Field(
        default="auto",
        description="The form of the log lines. auto: text on a terminal, else json.",
    )
    log_words: bool = Field(
        default=True,
        description="0 keeps what people said out of logs, tape and picture: a • for each word.",
    )

    @property
    def media_url(self) -> str:
        """Where the platform opens media streams: the public URL as ws or wss, with /media."""
        return "ws" + self.public_url.removeprefix("http") + "/media"

    @property
    def relay_url(self) -> str:
        """Where the platform opens Conversation Relay: the public URL as ws or wss, with /relay."""
        return "ws" + self.public_url.removeprefix("http") + "/relay"

    @property
    def hold_url(self) -> str:
        """Hold music, for platforms that play what has a URL."""
        return f"{self.public_url}{HOLD_MUSIC}"

    @property
    def silence_url(self) -> str:
        """What ends a sound there that has no end of its own."""
        return f"{self.public_url}{SILENCE}"

    @property
    def texml_url(self) -> str:
        """What the voice URL of a TeXML application is set to."""
        return f"{self.public_url}/texml"

    @property
    def webhook_url(self) -> str:
        """What the webhook URL of a Call Control application is set to."""
        return f"{self.public_url}/webhooks"

    @property
    def sampling_rate(self) -> int:
        """Hz of the audio we send: `codec_rate`, or what the codec has when that is not set; with
        auto, where nothing is known of the leg."""
        return self.codec_rate or CODEC_RATES["PCMU" if self.codec == "auto" else self.codec][0]

    # A check sees the fields declared before its own, those of them that are right.

    @field_validator("public_key")
    @classmethod
    def _sound(cls, text: str) -> str:
        parse_public_key(text)
        return text

    @field_validator("media_auth")
    @classmethod
    def _open_only_here(cls, mode: str, info: ValidationInfo) -> str:
        public_url = info.data.get("public_url")
        if mode == "none" and public_url and not stays_here(public_url):
            raise ValueError("cannot be none while CALLBRIDGE_PUBLIC_URL is open to the world")
        return mode

    @field_validator("media_token")
    @classmethod
    def _shared_needs_it(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if token is None and info.data.get("media_auth") == "shared":
            raise ValueError("is missing; CALLBRIDGE_MEDIA_AUTH=shared needs it")
        return token

    @field_validator("codec")
    @classmethod
    def _installed(cls, name: str) -> str:
        if name != "auto":
            codec(name)  # its error says what to install
        return name

    @field_validator("codec_rate")
    @classmethod
    def _of_the_codec(cls, rate: int | None, info: ValidationInfo) -> int | None:
        name = info.data.get("codec")
        if rate is not None and name == "auto":
            raise ValueError("is that of one codec: set CALLBRIDGE_CODEC, too")
        if rate is not None and name and rate not in CODEC_RATES[name]:
            possible = ", ".join(map(str, sorted(CODEC_RATES[name])))
            raise ValueError(f"must be one of {possible} for {name}")
        return rate
