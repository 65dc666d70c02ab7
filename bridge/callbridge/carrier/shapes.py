"""JSON values with their types known: what isinstance says, as type checkers read it."""

import re
from typing import cast

JsonObject = dict[str, object]


def as_object(value: object) -> JsonObject | None:
    """The value when it is a JSON object: JSON's keys are strings."""
    return cast(JsonObject, value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    return cast(list[object], value) if isinstance(value, list) else None


def is_url(value: str, schemes: tuple[str, ...]) -> bool:
    return re.fullmatch(rf"({'|'.join(schemes)})://[^\s/?#]\S*", value) is not None
