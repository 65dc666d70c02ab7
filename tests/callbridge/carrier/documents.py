"""What the carrier sends, held against what the platform documents: names, types and values."""

from collections.abc import Iterator, Mapping
from typing import Any

from callbridge.carrier.facts import documented
from callbridge.carrier.facts.documented import Parameter
from callbridge.carrier.shapes import as_list, as_object

TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "any": object,
}
# Null in recorded deliveries, though the documents do not say that they may be.
MAY_BE_NULL = {"client_state", "call_quality_stats"}


def check_event(body: Mapping[str, Any]) -> None:
    """Fails for an event that the documents do not know, or that is not as they say."""
    data = body.get("data", body)
    facts = documented.events()
    event = facts.events[data["event_type"]]
    assert data is not body or event.flat, f"{data['event_type']} lacks its data"
    payload = data["payload"]
    assert "occurred_at" in (payload if event.occurred_at_in == "payload" else data)
    assert not (event.occurred_at_in == "payload" and "occurred_at" in data)
    missing = set(event.required) - payload.keys()
    assert not missing, f"{data['event_type']} lacks {sorted(missing)}"
    parameters = facts.shared | event.payload
    for name, value in payload.items():
        if name in MAY_BE_NULL and value is None:
            continue
        problems = list(wrong(parameters[name], value, name)) if name in parameters else []
        assert not problems, f"{data['event_type']}: {problems}"


def wrong(parameter: Parameter, value: object, name: str) -> Iterator[str]:
    """All that is not as documented, down to the leaves."""
    if value is None and parameter.nullable:
        return
    if parameter.one_of:
        if all(list(wrong(each, value, name)) for each in parameter.one_of):
            yield f"{name} is none of its kinds: {value!r}"
        return
    is_number = parameter.type in ("integer", "number")
    if not isinstance(value, TYPES[parameter.type]) or (is_number and isinstance(value, bool)):
        yield f"{name} is not of type {parameter.type}: {value!r}"
        return
    if parameter.enum and value not in parameter.enum:
        yield f"{name} is none of {parameter.enum}: {value!r}"
    if (fields := as_object(value)) is not None:
        properties = parameter.properties
        if parameter.ref is not None:
            properties = documented.types()[parameter.ref].properties
        for key, inner in fields.items():
            if properties and key not in properties:
                yield f"{name} has no {key}"
            elif properties:
                yield from wrong(properties[key], inner, f"{name}.{key}")
    for item in as_list(value) or ():
        if parameter.items is not None:
            yield from wrong(parameter.items, item, f"{name}[]")
