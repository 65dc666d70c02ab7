"""What the platform documents of the Voice API, read from the JSON files of this folder.

The files are data of the package: each is read once, when somebody first asks for it. A key that
is not declared here is an error, so that a slip of the pen in a file does not go unseen."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

T = TypeVar("T")

FOLDER = Path(__file__).parent

Kind = Literal["string", "integer", "number", "boolean", "object", "array", "any"]


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value in a request, an answer or an event.

    `code` is the error code of this parameter where it has one of its own. `enum_ref` names a list
    of values.json, `ref` an object of types.json."""

    type: Kind
    enum: tuple[str | int | bool, ...] = ()
    enum_ref: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    pattern: str | None = None
    format: str | None = None
    code: str | None = None
    default: object = None
    nullable: bool = False
    ref: str | None = None
    required: tuple[str, ...] = ()
    properties: dict[str, "Parameter"] = {}
    items: "Parameter | None" = None
    values: "Parameter | None" = None
    one_of: "tuple[Parameter, ...]" = ()


Parameters = dict[str, Parameter]


class DocumentedEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One method of one path. `shared` names parameters that stand in parameters.json."""

    id: str
    method: str
    path: str  # below /v2, with {names} in it
    status: int
    envelope: str
    errors: tuple[int, ...]
    data: str | None = None
    data_key: str | None = None
    item: str | None = None
    meta: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    required: Parameters = {}
    optional: Parameters = {}
    shared: tuple[str, ...] = ()
    query: Parameters = {}
    at_least_one_of: tuple[str, ...] = ()
    whole_body: Parameter | None = None

    @property
    def action(self) -> str:
        """`send_dtmf` of calls.actions.send_dtmf's path, `dial` where the path has none."""
        _, found, action = self.path.partition("/actions/")
        return action if found else self.id.rpartition(".")[2]


class ErrorVariant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another title of a code, with the status and the parameter that it belongs to."""

    title: str
    status: int | None = None
    pointer: str | None = None


class DocumentedError(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    statuses: tuple[int, ...]
    variants: tuple[ErrorVariant, ...] = ()


class DocumentedEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`observed` are keys that recorded deliveries carry beyond the documents."""

    required: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    payload: Parameters = {}
    beside_payload: tuple[str, ...] = ()
    occurred_at_in: str | None = None
    flat: bool = False


class DocumentedEvents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    in_every_event_of_a_leg: tuple[str, ...]
    shared: Parameters
    events: dict[str, DocumentedEvent]


class DocumentedAttribute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a TeXML element; all values are strings in a document."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    required: bool = False
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None


class DocumentedElement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A TeXML verb or noun, and the elements that it stands in."""

    parents: tuple[str, ...]
    attributes: dict[str, DocumentedAttribute]


@cache
def endpoints() -> Mapping[str, DocumentedEndpoint]:
    """By id. `optional` includes what the endpoint shares with others."""
    shared = _read("parameters.json", Parameters)
    found: dict[str, DocumentedEndpoint] = {}
    for file in sorted((FOLDER / "endpoints").glob("*.json")):
        for each in msgspec.json.decode(file.read_bytes(), type=list[DocumentedEndpoint]):
            optional = {name: shared[name] for name in each.shared} | each.optional
            found[each.id] = msgspec.structs.replace(
                each, required=_with_values(each.required), optional=_with_values(optional)
            )
    return found


@cache
def other_products() -> Mapping[str, DocumentedEndpoint]:
    """By id: those that are no part of the Voice API, as far as programs for calls need them."""
    return {each.id: each for each in _read("other_products.json", list[DocumentedEndpoint])}


def endpoint(id: str) -> DocumentedEndpoint:
    """Of the Voice API, or of another product."""
    return endpoints().get(id) or other_products()[id]


@cache
def errors() -> Mapping[str, DocumentedError]:
    """By code."""
    return _read("errors.json", dict[str, DocumentedError])


@cache
def events() -> DocumentedEvents:
    return _read("events.json", DocumentedEvents)


@cache
def sent_events() -> frozenset[str]:
    """The types of those that this carrier sends: seen in a run, see `test_sdk_contract`."""
    return _read("sent_events.json", frozenset[str])


@cache
def texml() -> Mapping[str, DocumentedElement]:
    """The elements of TeXML by their tag, without the root."""
    return _read("texml.json", dict[str, DocumentedElement])


@cache
def types() -> Mapping[str, Parameter]:
    """Objects by the name that `ref` uses."""
    return _read("types.json", Parameters)


@cache
def values() -> Mapping[str, tuple[str, ...]]:
    """Long lists of allowed values, by the name that `enum_ref` uses."""
    return _read("values.json", dict[str, tuple[str, ...]])


def allowed(parameter: Parameter) -> tuple[str | int | bool, ...]:
    """Its values, if they are listed; the documents leave out some that they call the default."""
    listed = parameter.enum or values().get(parameter.enum_ref or "", ())
    if listed and isinstance(parameter.default, str) and parameter.default not in listed:
        return (*listed, parameter.default)
    return listed


def title(code: str, status: int, pointer: str | None) -> str:
    """The title of an error, which with some codes depends on where the code is used."""
    error = errors()[code]
    for variant in error.variants:
        if variant.status in (None, status) and variant.pointer in (None, pointer):
            return variant.title
    return error.title


def _with_values(parameters: Parameters) -> Parameters:
    return {
        name: parameter
        if parameter.enum_ref is None
        else msgspec.structs.replace(parameter, enum=values()[parameter.enum_ref])
        for name, parameter in parameters.items()
    }


def _read(name: str, kind: type[T]) -> T:
    return msgspec.json.decode((FOLDER / name).read_bytes(), type=kind)
