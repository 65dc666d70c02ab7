"""Answers of the REST API: results and the platform's error envelope.

Source: the platform's error code page; statuses from its OpenAPI document."""

import msgspec

TITLES = {
    "10003": "Invalid URL",
    "10004": "Missing required parameter",
    "10005": "Resource not found",
    "10009": "Authentication failed",
    "10011": "Media encryption not supported for PSTN calls",
    "10015": "Bad Request",
    "10016": "Phone number must be in +E.164 format",
    "10025": "String length out of range",
    "10026": "Invalid parameter type",
    "10027": "Unprocessable Entity",
    "10030": "Method not allowed",
    "10032": "Invalid enumerated value",
    "10033": "Value outside of range",
    "90009": "Invalid value for loop",
    "90010": "Invalid value for payload",
    "90011": "Invalid value for payload_type",
    "90014": "Invalid value for digits",
    "90015": "Invalid Call Control ID",
    "90016": "Invalid value for stop",
    "90017": "Invalid value for client_state",
    "90018": "Call has already ended",
    "90027": "Invalid value for duration_millis",
    "90028": "Invalid value for timeout_secs",
    "90029": "Invalid value for time_limit_secs",
    "90030": "Invalid value for service_level",
    "90034": "Call not answered yet",
    "90045": "Media Streaming is used",
    "90046": "Media Streaming Failed",
    "90048": "Media Streaming is not used",
    "90057": "Invalid call control event type for webhook_urls",
    "90102": "Command is invalid",
}


class Problem(msgspec.Struct, frozen=True):
    """One entry of `errors`. `pointer` is a JSON pointer into the request's body."""

    code: str
    detail: str
    pointer: str | None = None
    title: str | None = None  # where a code has more than one

    def to_json(self) -> dict[str, object]:
        entry: dict[str, object] = {
            "code": self.code,
            "title": self.title or TITLES[self.code],
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
        self.response = Response(status, {"errors": [problem.to_json() for problem in problems]})


def refused(code: str, detail: str, pointer: str | None = None, status: int = 422) -> Refused:
    return Refused(status, Problem(code, detail, pointer))
