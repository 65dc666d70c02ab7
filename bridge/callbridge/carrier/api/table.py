"""Which documented endpoints this carrier has, as a page of docs: computed.

python -m callbridge.carrier.api.table > docs/endpoints.md
"""

from collections.abc import Iterator

from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.operations import OPERATIONS
from callbridge.carrier.api.unsupported import WHY_PARAMETERS, refused_parameters, why_refused
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
        state = _state(here[id]) if id in here else f"**refused**: {why_refused(id)}"
        yield f"| `{endpoint.method} /v2{endpoint.path}` | `{id}` | {state} |"


def _state(operation: type[Operation]) -> str:
    refused = [f"`{name}` ({WHY_PARAMETERS[name]})" for name in refused_parameters(operation)]
    return f"real, but for {', '.join(refused)}" if refused else "real"


if __name__ == "__main__":
    print(markdown(), end="")
