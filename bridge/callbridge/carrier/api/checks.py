"""Checks a request's parameters against the facts of its endpoint.

Unknown fields are ignored, as on the platform; known ones are checked even where the local
carrier does not act on them. So are the values inside of objects and lists."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec

from callbridge.carrier.api.problems import Problem
from callbridge.carrier.facts import documented
from callbridge.carrier.facts.documented import DocumentedEndpoint, Parameter
from callbridge.carrier.shapes import JsonObject, as_list, as_object, is_url

_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "any": object,
}

MOST_PROBLEMS = 20  # are told: a body may have more of them than an answer has room for

_WHOLE = ("urls_by_event", "retries_by_event")  # objects that are looked into by their format


def check(facts: DocumentedEndpoint, body: Mapping[str, object]) -> list[Problem]:
    """What is wrong with a body: first what is missing, then the rest in the body's order.

    null counts as absent. Formats are looked at only if nothing else is wrong."""
    problems = [
        Problem("10004", f"{name} is required", f"/{name}")
        for name in facts.required
        if _is_empty(body.get(name))
    ]
    missing = {problem.pointer for problem in problems}
    parameters = facts.optional | facts.required | facts.query
    given = [
        (name, parameters[name], value)
        for name, value in body.items()
        if name in parameters and value is not None and f"/{name}" not in missing
    ]
    for name, parameter, value in given:
        if name in facts.query:  # inside of it are texts, which whoever filters reads
            parameter = msgspec.structs.replace(parameter, ref=None, properties={}, values=None)
        problems += islice(_check_value(name, parameter, value), MOST_PROBLEMS)
    if not problems:
        for name, parameter, value in given:
            problems += islice(_check_format(name, parameter, value), MOST_PROBLEMS)
    return problems[:MOST_PROBLEMS]


def known(parameters: Mapping[str, Parameter], body: Mapping[str, object]) -> JsonObject:
    """The parameters that were given and that the endpoint has."""
    return {name: value for name, value in body.items() if name in parameters and value is not None}


def with_numbers(parameters: Mapping[str, Parameter], body: Mapping[str, object]) -> JsonObject:
    """The body with whole numbers that were written as strings: `"30"` is taken where 30 is due,
    as the platform's own tutorials send it."""
    return {
        name: int(value)
        if isinstance(value, str)
        and name in parameters
        and parameters[name].type == "integer"
        and re.fullmatch(r"-?[0-9]{1,18}", value)
        else value
        for name, value in body.items()
    }


def _is_empty(value: object) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _is_of_type(parameter: Parameter, value: object) -> bool:
    if parameter.one_of:
        return any(_is_of_type(each, value) for each in parameter.one_of)
    # A JSON true is no number, though Python's is.
    if isinstance(value, bool) and parameter.type in ("integer", "number"):
        return False
    return isinstance(value, _PYTHON[parameter.type])


def _check_value(name: str, parameter: Parameter, value: object) -> Iterator[Problem]:
    """`name` is a path, as in a JSON pointer: what is wrong inside of an object says where."""
    if kinds := [each for each in parameter.one_of if _is_of_type(each, value)]:
        found = [list(islice(_check_value(name, each, value), MOST_PROBLEMS)) for each in kinds]
        yield from min(found, key=_misfit)
        return
    if not _is_of_type(parameter, value):
        types = [each.type for each in parameter.one_of] or [parameter.type]
        yield _problem(name, parameter, "10026", "must be of type " + " or ".join(types))
        return
    enum = documented.allowed(parameter)
    if enum and value not in enum:
        yield _problem(name, parameter, "10032", "must be one of " + ", ".join(map(str, enum)))
    elif isinstance(value, str):
        yield from _check_text(name, parameter, value)
    elif isinstance(value, int | float):
        yield from _check_number(name, parameter, value)
    elif parameter.format in _WHOLE:
        return
    elif (values := as_list(value)) is not None:
        yield from _check_list(name, parameter, values)
    else:
        yield from _check_object(name, parameter, as_object(value) or {})


def _misfit(problems: list[Problem]) -> tuple[bool, int]:
    """How little a value is one of several kinds: they differ in the value that names the kind."""
    return any(problem.code == "10032" for problem in problems), len(problems)


def _problem(name: str, parameter: Parameter, general: str, detail: str) -> Problem:
    return Problem(parameter.code or general, f"{name} {detail}", f"/{name}")


