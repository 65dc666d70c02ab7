"""What of a client's event the service would refuse for its form.

The shape is checked with the types of the official SDK, and nothing that they do not know gets
through: these let unknown keys pass and drop them, which shows what was there."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args, get_type_hints

from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime.realtime_client_event_param import RealtimeClientEventParam
from pydantic import TypeAdapter, ValidationError

from tests.vendors.openai.checks import dropped, solid

MOST_AUDIO = 15 * 2**20  # octets of one append, by the SDK's comment on it
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class EventRefused(Exception):
    """Becomes an `error` event; the session goes on."""

    def __init__(self, message: str, code: str = "invalid_value", param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.param = code, param


def _adapters() -> dict[str, TypeAdapter[Any]]:
    """By the event's `type`."""
    kinds = get_args(RealtimeClientEventParam)
    return {
        get_args(_bare(get_type_hints(kind, include_extras=True)["type"]))[0]: TypeAdapter(kind)
        for kind in kinds
    }


def _bare(hint: Any) -> Any:
    """Without `Required[...]`."""
    inner = get_args(hint)
    return inner[0] if inner and not isinstance(inner[0], str) else hint


CLIENT = _adapters()
SERVER: dict[str, TypeAdapter[Any]] = {
    get_args(kind.model_fields["type"].annotation)[0]: TypeAdapter(kind)
    for kind in get_args(get_args(RealtimeServerEvent)[0])
}


def check_client(event: object) -> dict[str, Any]:
    """Raises EventRefused."""
    if not isinstance(event, dict):
        raise EventRefused("The event is no JSON object.")
    fields = cast("dict[str, Any]", event)
    adapter = CLIENT.get(str(fields.get("type")))
    if adapter is None:
        known = ", ".join(f"'{name}'" for name in CLIENT)
        raise EventRefused(
            f"Invalid value: '{fields.get('type')}'. Supported values are: {known}.",
            param="type",
        )
    try:
        kept = solid(adapter.validate_python(fields))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise EventRefused(f"Invalid '{place}': {first['msg']}.", param=place) from None
    if unknown := next(dropped(fields, kept, ""), None):
        raise EventRefused(f"Unknown parameter: '{unknown}'.", "unknown_parameter", unknown)
    return fields


def check_own(event: Mapping[str, Any]) -> None:
    """An event of this server that the SDK would not know is a bug of this server."""
    SERVER[str(event["type"])].validate_python(event)


def audio_of(event: Mapping[str, Any]) -> bytes:
    """Raises EventRefused."""
    try:
        audio = base64.b64decode(event["audio"], validate=True)
    except binascii.Error:
        raise EventRefused(
            "Invalid 'audio'. Expected base64-encoded audio bytes.", param="audio"
        ) from None
    if len(audio) > MOST_AUDIO:
        raise EventRefused("Invalid 'audio'. More than 15 MiB.", param="audio")
    return audio


def check_tools(tools: Iterable[Mapping[str, Any]]) -> None:
    """What the types leave open. Raises EventRefused."""
    names: set[str] = set()
    for number, tool in enumerate(tools):
        where = f"session.tools[{number}]"
        name = str(tool.get("name", ""))
        if not NAME.fullmatch(name) or name in names:
            raise EventRefused(f"Invalid '{where}.name': {name!r} is wrong or twice.", param=where)
        names.add(name)
        parameters = tool.get("parameters", {"type": "object"})
        if parameters.get("type") != "object":
            raise EventRefused(f"Invalid '{where}.parameters': no object.", param=where)
