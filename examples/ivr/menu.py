"""What a menu file may have, and how a mistake in it is told. `menu.json` is one."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

Number = Annotated[str, Field(pattern=r"^(\+[1-9]\d{6,14}|sip:\S+)$")]
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
Text = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """A name that is none of a part's fields is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Option(Part):
    """`words` choose it as its key does, `say` is said before it is done."""

    words: tuple[Text, ...] = ()
    say: str = ""


class Transfer(Option):
    action: Literal["transfer"]
    to: Number
    timeout: float = Field(20, ge=5, le=600)


class Handoff(Option):
    """Whoever answers hears `whisper` and presses 1 to take the caller."""

    action: Literal["handoff"]
    to: Number
    whisper: Text
    timeout: float = Field(20, ge=5, le=600)


class Enqueue(Option):
    action: Literal["enqueue"]
    queue: Text
    max_wait: float = Field(300, gt=0)


class Voicemail(Option):
    action: Literal["voicemail"]
    max_s: float = Field(120, gt=0)


class Simple(Option):
    """Say something, or nothing, and then: this menu again, the one above, the end of the call."""

    action: Literal["say", "repeat", "back", "hang up"]


class Menu(Option):
    action: Literal["menu"] = "menu"
    prompt: Text
    options: dict[Key, "Choice"] = Field(min_length=1)

    @field_validator("options")
    @classmethod
    def _each_word_once(cls, options: dict[str, Option]) -> dict[str, Option]:
        words = Counter(word.casefold() for each in options.values() for word in each.words)
        for word, times in words.items():
            if times > 1:
                raise ValueError(f"{word!r} is said for {times} of them")
        return options

    def said(self, text: str) -> "Choice | None":
        """The option that a caller means who says this."""
        for option in self.options.values():
            for word in option.words:
                if re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE):
                    return option
        return None


Last = Annotated[Transfer | Handoff | Enqueue | Voicemail | Simple, Field(discriminator="action")]
Choice = Annotated[
    Menu | Transfer | Handoff | Enqueue | Voicemail | Simple, Field(discriminator="action")
]


class Miss(Part):
    """Is said up to `limit` times in a row; then comes what `give_up` says."""

    say: Text
    limit: int = Field(ge=1, le=10)


class MenuFile(Part):
    """`agents` are numbers of ours: who rings one takes the first call of that queue."""

    menu: Menu
    timeout: float = Field(6, ge=1, le=60)
    no_input: Miss
    invalid: Miss
    give_up: Last
    unavailable: Text
    agents: dict[Number, Text] = {}


def load(path: Path) -> MenuFile:
    """Raises ValueError with the place of each mistake."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=each_name_once)
        return MenuFile.model_validate(content)
    except ValidationError as error:
        places = (".".join(map(str, e["loc"])) + f": {e['msg']}" for e in error.errors())
        raise ValueError(f"{path}: " + "; ".join(places)) from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON leaves out one of two options that have the same key, and says nothing."""
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise ValueError(f"{name!r} is there {times} times beside {', '.join(dict(pairs))}")
    return dict(pairs)
