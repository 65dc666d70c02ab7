"""Which documented endpoints this carrier has, as a page of docs: computed.

python -m callbridge.carrier.api.table > docs/endpoints.md
"""

from collections.abc import Iterator

from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.operations import OPERATIONS, OTHER_PRODUCTS
from callbridge.carrier.api.stubs import ASKED
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


def _state(operation: type[Operation], state: str) -> str:
    refused = refused_parameters(operation)
    but = ", ".join(f"`{name}` ({why_not_acted_on(name)})" for name in refused)
    return f"{state}, but for {but}" if refused else state


if __name__ == "__main__":
    print(markdown(), end="")
