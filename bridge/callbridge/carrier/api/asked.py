"""What was asked of the REST API last, and how it was answered: for those who watch."""

from collections import deque
from urllib.parse import unquote

import msgspec

from callbridge.carrier.api.problems import Response
from callbridge.carrier.shapes import JsonObject, as_list, as_object

KEPT = 1000  # requests; who watches looks four times a second
LONGEST = 200  # characters of a path


class AskedRequest(msgspec.Struct, frozen=True):
    """`at` in clock seconds; `call` is the call_control_id in its path, or empty."""

    at: float
    call: str
    detail: JsonObject


class AskedRequests:
    """The latest ones. `total` counts all that ever came."""

    def __init__(self) -> None:
        self.total = 0
        self._latest: deque[AskedRequest] = deque(maxlen=KEPT)

    def add(self, at: float, method: str, path: str, answer: Response) -> None:
        steps = path.split("/")
        call = unquote(steps[3]) if path.startswith("/v2/calls/") else ""
        detail: JsonObject = {"method": method, "path": path[:LONGEST], "status": answer.status}
        self._latest.append(AskedRequest(at, call, detail | _first_error(answer)))
        self.total += 1

    def after(self, total: int) -> list[AskedRequest]:
        """Those behind the first `total` that are still known."""
        new = min(self.total - total, len(self._latest))
        return list(self._latest)[-new:] if new else []


def _first_error(answer: Response) -> JsonObject:
    """Its code and detail; nothing of a success."""
    errors = as_list(answer.body.get("errors")) or []
    for error in filter(None, map(as_object, errors)):
        return {"code": error["code"], "why": error["detail"]}
    return {}
