"""`docs/scripts.md`, out of the code: every step, event and expectation of a caller script.

    python -m callbridge.carrier.people.reference > docs/scripts.md

What it says stands where the code is: in the docstrings of the steps, the descriptions of their
fields, and the tables of events and of claims."""

import inspect
from collections.abc import Iterable
from typing import Any, cast, get_type_hints

import msgspec

from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.expect import CLAIMS, Claim
from callbridge.carrier.people.script import CallScript, json_names
from callbridge.carrier.people.steps import DEFAULT_FOR_S, EVENTS, STEPS

OPENING = """\
# Caller scripts

<!-- Generated: python -m callbridge.carrier.people.reference > docs/scripts.md -->

What a caller of the local carrier does, as JSON. `callbridge call --script FILE` lets them ring in,
`callbridge carrier --numbers FILE` says who answers where; without a script, somebody rings who
greets, asks, interrupts and hangs up.

```json
{
  "to": "+13125550100",
  "steps": [
    {"wait": "bot_silent"},
    {"say": "Sales, please."},
    {"wait": "bot_speaking", "for": 1.0, "within": 10},
    {"press": "5#"},
    {"wait": "bot_silent", "for": 0.8},
    {"hangup": true}
  ],
  "expect": [{"bot_spoke_s": {"at_least": 3}}, {"hangup_source": "caller"}]
}
```

A script that makes no sense is refused before the call, with the line and what may have been meant.
A call whose steps cannot all be done, or that is not as it was expected to be, has failed:
`callbridge call` then exits with 1, and says why.
"""
IN_PYTHON = """\
## In Python

The steps have the same names in `callbridge.testing`, and are checked in the same way:

```python
from callbridge.testing import Wait, caller, caller_of, converse, people_of, says

report = converse(app, caller(Wait("bot_silent", 1.0), says("Sales, please."), Wait("hangup")))
report = converse(app, caller_of("sales.json"), numbers=people_of("people.json"))
```

`caller` waits for the stream first and hangs up last. In a test nobody needs espeak-ng: the caller
speaks so that the test's own recogniser understands every letter.
"""


def markdown() -> str:
    """All of `docs/scripts.md`."""
    parts = [OPENING, *_struct("A script", CallScript), "## Steps\n"]
    for name, kind in STEPS.items():
        parts += _struct(f"`{name}`", cast("type[msgspec.Struct]", kind), level=3)
    parts += [
        "## What can be waited for\n",
        _table(("event", "true when", "`for` by default"), map(_event, EVENTS)),
        *_struct("`echo`", EchoPath),
        "## What can be expected\n",
        "Each line of `expect` is an object of one name and what it is to be: a flag is `true` or\n"
        '`false`, a word is a string, a number is `{"at_least": 1}`, `{"at_most": 2}` or both.\n',
        _table(("name", "is", "meaning"), (_claim(*item) for item in CLAIMS.items())),
        IN_PYTHON,
    ]
    return "\n".join(parts)


def _struct(title: str, kind: type[msgspec.Struct], level: int = 2) -> list[str]:
    """A heading, what the class says of itself, and its fields."""
    parts = [f"{'#' * level} {title}\n", f"{inspect.cleandoc(kind.__doc__ or '')}\n"]
    hints = get_type_hints(kind, include_extras=True)
    defaults = {field.name: _value_of(field) for field in msgspec.structs.fields(kind)}
    rows = [
        (f"`{name}`", _default(defaults[field]), hints[field].__metadata__[0].description)
        for name, field in json_names(kind).items()
    ]
    return [*parts, _table(("field", "default", "meaning"), rows)] if rows else parts


def _value_of(field: msgspec.structs.FieldInfo) -> Any:
    """Its default."""
    made = field.default_factory
    return field.default if made is msgspec.NODEFAULT else made()


def _default(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return "must be given"
    if value in (None, "", (), {}):
        return ""
    return f"`{msgspec.json.encode(value).decode()}`"


def _event(name: Any) -> tuple[str, str, str]:
    return f"`{name}`", EVENTS[name], f"{DEFAULT_FOR_S[name]:g} s" if name in DEFAULT_FOR_S else ""


def _claim(name: str, claim: Claim) -> tuple[str, str, str]:
    if isinstance(claim.kind, str):
        return f"`{name}`", claim.kind, claim.meaning
    numbers = " and ".join(f"`{part}`" for part in claim.kind)
    return f"`{name}`", f"{numbers}, each a number", claim.meaning


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
