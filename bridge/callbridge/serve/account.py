"""Which account is commanded, and how settings are read: what is passed in, the environment and
`.env`, in this order; all faults at once.

Every field tells in its description how to come by its value: users read it when it is missing."""

import os
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from callbridge.errors import SettingsError
from callbridge.serve.misspelt import misspelt

ENV_PREFIX = "CALLBRIDGE_"
ENV_FILE = ".env"
WITHOUT_AN_ACCOUNT = (
    "Without an account: run `callbridge carrier` in another terminal, "
    "then `. out/carrier.env` here."
)


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


def stays_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


class AccountSettings(BaseSettings):
    """What is needed to command calls and nothing more, frozen. Secrets show as asterisks.

    Make one with `load`, which raises SettingsError."""

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
    base_url: HttpUrl = Field(
        default="https://api.telnyx.com/v2",
        validation_alias="TELNYX_BASE_URL",
        description="https://api.telnyx.com/v2, or the address of a local carrier, with /v2.",
    )
    connection_id: str | None = Field(
        default=None,
        description="Needed to dial and to list calls: the id of the Call Control application, "
        "from the portal.",
    )

    @property
    def is_local(self) -> bool:
        """Whether the platform is a carrier on this machine."""
        return stays_here(self.base_url)

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
