"""Checks a request's parameters against the facts of its endpoint.

Unknown fields are ignored, as on the platform; known ones are checked even where the local
carrier does not act on them. So are the values inside of objects and lists."""

import base64
import binascii
import re
from collections.abc import Mapping

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

_WHOLE = ("urls_by_event", "retries_by_event")  # objects that are looked into by their format


def check(facts: DocumentedEndpoint, body: Mapping[str, object]) -> list[Problem]:
    """All that is wrong with a body: first what is missing, then the rest in the body's order.

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
        problems += _check_value(name, parameter, value)
    if not problems:
        for name, parameter, value in given:
            problems += _check_format(name, parameter, value)
    return problems


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


def _check_value(name: str, parameter: Parameter, value: object) -> list[Problem]:
    """`name` is a path, as in a JSON pointer: what is wrong inside of an object says where."""
    if parameter.one_of:
        found = [_check_value(name, each, value) for each in parameter.one_of]
        fitting = [
            problems
            for each, problems in zip(parameter.one_of, found, strict=True)
            if _is_of_type(each, value)
        ]
        if fitting:
            return min(fitting, key=_misfit)
    if not _is_of_type(parameter, value):
        kinds = [each.type for each in parameter.one_of] or [parameter.type]
        return _problem(name, parameter, "10026", "must be of type " + " or ".join(kinds))
    enum = documented.allowed(parameter)
    if enum and value not in enum:
        return _problem(name, parameter, "10032", "must be one of " + ", ".join(map(str, enum)))
    if isinstance(value, str):
        return _check_text(name, parameter, value)
    if isinstance(value, int | float):
        return _check_number(name, parameter, value)
    if parameter.format in _WHOLE:
        return []
    if (values := as_list(value)) is not None:
        return _check_list(name, parameter, values)
    return _check_object(name, parameter, as_object(value) or {})


def _misfit(problems: list[Problem]) -> tuple[bool, int]:
    """How little a value is one of several kinds: they differ in the value that names the kind."""
    return any(problem.code == "10032" for problem in problems), len(problems)


def _problem(name: str, parameter: Parameter, general: str, detail: str) -> list[Problem]:
    return [Problem(parameter.code or general, f"{name} {detail}", f"/{name}")]


def _check_text(name: str, parameter: Parameter, value: str) -> list[Problem]:
    if parameter.max_length is not None and len(value) > parameter.max_length:
        detail = f"must be at most {parameter.max_length} characters long"
        return _problem(name, parameter, "10025", detail)
    if parameter.min_length is not None and len(value) < parameter.min_length:
        detail = f"must be at least {parameter.min_length} characters long"
        return _problem(name, parameter, "10025", detail)
    if parameter.pattern is not None and not re.fullmatch(parameter.pattern, value):
        return _problem(name, parameter, "10027", "contains characters that are not allowed")
    return []


def _check_number(name: str, parameter: Parameter, value: float) -> list[Problem]:
    if parameter.minimum is not None and value < parameter.minimum:
        return _problem(name, parameter, "10033", f"must be at least {parameter.minimum:g}")
    if parameter.maximum is not None and value > parameter.maximum:
        return _problem(name, parameter, "10033", f"must be at most {parameter.maximum:g}")
    return []


def _check_list(name: str, parameter: Parameter, values: list[object]) -> list[Problem]:
    if parameter.max_items is not None and len(values) > parameter.max_items:
        return _problem(name, parameter, "10027", f"must have at most {parameter.max_items} items")
    if parameter.items is None:
        return []
    return [
        problem
        for index, value in enumerate(values)
        for problem in _check_value(f"{name}/{index}", parameter.items, value)
    ]


def _check_object(name: str, parameter: Parameter, fields: JsonObject) -> list[Problem]:
    if parameter.ref is not None:
        parameter = documented.types()[parameter.ref]
    problems = [
        Problem("10004", f"{name}/{field} is required", f"/{name}/{field}")
        for field in parameter.required
        if fields.get(field) is None
    ]
    for field, value in fields.items():
        inner = parameter.properties.get(field, parameter.values)
        if inner is not None and value is not None:
            problems += _check_value(f"{name}/{field}", inner, value)
    return problems


def _check_format(name: str, parameter: Parameter, value: object) -> list[Problem]:
    match parameter.format:
        case "base64" if isinstance(value, str) and not _is_base64(value):
            return [Problem("90017", f"{name} must be base64", f"/{name}")]
        case "http_url":
            return _check_url(name, ("http", "https"), value)
        case "ws_url":
            return _check_url(name, ("ws", "wss"), value)
        case "urls_by_event":
            return _check_urls_by_event(name, as_object(value) or {})
        case "retries_by_event":
            return [
                Problem(
                    "10033",
                    "retries_ms must be at most five whole numbers, together at most 60000",
                    f"/{name}/{event}",
                )
                for event, policy in (as_object(value) or {}).items()
                if not _is_retries_policy(policy)
            ]
        case _:  # uuid, uri and dates are taken as they come
            return []


def _check_url(name: str, schemes: tuple[str, ...], value: object) -> list[Problem]:
    if not isinstance(value, str) or is_url(value, schemes):
        return []
    detail = f"{name} must be a URL with one of the schemes {', '.join(schemes)}"
    return [Problem("10003", detail, f"/{name}")]


def _check_urls_by_event(name: str, chains: Mapping[str, object]) -> list[Problem]:
    problems: list[Problem] = []
    for event, chain in chains.items():
        pointer = f"/{name}/{event}"
        if event not in documented.events().events:
            problems.append(Problem("90057", f"{event!r} is not an event type", pointer))
        elif not all(
            isinstance(url, str) and is_url(url, ("http", "https"))
            for url in as_list(chain) or [None]
        ):
            problems.append(Problem("10003", "must be a list of http(s) URLs", pointer))
    return problems


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
