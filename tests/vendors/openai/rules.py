"""A model that answers by rules, out of a JSON file, for examples that run without a key.

    [{"if": "open|hours", "say": "We are open from nine to six."},
     {"if": "order (\\d+)", "call": "find_order", "with": {"number": "\\1"}},
     {"tool": "find_order", "say": "Your order: {result}."},
     {"say": "I did not understand."}]

The first rule that fits answers, and whose tools there are. `if` is looked for in what was said
last, in any case; `tool` is the name of the tool whose result came last. A rule may say something
and call a tool, or several by a list of rules in `and`. The groups of `if` stand in `with` as \\1,
and whole numbers are such."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.vendors.openai.answers import Answer, Completion, Part, Script, Text, ToolCall, writes


def read_rules(path: Path) -> Script:
    return by_rules(json.loads(path.read_text()))


def by_rules(rules: Sequence[Mapping[str, Any]]) -> Script:
    def script(request: dict[str, Any]) -> Answer:
        messages = request["messages"]
        last = messages[-1]
        said = str(last.get("content") or "")
        tool = _tool_of(messages) if last["role"] == "tool" else ""
        for rule in rules:
            found = re.search(rule.get("if", ""), said, re.IGNORECASE)
            if found and rule.get("tool", "") == tool and _can(rule, request):
                return Completion(_parts(rule, found, said))
        return writes("I have no rule for this.")

    return script


def _can(rule: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Whether the request has the tools that the rule calls."""
    there = {tool["function"]["name"] for tool in request.get("tools", ())}
    called = {each["call"] for each in (rule, *rule.get("and", ())) if "call" in each}
    return called <= there


def _parts(rule: Mapping[str, Any], found: re.Match[str], said: str) -> list[Part]:
    parts: list[Part] = []
    if text := rule.get("say"):
        parts.append(Text(text.replace("{result}", said)))
    for each in (rule, *rule.get("and", ())):
        if name := each.get("call"):
            arguments = {k: _filled(v, found) for k, v in each.get("with", {}).items()}
            parts.append(ToolCall.of(name, **arguments))
    return parts


def _filled(value: Any, found: re.Match[str]) -> Any:
    if not isinstance(value, str):
        return value
    text = found.expand(value)
    return int(text) if text.isdecimal() and text != value else text


def _tool_of(messages: Sequence[Mapping[str, Any]]) -> str:
    wanted = messages[-1]["tool_call_id"]
    for message in messages:
        for call in message.get("tool_calls") or ():
            if call["id"] == wanted:
                return str(call["function"]["name"])
    return ""
