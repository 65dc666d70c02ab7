"""The carrier's own document: it names all that is here, what it calls right is taken, what it
calls wrong is refused, and answers are as it says."""

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
from tests.callbridge.carrier.line import SELF, Line, codes, mark
from tests.callbridge.carrier.live import carrier
from tests.callbridge.carrier.schemas import Judge, Schema, Values, beyond

ROUNDS = 8  # requests to each operation
# Codes of a wrong URL, length, type, value and range.
BY_DOCUMENT = {"10003", "10025", "10026", "10032", "10033"}
NAMES = {
    "to": "+13125550199",
    "from": "+13125550100",
    "phone_number": "+13125550199",
    "sip_address": "sip:bob@example.com",
    "queue_name": "support",
}

DOCUMENT: Schema = document()
JUDGE = Judge(DOCUMENT)
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
    described = [each["operationId"] for _, _, each in ALL]
    assert sorted(described) == sorted(each.operation_id for each in (*OPERATIONS, *OTHER_PRODUCTS))


def test_every_type_that_it_names_is_in_it() -> None:
    assert set(_references(DOCUMENT)) == {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses")
        for name in DOCUMENT["components"][kind]
    }


def _references(value: object) -> Iterator[str]:
    fields = as_object(value) or {}
    if "$ref" in fields:
        yield str(fields["$ref"])
    for each in (*fields.values(), *(as_list(value) or ())):
        yield from _references(each)


def test_it_says_what_is_refused_here_and_what_is_taken_without_effect() -> None:
    fields = body_of(DOCUMENT["paths"]["/calls"]["post"])["properties"]
    assert fields["deepfake_detection"]["enum"] == [{"enabled": False}]
    assert "no detector" in fields["deepfake_detection"]["description"]
    assert "on this machine" in fields["sip_region"]["description"]


def body_of(described: Schema) -> Schema:
    """An empty one for an operation that takes none."""
    content = described.get("requestBody", {}).get("content", {})
    schema: Schema = content.get("application/json", {}).get("schema", {"type": "object"})
    return schema


def answer_of(described: Schema, status: int) -> Schema:
    """A status that is not described is a KeyError."""
    answer = described["responses"][str(status)]
    if "$ref" in answer:
        answer = DOCUMENT["components"]["responses"][str(status)]
    schema: Schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


class Walk:
    """Requests by the document to a carrier on which something goes on, in any order."""

    def __init__(self, wrong: float) -> None:
        self._rng = random.Random(11)
        self._values = Values(DOCUMENT, self._rng, wrong)
        self.line = Line(speaks=True, converses=True)
        self.statuses: Counter[int] = Counter()

    def asked(self) -> Iterator[tuple[Schema, Any, Response]]:
        """The operation, the body and the answer, which is as the document says."""
        for path, method, described in self._rng.sample(ALL * ROUNDS, len(ALL) * ROUNDS):
            body, response = self.ask(path, method, described)
            self.statuses[response.status] += 1
            schema = answer_of(described, response.status)
            faults = list(JUDGE.faults(schema, response.body))
            assert not faults, (described["operationId"], faults)
            yield described, body, response

    def ask(
        self, path: str, method: str, described: Schema, **fields: Any
    ) -> tuple[Schema, Response]:
        """With a body of its schema, and these fields in it."""
        there_is = self._there_is(path)
        body = _fitted(self._values.of(body_of(described)), there_is) | fields
        response = self.line.request(method.upper(), _filled(path, there_is), body)
        self.line.tick()
        return body, response

    def _there_is(self, path: str) -> dict[str, str]:
        """What a path or a body may name, where that is easily made."""
        line, call = self.line, self._call()
        names = NAMES | {"call_control_id": call, "connection_id": line.config.connection_id}
        if "/conferences/" in path:
            host = self._call()
            made: Any = line.request(
                "POST", "/v2/conferences", {"call_control_id": host, "name": host}
            ).body
            names["id"] = names["conference_id"] = made["data"]["id"] if "data" in made else "1684"
        elif "/queues/" in path:
            line.command(call, "enqueue", queue_name="support")
        elif "/call_control_applications/" in path:
            body = {"application_name": "a", "webhook_event_url": "http://app/"}
            made = line.request("POST", "/v2/call_control_applications", body).body
            names["id"] = made["data"]["id"]
        return names

    def _call(self) -> str:
        """Answered, most of the time."""
        call = self.line.ring()
        if self._rng.random() < 0.8:
            self.line.command(call, "answer")
        return call

    def assert_alive(self) -> None:
        """It answers, and its audio goes on."""
        assert self.line.request("GET", "/v2/queues").status == 200
        self.line.frames.clear()
        self.line.streaming(params=SELF)
        self.line.send(mark("still here"))
        assert self.line.marks() == ["still here"]


def _filled(path: str, names: dict[str, str]) -> str:
    parts = {name: quote(names.get(name, "1684"), safe="") for name in re.findall(r"{(\w+)}", path)}
    return f"/v2{path.format_map(parts)}"


def _fitted(body: Schema, names: dict[str, str]) -> Schema:
    """A text that names something names what there is."""
    return {
        name: names.get(name, value) if isinstance(value, str) else value
        for name, value in body.items()
    }


def _overlap(place: str, other: str) -> bool:
    """One is in the other: of several kinds of a value it may be said what is wrong for one."""
    return place.startswith(other) or other.startswith(place)


def test_what_it_calls_right_is_not_refused_for_its_type_or_range() -> None:
    walk = Walk(wrong=0.0)
    for described, body, response in walk.asked():
        assert not list(JUDGE.faults(body_of(described), body)), body
        if response.status >= 400:
            said = {code for code, _ in codes(response)}
            assert not said & BY_DOCUMENT, (described["operationId"], body, response.body)
    walk.assert_alive()
    assert walk.statuses[200] > walk.statuses.total() / 3


def test_what_it_calls_wrong_is_refused_with_its_place() -> None:
    walk = Walk(wrong=0.15)
    faulty = 0
    for described, body, response in walk.asked():
        if places := {fault.partition(" ")[0] for fault in JUDGE.faults(body_of(described), body)}:
            faulty += 1
            assert response.status >= 400, (described["operationId"], body)
            if response.status == 422:
                said = [pointer for _, pointer in codes(response) if pointer is not None]
                for told in said:  # at once, or one hides the other
                    assert any(_overlap(place, told) for place in places), (told, places)
                assert said, response.body
    walk.assert_alive()
    assert faulty > len(ALL)


def test_every_limit_that_it_names_is_kept() -> None:
    walk = Walk(wrong=0.0)
    limits = 0
    for path, method, described in ALL:
        for name, schema in body_of(described).get("properties", {}).items():
            for value in beyond(schema):
                limits += 1
                _, response = walk.ask(path, method, described, **{name: value})
                assert [pointer for _, pointer in codes(response)] == [f"/{name}"], response.body
    assert limits > len(ALL)
