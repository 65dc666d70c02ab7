"""Values by a JSON Schema, right and wrong ones: for requests by the carrier's own document."""

import math
import random
from typing import Any

Schema = dict[str, Any]


class Values:
    """A share of them, `wrong`, is not as the schema says; `broken` tells whether one was."""

    def __init__(self, document: Schema, rng: random.Random, wrong: float = 0.0) -> None:
        self._types = document["components"]["schemas"]
        self._rng = rng
        self._wrong = wrong
        self.broken = False

    def of(self, schema: Schema, depth: int = 0) -> Any:
        if "$ref" in schema:
            return self.of(self._types[schema["$ref"].rpartition("/")[2]], depth)
        if "allOf" in schema:
            return self.of(schema["allOf"][0], depth)
        if "anyOf" in schema and "type" not in schema:  # what is wrong for one is right for another
            wrong, self._wrong = self._wrong, 0.0
            value = self.of(self._rng.choice(schema["anyOf"]), depth)
            self._wrong = wrong
            return value
        if self._rng.random() < self._wrong and (wrongs := _wrongs(schema)):
            self.broken = True
            return self._rng.choice(wrongs)
        if "enum" in schema:
            return self._rng.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                most = min(schema.get("maxItems", 3), 3)
                return [
                    self.of(schema.get("items", {}), depth + 1)
                    for _ in range(self._rng.randint(1, most))
                ]
            case "integer":
                return self._number(schema)
            case "number":
                return float(self._number(schema))
            case "boolean":
                return self._rng.random() < 0.5
            case "string":
                return self._text(schema)
            case _:
                return self._rng.choice(("a", 1, True))

    def _object(self, schema: Schema, depth: int) -> Any:
        required = schema.get("required", [])
        chance = 0.3 if depth < 2 else 0.1
        fields = {
            name: self.of(inner, depth + 1)
            for name, inner in schema.get("properties", {}).items()
            if name in required or self._rng.random() < chance
        }
        if "additionalProperties" in schema:
            fields["call.hangup"] = self.of(schema["additionalProperties"], depth + 1)
        return fields

    def _number(self, schema: Schema) -> int:
        low, high = schema.get("minimum", 0), schema.get("maximum", 1000)
        return self._rng.randint(math.ceil(low), math.floor(high))

    def _text(self, schema: Schema) -> str:
        if schema.get("contentEncoding") == "base64":
            return "aGVsbG8="
        if schema.get("format") == "uri":
            return self._rng.choice(("http://127.0.0.1:9/a", "ws://127.0.0.1:9/a"))
        if "pattern" in schema:
            return "".join(self._rng.choices("123", k=3))
        longest = min(schema.get("maxLength", 12), 12)
        return "".join(self._rng.choices("abc -é😀", k=self._rng.randint(1, longest)))


def _wrongs(schema: Schema) -> list[Any]:
    """Values that are not as the schema says."""
    wrongs: list[Any] = []
    if "enum" in schema:
        wrongs.append("none of these")
    if "maxLength" in schema:
        wrongs.append("x" * (schema["maxLength"] + 1))
    if "maximum" in schema:
        wrongs.append(schema["maximum"] + 1)
    if "minimum" in schema:
        wrongs.append(schema["minimum"] - 1)
    if "maxItems" in schema:
        wrongs.append(["a"] * (schema["maxItems"] + 1))
    if schema.get("type") in ("object", "array", "boolean", "string"):
        wrongs.append(7)
    if schema.get("type") in ("integer", "number"):
        wrongs += ["seven", True]
    return wrongs
