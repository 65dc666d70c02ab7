"""Answers of the REST API: results and the platform's error envelope.

Titles are those of the facts."""

import msgspec

from callbridge.carrier.facts import documented
from callbridge.carrier.shapes import as_list, as_object


class Problem(msgspec.Struct, frozen=True):
    """One entry of `errors`. `pointer` is a JSON pointer into the request's body."""

    code: str
    detail: str
    pointer: str | None = None

    def to_json(self, status: int) -> dict[str, object]:
        entry: dict[str, object] = {
            "code": self.code,
            "title": documented.title(self.code, status, self.pointer),
            "detail": self.detail,
        }
        if self.pointer is not None:
            entry["source"] = {"pointer": self.pointer}
        return entry


class Response(msgspec.Struct, frozen=True):
    status: int
    body: dict[str, object]
    headers: dict[str, str] = {}


class Refused(Exception):
    """Leaves the handling of a request; becomes its answer."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__(f"{status}: " + "; ".join(p.detail for p in problems))
        self.response = Response(
            status, {"errors": [problem.to_json(status) for problem in problems]}
        )

    def with_headers(self, headers: dict[str, str]) -> "Refused":
        self.response = msgspec.structs.replace(self.response, headers=headers)
        return self


def refused(code: str, detail: str, pointer: str | None = None, status: int = 422) -> Refused:
    return Refused(status, Problem(code, detail, pointer))


def detail_of(answer: Response) -> str:
    """The first sentence of a refusal."""
    errors = as_list(answer.body.get("errors")) or []
    first = as_object(errors[0]) if errors else None
    return str(first["detail"]) if first is not None else f"refused with status {answer.status}"