def _check_text(name: str, parameter: Parameter, value: str) -> Iterator[Problem]:
    if parameter.max_length is not None and len(value) > parameter.max_length:
        detail = f"must be at most {parameter.max_length} characters long"
        yield _problem(name, parameter, "10025", detail)
    elif parameter.min_length is not None and len(value) < parameter.min_length:
        detail = f"must be at least {parameter.min_length} characters long"
        yield _problem(name, parameter, "10025", detail)
    elif parameter.pattern is not None and not re.fullmatch(parameter.pattern, value):
        yield _problem(name, parameter, "10027", "contains characters that are not allowed")


def _check_number(name: str, parameter: Parameter, value: float) -> Iterator[Problem]:
    if parameter.minimum is not None and value < parameter.minimum:
        yield _problem(name, parameter, "10033", f"must be at least {parameter.minimum:g}")
    if parameter.maximum is not None and value > parameter.maximum:
        yield _problem(name, parameter, "10033", f"must be at most {parameter.maximum:g}")


def _check_list(name: str, parameter: Parameter, values: list[object]) -> Iterator[Problem]:
    if parameter.max_items is not None and len(values) > parameter.max_items:
        yield _problem(name, parameter, "10027", f"must have at most {parameter.max_items} items")
    elif parameter.min_items is not None and len(values) < parameter.min_items:
        yield _problem(name, parameter, "10027", f"must have at least {parameter.min_items} items")
    elif parameter.items is not None:
        for index, value in enumerate(values):
            yield from _check_value(f"{name}/{index}", parameter.items, value)


def _check_object(name: str, parameter: Parameter, fields: JsonObject) -> Iterator[Problem]:
    if parameter.ref is not None:
        parameter = documented.types()[parameter.ref]
    for field in parameter.required:
        if fields.get(field) is None:
            yield Problem("10004", f"{name}/{field} is required", f"/{name}/{field}")
    for field, value in fields.items():
        inner = parameter.properties.get(field, parameter.values)
        if inner is not None and value is not None:
            yield from _check_value(f"{name}/{escaped(field)}", inner, value)


def escaped(field: str) -> str:
    """As a JSON pointer has it: RFC 6901, section 3."""
    return field.replace("~", "~0").replace("/", "~1")


def _check_format(name: str, parameter: Parameter, value: object) -> Iterator[Problem]:
    match parameter.format:
        case "base64" if isinstance(value, str) and not _is_base64(value):
            yield Problem("90017", f"{name} must be base64", f"/{name}")
        case "http_url":
            yield from _check_url(name, ("http", "https"), value)
        case "ws_url":
            yield from _check_url(name, ("ws", "wss"), value)
        case "urls_by_event":
            yield from _check_urls_by_event(name, as_object(value) or {})
        case "retries_by_event":
            yield from _check_retries_by_event(name, as_object(value) or {})
        case _:  # uuid, uri and dates are taken as they come
            return


def _check_url(name: str, schemes: tuple[str, ...], value: object) -> Iterator[Problem]:
    if isinstance(value, str) and not is_url(value, schemes):
        detail = f"{name} must be a URL with one of the schemes {', '.join(schemes)}"
        yield Problem("10003", detail, f"/{name}")


def _check_urls_by_event(name: str, chains: Mapping[str, object]) -> Iterator[Problem]:
    for event, chain in chains.items():
        pointer = f"/{name}/{escaped(event)}"
        if event not in documented.events().events:
            yield Problem("90057", f"{event!r} is not an event type", pointer)
        elif not all(
            isinstance(url, str) and is_url(url, ("http", "https"))
            for url in as_list(chain) or [None]
        ):
            yield Problem("10003", "must be a list of http(s) URLs", pointer)


def _check_retries_by_event(name: str, policies: Mapping[str, object]) -> Iterator[Problem]:
    detail = "retries_ms must be at most five whole numbers, together at most 60000"
    for event, policy in policies.items():
        if not _is_retries_policy(policy):
            yield Problem("10033", detail, f"/{name}/{escaped(event)}")


def _is_retries_policy(policy: object) -> bool:
    pauses = as_list((as_object(policy) or {}).get("retries_ms"))
    if pauses is None or len(pauses) > 5:
        return False
    numbers = [pause for pause in pauses if type(pause) is int and pause >= 0]
    return len(numbers) == len(pauses) and sum(numbers) <= 60000


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
