"""The carrier's own document: it names all that is here, and what it calls right is taken."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from callbridge.carrier.api.openapi import document
from callbridge.carrier.api.operations import OPERATIONS, OTHER_PRODUCTS
from callbridge.carrier.api.problems import Response
from callbridge.carrier.shapes import as_list, as_object
from tests.callbridge.carrier.line import Line, codes
from tests.callbridge.carrier.live import carrier
from tests.callbridge.carrier.schemas import Values

REQUESTS = 800
BY_DOCUMENT = {"10025", "10026", "10032", "10033"}  # codes of a wrong length, type, value or range
NO_SCHEMA_SAYS = ("/webhook_retries_policies/",)  # pauses have a limit together

Described = dict[str, Any]
DOCUMENT: Described = document()
ALL = [
    (path, method, described)
    for path, methods in DOCUMENT["paths"].items()
    for method, described in methods.items()
]


async def test_everybody_may_read_it() -> None:
    async with carrier() as live:
        answer = await live.http.get("/openapi.json", headers={"authorization": ""})
    assert answer.status_code == 200
    assert answer.json() == DOCUMENT


def test_it_names_what_is_here_and_nothing_else() -> None:
    described = {each["operationId"] for _, _, each in ALL}
    assert described == {each.operation_id for each in (*OPERATIONS, *OTHER_PRODUCTS)}


def test_every_type_that_it_names_is_in_it() -> None:
    named = set(_references(DOCUMENT))
    assert named == set(DOCUMENT["components"]["schemas"])


def _references(value: object) -> Iterator[str]:
    fields = as_object(value) or {}
    if isinstance(name := fields.get("$ref"), str):
        yield name.rpartition("/")[2]
    for each in (*fields.values(), *(as_list(value) or ())):
        yield from _references(each)


class Walk:
    """Requests by the document, in any order, to a carrier on which something goes on."""

    def __init__(self, wrong: float) -> None:
        self._rng = random.Random(11)
        self._line = Line(speaks=True)
        self._wrong = wrong
        self.statuses: Counter[int] = Counter()

    def asked(self) -> Iterator[tuple[Described, bool, Response]]:
        """What was asked, whether it was wrong by the document, and the answer."""
        for path, method, described in self._rng.choices(ALL, k=REQUESTS):
            values = Values(DOCUMENT, self._rng, self._wrong)
            body: Any = None
            if "requestBody" in described:
                schema = described["requestBody"]["content"]["application/json"]["schema"]
                body = values.of(schema)
            response = self._line.request(method.upper(), self._filled(path), body)
            self._line.tick()
            self._end_all()
            self.statuses[response.status] += 1
            yield described, values.broken, response

    def _end_all(self) -> None:
        """The audio of hundreds of calls takes its time."""
        active = f"/v2/connections/{self._line.config.connection_id}/active_calls?page[size]=100"
        listed: Any = self._line.request("GET", active).body
        for each in listed["data"]:
            self._line.command(each["call_control_id"], "hangup")

    def _filled(self, path: str) -> str:
        """With what there is, in half of all cases."""
        line = self._line
        call = line.ring()
        if self._rng.random() < 0.8:
            line.command(call, "answer")
        ids = {"call_control_id": call, "connection_id": line.config.connection_id}
        if "/conferences/" in path:
            body = {"call_control_id": call, "name": call}
            made: Any = line.request("POST", "/v2/conferences", body).body.get("data")
            ids["id"] = made["id"] if made else "1684"
        names = re.findall(r"{(\w+)}", path)
        return path.format_map({name: quote(ids.get(name, "1684"), safe="") for name in names})


def test_what_it_calls_right_is_not_refused_for_its_type_or_range() -> None:
    walk = Walk(wrong=0.0)
    for described, _, response in walk.asked():
        assert str(response.status) in described["responses"], response
        if response.status >= 400:
            for code, pointer in codes(response):
                excused = (pointer or "").startswith(NO_SCHEMA_SAYS)
                asked = described["operationId"], response.body
                assert code not in BY_DOCUMENT or excused, asked
    assert walk.statuses[200] > REQUESTS / 4


def test_what_it_calls_wrong_is_refused() -> None:
    walk = Walk(wrong=0.2)
    for described, broken, response in walk.asked():
        assert str(response.status) in described["responses"], response
        if broken:
            assert response.status >= 400, (described["operationId"], response.body)
    assert walk.statuses[422] > REQUESTS / 4
