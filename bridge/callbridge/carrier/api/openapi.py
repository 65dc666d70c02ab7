"""The carrier's own REST API as an OpenAPI 3.1 document: computed from the operations that are
here and the facts of their endpoints, so that it says what is checked and nothing else."""

import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus

from callbridge.carrier.api.calls import DialledLeg
from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.operations import OPERATIONS, OTHER_PRODUCTS
from callbridge.carrier.api.schemas import NAMED, filled, named, schema
from callbridge.carrier.api.unsupported import (
    NOT_HERE,
    accepted,
    refused_parameters,
    why_harmless,
    why_not_acted_on,
)
from callbridge.carrier.facts import documented
from callbridge.carrier.facts.documented import DocumentedEndpoint, Parameter
from callbridge.carrier.shapes import JsonObject

_ABOUT = (
    "What this carrier has of the Voice API; webhooks are not described here. null counts as "
    "absent, whole numbers may be written as texts, and a field that no schema names is ignored."
)
_ANYWHERE = (400, 401, 422, 429)  # whatever is asked for


@cache
def document() -> JsonObject:
    """The whole of it, for the server that it is read from."""
    operations = (*OPERATIONS, *OTHER_PRODUCTS)
    paths: dict[str, JsonObject] = {}
    for each in operations:
        facts = each.facts()
        paths.setdefault(facts.path, {})[facts.method.lower()] = _operation(each)
    refusals = sorted({status for each in operations for status in _refusals(each)})
    return {
        "openapi": "3.1.1",
        "info": {"title": "Callbridge's local carrier", "version": "2", "description": _ABOUT},
        "servers": [{"url": "/v2"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "responses": {str(status): _refusal(status) for status in refusals},
            "schemas": named(paths),
        },
    }


# ---- what is asked ------------------------------------------------------------------------------


def _operation(operation: type[Operation]) -> JsonObject:
    facts = operation.facts()
    described: JsonObject = {
        "operationId": operation.operation_id,
        "tags": [operation.operation_id.partition(".")[0]],
        "parameters": [*_names_in(facts.path), *map(_query_parameter, facts.query.items())],
        "responses": {str(facts.status): _success(facts)}
        | {
            str(status): {"$ref": f"#/components/responses/{status}"}
            for status in _refusals(operation)
        },
    }
    if facts.required or facts.optional:
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
    described: JsonObject = {"name": name, "in": "query", "schema": schema(parameter)}
    return described | {"style": "deepObject"} if parameter.type == "object" else described


def _body(operation: type[Operation]) -> JsonObject:
    facts = operation.facts()
    given = facts.optional | {name: filled(each) for name, each in facts.required.items()}
    properties = {name: _property(operation, name, each) for name, each in given.items()}
    body: JsonObject = {"type": "object", "properties": properties}
    if facts.required:
        body["required"] = list(facts.required)
    here = [name for name in facts.at_least_one_of if name in operation.acts_on()]
    if here:
        body["anyOf"] = [{"required": [name]} for name in here]
    return body


def _property(operation: type[Operation], name: str, parameter: Parameter) -> JsonObject:
    """With what this carrier makes of it: one that is refused may be said to be off."""
    if name in refused_parameters(operation):
        why = f"{NOT_HERE}: {why_not_acted_on(name)}"
        off: JsonObject = {"enum": values} if (values := accepted(parameter)) else {"not": {}}
        return off | {"description": why}
    if name not in operation.acts_on():
        why = f"taken without effect: {why_harmless(operation, name)}"
        return schema(parameter) | {"description": why}
    return schema(parameter)


# ---- what is answered ---------------------------------------------------------------------------


def _success(facts: DocumentedEndpoint) -> JsonObject:
    described: JsonObject = {"description": HTTPStatus(facts.status).phrase}
    if facts.envelope == "none":
        return described
    answer: JsonObject = {"type": "object"}
    match facts.envelope:
        case "command":
            result: JsonObject = {"type": "object", "properties": {"result": {"const": "ok"}}}
            answer = _object(data=result | {"required": ["result"]})
        case "data":
            answer = _object(data=_of_type(facts.data))
        case "list":
            anything: JsonObject = {}
            meta = _object(**dict.fromkeys(facts.meta, anything))
            answer = _object(data={"type": "array", "items": _of_type(facts.item)}, meta=meta)
        case _:  # bare: the documents say nothing of it
            pass
    return described | {"content": {"application/json": {"schema": answer}}}


def _object(**properties: JsonObject) -> JsonObject:
    """In which each of these is."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _of_type(name: str | None) -> JsonObject:
    return {"type": "object"} if name is None else {"$ref": NAMED + name}


def _refusals(operation: type[Operation]) -> list[int]:
    """Statuses that this carrier answers with; it does not play a broken one, 500 and above."""
    facts = operation.facts()
    statuses = {*_ANYWHERE, *(status for status in facts.errors if status < 500)}
    if "{" in facts.path or "conference_config" in facts.optional:
        # Commands get it for what can be no call's id; an id that is unknown is 422.
        statuses.add(404)
    if issubclass(operation, DialledLeg):
        statuses.add(403)  # of an account that is not verified
    return sorted(statuses)


def _refusal(status: int) -> JsonObject:
    codes = [code for code, error in documented.errors().items() if status in error.statuses]
    text: JsonObject = {"type": "string"}
    error: JsonObject = {
        "type": "object",
        "required": ["code", "title", "detail"],
        "properties": {
            "code": {"enum": codes},
            "title": text,
            "detail": text,
            "source": {"type": "object", "properties": {"pointer": text}},
        },
    }
    errors = _object(errors={"type": "array", "minItems": 1, "items": error})
    content = {"application/json": {"schema": errors}}
    return {"description": HTTPStatus(status).phrase, "content": content}
