"""The settings: what is passed in, the environment and `.env`, in this order; all faults at once.

Every field tells in its description how to come by its value: users read it when it is missing."""

import os
import secrets
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from callbridge.control.signatures import parse_public_key
from callbridge.errors import SettingsError
from callbridge.serve.logs import LogForm
from callbridge.serve.misspelt import misspelt

ENV_PREFIX = "CALLBRIDGE_"
ENV_FILE = ".env"
WITHOUT_AN_ACCOUNT = (
    "Without an account: run `callbridge carrier` in another terminal, "
    "then `. out/carrier.env` here."
)

# What `stream_bidirectional_sampling_rate` may be for each codec, the default first.
CODEC_RATES = {
    "PCMU": (8000,),
    "PCMA": (8000,),
    "L16": (16000, 8000, 22050, 24000, 48000),
}


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _http_url(text: str) -> str:
    """https, or http to this machine itself: what crosses a network carries keys and voices."""
    text = text.strip()
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port  # both raise when they are nonsense
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from None
    if any(character.isspace() for character in text):
        raise ValueError("has a space in it")
    if url.scheme not in ("http", "https") or not host:
        raise ValueError("must be like https://host.example")
    if url.query or url.fragment or "@" in url.netloc:
        raise ValueError("must end after its path, and hold no user and no password")
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError("must begin with https:// (http:// only for a loopback address)")
    return url.geturl().rstrip("/")


def _header_safe(secret: SecretStr) -> SecretStr:
    """Anything else would be refused deep inside HTTP, by an error that quotes the secret."""
    text = secret.get_secret_value().strip()
    if not text:
        raise ValueError("is empty")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("holds a space, a line break or a character that no header can carry")
    return SecretStr(text)


HttpUrl = Annotated[str, AfterValidator(_http_url)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_header_safe)]


def _stays_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


class Settings(BaseSettings):
    """All settings of the bridge, frozen. Secrets show as asterisks.

    Make one with `Settings.load`, which raises SettingsError."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file=ENV_FILE,
        env_ignore_empty=True,
        extra="ignore",  # an `.env` is shared with others
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    # The names that the official SDKs read.
    api_key: HeaderSecret = Field(
        validation_alias="TELNYX_API_KEY",
        description="From the portal: API Keys > Create API Key.",
    )
    public_key: str = Field(
        validation_alias="TELNYX_PUBLIC_KEY",
        description="From the portal: Keys & Credentials > Public Key.",
    )
    base_url: HttpUrl = Field(
        default="https://api.telnyx.com/v2",
        validation_alias="TELNYX_BASE_URL",
        description="https://api.telnyx.com/v2, or the address of a local carrier, with /v2.",
    )

    public_url: HttpUrl = Field(
        description="The https address under which the platform reaches this server; on a laptop "
        "that of a tunnel (ngrok http 8000, cloudflared tunnel --url http://localhost:8000).",
    )
    connection_id: str | None = Field(
        default=None,
        description="Only needed to dial: the id of the Call Control application, from the portal.",
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
    codec: Literal["PCMU", "PCMA", "L16"] = Field(
        default="PCMU", description="What we send in; what we receive, the platform decides."
    )
    codec_rate: int | None = Field(
        default=None, description="Hz, for L16: 8000, 16000 (default), 22050, 24000 or 48000."
    )
    l16_order: Literal["little", "big"] = Field(
        default="little",
        description="Byte order of the L16 we send; the platform does not document it.",
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
    def texml_url(self) -> str:
        """What the voice URL of a TeXML application is set to."""
        return f"{self.public_url}/texml"

    @property
    def webhook_url(self) -> str:
        """What the webhook URL of a Call Control application is set to."""
        return f"{self.public_url}/webhooks"

    @property
    def is_local(self) -> bool:
        """Whether the platform is a carrier on this machine."""
        return _stays_here(self.base_url)

    @property
    def sampling_rate(self) -> int:
        """Hz of the audio we send: `codec_rate`, or what the codec has when that is not set."""
        return self.codec_rate or CODEC_RATES[self.codec][0]

    @classmethod
    def load(cls, *, beside: Path | None = None, **overrides: Any) -> Self:
        """Read all settings; `overrides` (by field name, None for "not given") come first.

        An `.env` in the folder `beside`, the bot's, goes before that of the working directory.
        Raises SettingsError that names every setting that is missing, wrong or misspelt."""
        if unknown := overrides.keys() - cls.model_fields.keys():
            raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
        given = {name: value for name, value in overrides.items() if value is not None}
        files = (ENV_FILE,) if beside is None else (ENV_FILE, beside / ENV_FILE)
        given["_env_file"] = files  # of several, the last one wins
        settings, faults = None, list[str]()
        try:
            faults = cls._misspellings(files)
            settings = cls(**given)
        except ValidationError as error:
            faults = cls._in_words(error, faults)
        except (OSError, UnicodeError) as error:
            raise SettingsError(f".env cannot be read: {error}") from None
        if settings is None or faults:
            raise SettingsError("\n".join(["Settings that are missing or wrong:", *faults]))
        return settings

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
        if mode == "none" and public_url and not _stays_here(public_url):
            raise ValueError("cannot be none while CALLBRIDGE_PUBLIC_URL is open to the world")
        return mode

    @field_validator("media_token")
    @classmethod
    def _shared_needs_it(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if token is None and info.data.get("media_auth") == "shared":
            raise ValueError("is missing; CALLBRIDGE_MEDIA_AUTH=shared needs it")
        return token

    @field_validator("codec_rate")
    @classmethod
    def _of_the_codec(cls, rate: int | None, info: ValidationInfo) -> int | None:
        codec = info.data.get("codec")
        if rate is not None and codec and rate not in CODEC_RATES[codec]:
            possible = ", ".join(map(str, sorted(CODEC_RATES[codec])))
            raise ValueError(f"must be one of {possible} for {codec}")
        return rate

    @classmethod
    def _misspellings(cls, files: Sequence[str | Path]) -> list[str]:
        """A line for each name that is given and was meant to be a setting's."""
        given = {*os.environ, *(name for file in files for name in dotenv_values(file))}
        known = [cls._environment_name(field)[0] for field in cls.model_fields]
        # pydantic-settings also reads CALLBRIDGE_API_KEY and its like, as fields have names, too.
        given -= {ENV_PREFIX + field.upper() for field in cls.model_fields}
        return [
            f"  {name} is no setting: did you mean {meant}?"
            for name, meant in misspelt(given, known)
        ]

    @classmethod
    def _in_words(cls, error: ValidationError, misspellings: Sequence[str]) -> list[str]:
        lines: list[str] = []
        for fault in error.errors(include_input=False, include_url=False):
            key = str(fault["loc"][0])
            name, description = cls._environment_name(key)
            lines.append(f"  {name} {_what_is_wrong(fault['type'], fault['msg'])}. {description}")
        lines += misspellings
        if any(fault["type"] == "missing" for fault in error.errors(include_input=False)):
            lines.append(WITHOUT_AN_ACCOUNT)
        return lines

    @classmethod
    def _environment_name(cls, key: str) -> tuple[str, str]:
        """(name in the environment, description) of a field, by its name or alias."""
        for field, info in cls.model_fields.items():
            name = str(info.validation_alias or ENV_PREFIX + field.upper())
            if key in (field, name):
                return name, info.description or ""
        raise KeyError(key)


def _what_is_wrong(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "is missing"
        case "value_error":
            return message.removeprefix("Value error, ")
        case _:
            return "is wrong: " + message[0].lower() + message[1:]
