"""Parameters of the facts as JSON Schema, in the dialect of OpenAPI 3.1."""

import re

import msgspec

from callbridge.carrier.facts import documented
from callbridge.carrier.facts.documented import Parameter
from callbridge.carrier.shapes import JsonObject

NAMED = "#/components/schemas/"

# The keywords of JSON Schema for limits of the facts.
_LIMITS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_items": "minItems",
    "max_items": "maxItems",
    "pattern": "pattern",
}
_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_HTTP_URL: JsonObject = {"type": "string", "format": "uri", "pattern": r"^https?://[^\s/?#]\S*$"}
_WS_URL: JsonObject = {"type": "string", "format": "uri", "pattern": r"^wss?://[^\s/?#]\S*$"}
_PAUSE_MS: JsonObject = {"type": "integer", "minimum": 0}
_EVENT_TYPE: JsonObject = {"enum": list(documented.events().events)}
_SHAPES: dict[str | None, JsonObject] = {
    "base64": {"contentEncoding": "base64", "pattern": _BASE64},
    "http_url": _HTTP_URL,
    "ws_url": _WS_URL,
    "uri": {"format": "uri"},
    "uuid": {"format": "uuid"},
    "date-time": {"format": "date-time"},
    "urls_by_event": {
        "propertyNames": {"$ref": f"{NAMED}event_type"},
        "additionalProperties": {"type": "array", "minItems": 1, "items": _HTTP_URL},
    },
    "retries_by_event": {
        "description": "the pauses of one event are together at most 60000",
        "additionalProperties": {
            "type": "object",
            "required": ["retries_ms"],
            "properties": {
                "retries_ms": {"type": "array", "maxItems": 5, "items": _PAUSE_MS},
            },
        },
    },
}


def schema(parameter: Parameter) -> JsonObject:
    """What is checked of a value; types stay names."""
    found = _shape(parameter)
    for ours, theirs in _LIMITS.items():
        if (limit := getattr(parameter, ours)) is not None:
            found[theirs] = limit
    found |= _SHAPES.get(parameter.format, {})
    if parameter.nullable:
        found = _either(found, {"type": "null"})
    if parameter.default is not None:
        found["default"] = parameter.default
    return found


def _shape(parameter: Parameter) -> JsonObject:
    if parameter.ref is not None:
        return {"$ref": NAMED + parameter.ref}
    if parameter.one_of:
        return _either(*map(schema, parameter.one_of))
    found: JsonObject = {} if parameter.type == "any" else {"type": parameter.type}
    if enum := documented.allowed(parameter):
        found["enum"] = list(enum)
    if parameter.items is not None:
        found["items"] = schema(parameter.items)
    if parameter.properties:
        found["properties"] = {name: schema(each) for name, each in parameter.properties.items()}
    if parameter.required:
        found["required"] = list(parameter.required)
    if parameter.values is not None:
        found["additionalProperties"] = schema(parameter.values)
    return found


def _either(*kinds: JsonObject) -> JsonObject:
    return {"anyOf": list(kinds)}


def filled(parameter: Parameter) -> Parameter:
    """One that is required: nothing, an empty list and a blank text are not given."""
    if parameter.one_of:
        return msgspec.structs.replace(parameter, one_of=tuple(map(filled, parameter.one_of)))
    if parameter.type == "array":
        return msgspec.structs.replace(parameter, min_items=1)
    if parameter.type != "string" or parameter.enum or parameter.pattern:
        return parameter
    if parameter.format is not None:  # whose pattern takes no blanks
        return msgspec.structs.replace(parameter, min_length=1)
    return msgspec.structs.replace(parameter, pattern=r"\S")


def named(described: object) -> dict[str, JsonObject]:
    """The types that a part of the document names, and those that these name themselves."""
    found: dict[str, JsonObject] = {}
    ahead = _names_in(described)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found[name] = _EVENT_TYPE if name == "event_type" else schema(documented.types()[name])
            ahead += _names_in(found[name])
    return dict(sorted(found.items()))


def _names_in(described: object) -> list[str]:
    text = msgspec.json.encode(described).decode()
    return re.findall(rf'"{NAMED}([^"]+)"', text)
