"""Which documented endpoints this carrier has, as a page of docs: computed.

python -m callbridge.carrier.api.table > docs/endpoints.md
"""

from collections.abc import Iterator

from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.operations import OPERATIONS, OTHER_PRODUCTS
from callbridge.carrier.api.stubs import ASKED
from callbridge.carrier.api.unsent import WHY_FIELDS, why_not_sent
from callbridge.carrier.api.unsupported import (
    refused_parameters,
    why_not_acted_on,
    why_refused,
)
from callbridge.carrier.facts import documented


def markdown() -> str:
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    endpoints, here = documented.endpoints(), {each.operation_id: each for each in OPERATIONS}
    yield "# What the carrier has of the documented API"
    yield ""
    yield "<!-- Generated: python -m callbridge.carrier.api.table > docs/endpoints.md -->"
    yield ""
    yield (
        f"{len(here)} of {len(endpoints)} endpoints. One that it has not is answered with 404 and "
        "code 10005, a parameter that it would not act on with 422 and 10027; both say why."
    )
    yield ""
    yield "| endpoint | of the SDK | |"
    yield "|---|---|---|"
    for id, endpoint in endpoints.items():
        state = _state(here[id], "real") if id in here else f"**refused**: {why_refused(id)}"
        yield f"| `{endpoint.method} /v2{endpoint.path}` | `{id}` | {state} |"
    yield from ("", "## Of other products", "")
    yield (
        "What programs for calls need beside them. These are stubs: nothing is bought, nothing is "
        "looked up and no message is sent. Numbers are made up, the same ones every time. A call "
        "to one that was ordered comes to its `connection_id`, until it is deleted. "
        f"`GET {ASKED}` lists what was asked for, the latest first."
    )
    yield ""
    yield "| endpoint | of the SDK | |"
    yield "|---|---|---|"
    for stub in OTHER_PRODUCTS:
        method, path, state = stub.facts().method, stub.facts().path, _state(stub, "stub")
        yield f"| `{method} /v2{path}` | `{stub.operation_id}` | {state} |"
    yield from _events()


def _events() -> Iterator[str]:
    events, sent = documented.events().events, documented.sent_events()
    yield from ("", "## Events", "")
    yield (
        f"{len(sent)} of {len(events)} are sent: they came, with all of their documented fields, "
        "in a run of the official SDK through every endpoint that is here."
    )
    yield ""
    yield "| event | |"
    yield "|---|---|"
    for event_type in events:
        yield f"| `{event_type}` | {_of_event(event_type)} |"


def _of_event(event_type: str) -> str:
    why = why_not_sent(event_type)
    if why is not None:
        return f"**not sent**: {why}"
    fields = WHY_FIELDS.get(event_type, {})
    but = ", ".join(f"`{name}` ({why})" for name, why in fields.items())
    return f"sent, but for {but}" if but else "sent"


def _state(operation: type[Operation], state: str) -> str:
    refused = refused_parameters(operation)
    but = ", ".join(f"`{name}` ({why_not_acted_on(name)})" for name in refused)
    return f"{state}, but for {but}" if refused else state


if __name__ == "__main__":
    print(markdown(), end="")
