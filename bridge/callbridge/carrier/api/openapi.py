"""The carrier's own REST API as an OpenAPI 3.1 document: computed from the operations that are
here and the facts of their endpoints, so that it says what is checked and nothing else."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version

from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.operations import OPERATIONS, OTHER_PRODUCTS
from callbridge.carrier.api.unsupported import NOT_HERE, refused_parameters, why_not_acted_on
from callbridge.carrier.facts import documented
from callbridge.carrier.facts.documented import DocumentedEndpoint, Parameter
from callbridge.carrier.shapes import JsonObject

# The keywords of JSON Schema for limits of the facts.
_LIMITS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "max_items": "maxItems",
    "pattern": "pattern",
}
_FORMATS = {"http_url": "uri", "ws_url": "uri", "uri": "uri", "uuid": "uuid"}
# Any request may get these, whatever its endpoint documents.
_REFUSALS = {
    400: "The request is none",
    401: "The API key is not the carrier's",
    403: "Not allowed here",
    404: "There is no such thing",
    422: "A parameter or the state of things does not allow it",
    429: "Too many requests",
}


@cache
def document() -> JsonObject:
    """The whole of it, without the address of the server: it is served by that."""
    operations = (*OPERATIONS, *OTHER_PRODUCTS)
    paths: dict[str, dict[str, object]] = {}
    for each in operations:
        facts = each.facts()
        paths.setdefault(f"/v2{facts.path}", {})[facts.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Callbridge's local carrier",
            "version": version("callbridge"),
            "description": "What it has of the Voice API. Webhooks are not described here.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {name: _schema(documented.types()[name]) for name in _types(operations)}
            | {"Errors": _ERRORS},
        },
    }


def _operation(operation: type[Operation]) -> JsonObject:
    facts = operation.facts()
    described: JsonObject = {
        "operationId": operation.operation_id,
        "tags": [operation.operation_id.partition(".")[0]],
        "parameters": [*_names_in(facts.path), *map(_query_parameter, facts.query.items())],
        "responses": {str(facts.status): _success(facts)} | _refusals(facts),
    }
    if facts.method in ("POST", "PUT", "PATCH"):
        described["requestBody"] = {
            "required": bool(facts.required),
            "content": {"application/json": {"schema": _body(operation)}},
        }
    return described


def _names_in(path: str) -> Iterator[JsonObject]:
    for name in re.findall(r"{(\w+)}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameter(named: tuple[str, Parameter]) -> JsonObject:
    """An object is written `filter[name]=...`."""
    name, parameter = named
    described: JsonObject = {"name": name, "in": "query", "schema": _schema(parameter)}
    return described | {"style": "deepObject"} if parameter.type == "object" else described


def _body(operation: type[Operation]) -> JsonObject:
    facts, refused = operation.facts(), refused_parameters(operation)
    properties = _properties(facts.required | facts.optional)
    for name in refused:
        if name in properties:
            why = f"{name} {NOT_HERE}: {why_not_acted_on(name)}"
            properties[name] = {"description": why, "allOf": [properties[name]]}
    schema: JsonObject = {"type": "object", "properties": properties}
    if facts.required:
        schema["required"] = list(facts.required)
    if facts.at_least_one_of:
        schema["anyOf"] = [{"required": [name]} for name in facts.at_least_one_of]
    return schema


def _properties(parameters: Mapping[str, Parameter]) -> dict[str, object]:
    return {name: _schema(parameter) for name, parameter in parameters.items()}


def _schema(parameter: Parameter) -> JsonObject:
    """What the carrier checks of a value."""
    if parameter.ref is not None:
        return {"$ref": f"#/components/schemas/{parameter.ref}"}
    if parameter.one_of:
        return {"anyOf": [_schema(each) for each in parameter.one_of]}
    schema: JsonObject = {} if parameter.type == "any" else {"type": parameter.type}
    if enum := documented.allowed(parameter):
        schema["enum"] = list(enum)
    for ours, theirs in _LIMITS.items():
        if (limit := getattr(parameter, ours)) is not None:
            schema[theirs] = limit
    if parameter.format == "base64":
        schema["contentEncoding"] = "base64"
    elif parameter.format in _FORMATS:
        schema["format"] = _FORMATS[parameter.format]
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.items is not None:
        schema["items"] = _schema(parameter.items)
    if parameter.properties:
        schema["properties"] = _properties(parameter.properties)
    if parameter.required:
        schema["required"] = list(parameter.required)
    if parameter.values is not None:
        schema["additionalProperties"] = _schema(parameter.values)
    return schema


# ---- answers ------------------------------------------------------------------------------------

_ERRORS: JsonObject = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["code", "title", "detail"],
                "properties": {
                    "code": {"type": "string"},
                    "title": {"type": "string"},
                    "detail": {"type": "string"},
                    "source": {"type": "object", "properties": {"pointer": {"type": "string"}}},
                },
            },
        }
    },
}


def _success(facts: DocumentedEndpoint) -> JsonObject:
    schema: JsonObject = {"type": "object"}
    if facts.envelope == "list":
        schema["required"] = ["data", "meta"]
        schema["properties"] = {"data": {"type": "array"}, "meta": {"type": "object"}}
    elif facts.envelope in ("data", "command"):
        schema["properties"] = {"data": {"type": "object"}}
    described: JsonObject = {"description": "Done"}
    if facts.status != 204:
        described["content"] = {"application/json": {"schema": schema}}
    return described


def _refusals(facts: DocumentedEndpoint) -> JsonObject:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Errors"}}}
    statuses = {*_REFUSALS, *(each for each in facts.errors if each < 500)}
    return {
        str(status): {"description": _REFUSALS.get(status, "Refused"), "content": content}
        for status in sorted(statuses)
    }


# ---- the types that requests are made of --------------------------------------------------------


def _types(operations: tuple[type[Operation], ...]) -> list[str]:
    """Their names, with those that they are made of themselves."""
    found: set[str] = set()
    ahead = [parameter for each in operations for parameter in each.parameters().values()]
    while ahead:
        parameter = ahead.pop()
        if parameter.ref is not None and parameter.ref not in found:
            found.add(parameter.ref)
            ahead.append(documented.types()[parameter.ref])
        ahead += [*parameter.properties.values(), *parameter.one_of]
        ahead += [each for each in (parameter.items, parameter.values) if each is not None]
    return sorted(found)
