"""What of a request to Chat Completions the vendor would refuse.

The shape is checked with the types of the official SDK, and nothing that they do not know gets
through. What they cannot say is said here, by the vendor's API reference: which message may follow
which, what a name may be, what the parameters of a function are."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from openai.types import chat
from openai.types.chat import completion_create_params as params
from pydantic import TypeAdapter, ValidationError

from tests.vendors.openai.answers import HttpError

ROLES: dict[str, TypeAdapter[Any]] = {
    "developer": TypeAdapter(chat.ChatCompletionDeveloperMessageParam),
    "system": TypeAdapter(chat.ChatCompletionSystemMessageParam),
    "user": TypeAdapter(chat.ChatCompletionUserMessageParam),
    "assistant": TypeAdapter(chat.ChatCompletionAssistantMessageParam),
    "tool": TypeAdapter(chat.ChatCompletionToolMessageParam),
}
REQUEST: TypeAdapter[Any] = TypeAdapter(params.CompletionCreateParamsStreaming)
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
JSON_TYPES = {"string", "number", "integer", "boolean", "object", "array", "null"}
MOST_TOOLS = 128


class Refused(Exception):
    """Carries the answer."""

    def __init__(
        self, message: str, param: str | None = None, *, status: int = 400, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.answer = HttpError(status, message, code, param=param)


def check(request: Any) -> None:
    """Raises Refused."""
    if not isinstance(request, dict):
        raise Refused("The body is no JSON object.")
    body = cast("dict[str, Any]", request)
    if body.get("stream") is not True:
        raise Refused("This server streams only: it wants stream=true.", "stream")
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        raise Refused("messages is a list with at least one message.", "messages")
    messages: list[Any] = body["messages"]
    for number, message in enumerate(messages):
        _check_message(message, f"messages[{number}]")
    _check_shape(REQUEST, body, "")
    _check_order(messages)
    _check_tools(body)


def _check_shape(adapter: TypeAdapter[Any], value: Mapping[str, Any], where: str) -> None:
    """By the SDK's types: these let unknown keys pass and drop them, which shows what was there."""
    try:
        known = solid(adapter.validate_python(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in (where, *first["loc"]) if part != "")
        raise Refused(f"{place or 'The request'}: {first['msg']}.", place or None) from None
    if unknown := next(dropped(value, known, where), None):
        raise Refused(f"Unrecognized request argument: {unknown}.", unknown)


def solid(value: object) -> object:
    """An iterable of the SDK's types is checked when it is read."""
    if isinstance(value, Mapping):
        return {k: solid(v) for k, v in cast("Mapping[str, object]", value).items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [solid(each) for each in cast("Iterable[object]", value)]
    return value


def dropped(value: object, known: object, where: str) -> Iterator[str]:
    """The places of what the SDK's types do not know."""
    if isinstance(value, Mapping) and isinstance(known, Mapping):
        known_keys = cast("Mapping[str, object]", known)
        for key, inner in cast("Mapping[str, object]", value).items():
            place = f"{where}.{key}".lstrip(".")
            if key not in known_keys:
                yield place
            else:
                yield from dropped(inner, known_keys[key], place)
    elif isinstance(value, list) and isinstance(known, list):
        pairs = zip(cast("list[object]", value), cast("list[object]", known), strict=True)
        for number, (inner, kept) in enumerate(pairs):
            yield from dropped(inner, kept, f"{where}[{number}]")


def _check_message(message: Any, where: str) -> None:
    role = cast("dict[str, Any]", message).get("role") if isinstance(message, dict) else None
    if role not in ROLES:
        raise Refused(
            f"{where}.role is {role!r}: it is one of {', '.join(ROLES)}.", f"{where}.role"
        )
    fields = cast("dict[str, Any]", message)
    _check_shape(ROLES[role], fields, where)
    if role == "assistant" and fields.get("content") is None and not fields.get("tool_calls"):
        raise Refused(f"{where} has neither content nor tool_calls.", f"{where}.content")
    for call in fields.get("tool_calls", ()):
        if not NAME.fullmatch(call["function"]["name"]):
            raise Refused(f"{where}: a function has the name {call['function']['name']!r}.", where)


def _check_order(messages: Sequence[Mapping[str, Any]]) -> None:
    """Each call of a tool is answered, once, directly behind the message that has made it."""
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise Refused(
                    f"{where}: role 'tool' answers one of the tool_calls of the message before it.",
                    f"{where}.role",
                )
            open_calls.remove(message["tool_call_id"])
            continue
        _check_answered(open_calls, where)
        ids = [call["id"] for call in message.get("tool_calls", ())]
        if len(set(ids)) < len(ids):
            raise Refused(f"{where}: two tool_calls have one id.", f"{where}.tool_calls")
        open_calls = set(ids)
    _check_answered(open_calls, "The end")


def _check_answered(open_calls: set[str], where: str) -> None:
    if open_calls:
        missing = ", ".join(sorted(open_calls))
        raise Refused(
            f"{where} comes before these tool_calls were answered: {missing}.", "messages"
        )


def _check_tools(body: Mapping[str, Any]) -> None:
    tools = body.get("tools")
    if tools is None:
        for name in ("tool_choice", "parallel_tool_calls"):
            if name in body:
                raise Refused(f"{name} is only allowed when tools are given.", name)
        return
    if not 0 < len(tools) <= MOST_TOOLS:
        raise Refused(f"tools has {len(tools)}: there are 1 to {MOST_TOOLS}.", "tools")
    names: set[str] = set()
    for number, tool in enumerate(tools):
        function, where = tool["function"], f"tools[{number}].function"
        if not NAME.fullmatch(function["name"]) or function["name"] in names:
            raise Refused(f"{where}.name: {function['name']!r} is wrong or twice.", where)
        names.add(function["name"])
        schema = function.get("parameters", {"type": "object", "properties": {}})
        if schema.get("type") != "object":
            raise Refused(f"{where}.parameters has the type {schema.get('type')!r}.", where)
        _check_schema(schema, where, schema.get("$defs", {}))
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        named = cast("dict[str, Any]", choice).get("function", {}).get("name")
        if named not in names:
            raise Refused(f"tool_choice names {named!r}, which is no tool.", "tool_choice")


def _check_schema(schema: Any, where: str, definitions: Mapping[str, Any]) -> None:
    """A part of JSON Schema that is not what it should be; no whole check of a schema."""
    if not isinstance(schema, dict):
        raise Refused(f"{where}: a schema is an object.", where)
    fields = cast("dict[str, Any]", schema)
    types = fields.get("type", [])
    for each in [types] if isinstance(types, str) else types:
        if each not in JSON_TYPES:
            raise Refused(f"{where}: {each!r} is no type of JSON.", where)
    if "$ref" in fields and fields["$ref"].removeprefix("#/$defs/") not in definitions:
        raise Refused(f"{where}: {fields['$ref']} leads nowhere.", where)
    properties = fields.get("properties", {})
    if missing := [name for name in fields.get("required", ()) if name not in properties]:
        raise Refused(f"{where}: {missing[0]!r} is required, but there is no such property.", where)
    if fields.get("type") == "array" and "items" not in fields and "prefixItems" not in fields:
        raise Refused(f"{where}: an array says what its items are.", where)
    inner = [*properties.items(), *((name, fields[name]) for name in ("items",) if name in fields)]
    inner += [(f"anyOf[{n}]", each) for n, each in enumerate(fields.get("anyOf", ()))]
    inner += list(fields.get("$defs", {}).items())
    for name, each in inner:
        _check_schema(each, f"{where}.{name}", definitions)
