"""Values by a JSON Schema, right and wrong ones, and what is wrong with a value: for requests and
answers by the carrier's own document. It knows the keywords that are in that document."""

import math
import random
import re
from collections.abc import Iterator
from typing import Any

from callbridge.carrier.shapes import JsonObject, as_list, as_object

Schema = dict[str, Any]

TEXTS = (
    "a", "Hello.", "123", "en-US", "é😀", "aGVsbG8=", "+13125550199", "female",
    "http://127.0.0.1:9/a", "ws://127.0.0.1:9/a", "x" * 41,
)  # fmt: skip
SELDOM_RIGHT: tuple[Any, ...] = (
    7.5,
    -(10**9),
    10**9,
    True,
    "",
    " ",
    "none of these",
    "x" * 5000,
    [],
    {},
    ["a"] * 99,
)
KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


class Values:
    """Of the schemas of a document. A share of them, `wrong`, is replaced by what seldom fits."""

    def __init__(self, document: Schema, rng: random.Random, wrong: float) -> None:
        self._types = document["components"]["schemas"]
        self._rng = rng
        self._wrong = wrong

    def of(self, schema: Schema, depth: int = 0) -> Any:
        if depth and self._rng.random() < self._wrong:
            return self._rng.choice((*beyond(schema), self._rng.choice(SELDOM_RIGHT)))
        if "$ref" in schema:
            return self.of(self._types[_name(schema)], depth)
        if "anyOf" in schema and "type" not in schema:
            return self.of(self._rng.choice(schema["anyOf"]), depth)
        if "enum" in schema:
            return self._rng.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                count = self._rng.randint(1, min(schema.get("maxItems", 3), 3))
                return [self.of(schema.get("items", {}), depth + 1) for _ in range(count)]
            case "integer" | "number":
                low = math.ceil(schema.get("minimum", 0))
                high = math.floor(schema.get("maximum", low + 1000))
                return self._rng.choice((low, self._rng.randint(low, high), high))
            case "boolean":
                return self._rng.random() < 0.5
            case "null":
                return None
            case "string":
                fitting = [text for text in TEXTS if not list(_faults_of_text(schema, text))]
                return self._rng.choice(fitting)
            case _:
                return self._rng.choice(("a", 1, True))

    def _object(self, schema: Schema, depth: int) -> Any:
        """Most optional fields are left out: each may be in the way of what the others do."""
        one_of_these: Schema = self._rng.choice(schema.get("anyOf", [{}]))
        required = [*schema.get("required", []), *one_of_these.get("required", [])]
        fields = {
            name: self.of(inner, depth + 1)
            for name, inner in schema.get("properties", {}).items()
            if "not" not in inner
            and (name in required or self._rng.random() < (0.15 if depth < 2 else 0.1))
        }
        if "additionalProperties" in schema:
            fields["call.hangup"] = self.of(schema["additionalProperties"], depth + 1)
        return fields


class Judge:
    """Says what is wrong with a value: first where, as a JSON pointer has it."""

    def __init__(self, document: Schema) -> None:
        self._types = document["components"]["schemas"]

    def faults(self, schema: Schema, value: Any, at: str = "") -> Iterator[str]:
        if "$ref" in schema:
            yield from self.faults(self._types[_name(schema)], value, at)
        if "not" in schema:
            yield f"{at} is not to be given"
        if "anyOf" in schema and all(list(self.faults(e, value, at)) for e in schema["anyOf"]):
            yield f"{at} is none of its kinds: {value!r}"
        if not _is_a(schema.get("type"), value):
            yield f"{at} is not of type {schema['type']}: {value!r}"
            return
        values = [schema["const"]] if "const" in schema else schema.get("enum", [value])
        if not any(type(each) is type(value) and each == value for each in values):
            yield f"{at} is none of {values}: {value!r}"
        if (fields := as_object(value)) is not None:
            yield from self._faults_of_object(schema, fields, at)
        elif (items := as_list(value)) is not None:
            if not schema.get("minItems", 0) <= len(items) <= schema.get("maxItems", math.inf):
                yield f"{at} has {len(items)} items"
            for index, item in enumerate(items):
                yield from self.faults(schema.get("items", {}), item, f"{at}/{index}")
        elif isinstance(value, str):
            yield from (f"{at} {fault}" for fault in _faults_of_text(schema, value))
        elif isinstance(value, int | float) and not (
            schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
        ):
            yield f"{at} is out of range: {value!r}"

    def _faults_of_object(self, schema: Schema, value: JsonObject, at: str) -> Iterator[str]:
        yield from (
            f"{at} lacks {name}" for name in schema.get("required", []) if name not in value
        )
        others = schema.get("additionalProperties", {})
        for name, inner in value.items():
            yield from self.faults(schema.get("propertyNames", {}), name, f"{at}/{name}")
            known = schema.get("properties", {}).get(name, others)
            yield from self.faults(known, inner, f"{at}/{name}")


def beyond(schema: Schema) -> Iterator[Any]:
    """What its limits just do not allow."""
    if "minimum" in schema:
        yield math.ceil(schema["minimum"]) - 1
    if "maximum" in schema:
        yield math.floor(schema["maximum"]) + 1
    if "maxLength" in schema:
        yield "x" * (schema["maxLength"] + 1)
    if "maxItems" in schema:
        yield ["a"] * (schema["maxItems"] + 1)


def _name(schema: Schema) -> str:
    name: str = schema["$ref"].rpartition("/")[2]
    return name


def _is_a(kind: str | None, value: Any) -> bool:
    """JSON's true is no number, though Python's is."""
    if kind is None:
        return True
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _faults_of_text(schema: Schema, text: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", math.inf):
        yield f"has {len(text)} characters"
    if "pattern" in schema and not re.search(schema["pattern"], text):
        yield f"is not like {schema['pattern']}: {text!r}"
