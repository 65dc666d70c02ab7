"""Which model, and what the ready bot says, out of the environment or a `.env` in the working
directory."""

from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from callbridge.bots.llm.model import ChatModel
from callbridge.errors import SettingsError

PREFIX = "CALLBRIDGE_LLM_"


class ModelSettings(BaseSettings):
    """Make one with `load`. The key and the address have the names that the SDK reads."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    model: str = Field(description="The name of the model, as its service knows it.")
    prompt: Path | None = Field(
        default=None, description="A text file: who the bot is, what it knows, how it talks."
    )
    greeting: str = Field(default="", description="What is said first, without the model.")
    characters: int | None = Field(
        default=None, gt=0, description="How many of the call the model is told of, at most."
    )
    api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    base_url: str | None = Field(default=None, validation_alias="OPENAI_BASE_URL")

    @classmethod
    def load(cls) -> "ModelSettings":
        """Raises SettingsError."""
        try:
            return cls.model_validate({})  # the environment has the rest
        except ValidationError as error:
            faults = "; ".join(
                _fault(cls, str(each["loc"][0]), each["msg"]) for each in error.errors()
            )
            raise SettingsError(faults) from None

    def chat_model(self) -> ChatModel:
        """Raises SettingsError."""
        key = self.api_key.get_secret_value() if self.api_key is not None else None
        return ChatModel(self.model, base_url=self.base_url, api_key=key)

    def instructions(self) -> str:
        """The prompt's text. Raises SettingsError."""
        if self.prompt is None:
            return ""
        try:
            return self.prompt.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{PREFIX}PROMPT: {self.prompt}: {error}") from None


@cache
def environment_model() -> ChatModel:
    """Made once. Raises SettingsError."""
    return ModelSettings.load().chat_model()


def _fault(settings: type[ModelSettings], name: str, message: str) -> str:
    field = settings.model_fields.get(name)
    alias = field.validation_alias if field is not None else None
    named = alias if isinstance(alias, str) else PREFIX + name.upper()
    if message == "Field required":
        return f"{named} is missing. {field.description if field is not None else ''}".strip()
    return f"{named}: {message}"
