"""The REST API: one request in, one answer out. What all operations have in common is done here
once: the key, the path, the checks, the state of the leg, repeated commands and the envelope."""

import hmac
from collections.abc import Iterable
from functools import cache
from urllib.parse import parse_qsl, unquote

import msgspec

from callbridge.carrier.api import unsupported
from callbridge.carrier.api.asked import AskedRequests
from callbridge.carrier.api.checks import check, known, with_numbers
from callbridge.carrier.api.limits import RateLimit
from callbridge.carrier.api.operation import (
    AccountOperation,
    CarrierMeans,
    LegCommand,
    Operation,
)
from callbridge.carrier.api.operations import OPERATIONS, OTHER_PRODUCTS
from callbridge.carrier.api.problems import Refused, Response, refused
from callbridge.carrier.api.repeats import Repeats, repeat_key
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.facts import documented
from callbridge.carrier.facts.documented import DocumentedEndpoint
from callbridge.carrier.shapes import JsonObject, as_list, as_object
from callbridge.carrier.store.store import Page

OK: JsonObject = {"result": "ok"}
MAX_BODY = 250_000  # bytes: what is read holds the audio of all calls up
MAX_DEPTH = 50  # objects and lists in each other; answers are written by recursion

Ids = dict[str, str]  # the names in a path and what stands for them


class RestApi:
    def __init__(self, means: CarrierMeans) -> None:
        self._means = means
        self._exchange = means.exchange
        self._api_key = means.exchange.config.api_key
        self._repeats = Repeats(means.exchange.config.dedup_s)
        self._rate = RateLimit(means.exchange.config.requests_per_s)
        self.asked = AskedRequests()

    def request(self, method: str, target: str, body: bytes, authorization: str | None) -> Response:
        """`target` is the path with its query, as the request has it: percent-encoded. Never raises
        for what a client sends."""
        path, _, query = target.partition("?")
        answer = self._answer(method, path, query, body, authorization)
        self.asked.add(self._exchange.now, method, path, answer)
        return answer

    def _answer(
        self, method: str, path: str, query: str, body: bytes, authorization: str | None
    ) -> Response:
        try:
            self._authorise(authorization)
            self._rate.check(self._exchange.now)
            operation, ids = find(method, path)
            values = _not_too_deep(_query(operation, query) | _json(body))
            if issubclass(operation, LegCommand):
                return Response(200, {"data": self._command(operation, ids, values)})
            assert issubclass(operation, AccountOperation)
            return enveloped(operation, self._account(operation, ids, values))
        except Refused as refusal:
            return refusal.response

    def _authorise(self, authorization: str | None) -> None:
        expected = f"Bearer {self._api_key}".encode()
        given = (authorization or "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected):
            raise refused("10009", "send the carrier's API key as a bearer token", status=401)

    def _command(self, operation: type[LegCommand], ids: Ids, values: JsonObject) -> JsonObject:
        call = ids["call_control_id"]
        leg = self._exchange.find(call)
        if leg is None:
            raise refused("90015", f"no call {call[:100]!r}", "/call_control_id")
        key = repeat_key(call, operation.operation_id, values)
        if (repeated := self._repeats.answer(key, self._exchange.now)) is not None:
            return repeated
        action = operation.facts().action
        try:
            command = operation.read(_checked(operation, values))
            _check_state(leg, operation)
            answer = OK | (self._act(command, leg) or {})
        except Refused as refusal:
            self._exchange.note(leg, "command refused", action=action, why=str(refusal))
            raise
        self._exchange.command(leg, action, command.not_simulated(), command.given)
        self._repeats.keep(key, answer, self._exchange.now)
        return answer

    def _act(self, command: LegCommand, leg: CarrierLeg) -> JsonObject | None:
        """With what a command says of webhooks, unless it is refused."""
        before = leg.client_state, leg.routing
        leg.client_state = command.client_state or leg.client_state
        leg.routing = command.routing_of_leg(leg.routing, self._means)
        try:
            with leg.rerouting(command.rerouted(leg.routing)):
                return command.act(leg, self._means)
        except Refused:
            leg.client_state, leg.routing = before
            raise

    def _account(
        self, operation: type[AccountOperation], ids: Ids, values: JsonObject
    ) -> JsonObject | Page | None:
        key = repeat_key("/".join(ids.values()) or "account", operation.operation_id, values)
        if (repeated := self._repeats.answer(key, self._exchange.now)) is not None:
            return repeated
        answer = operation.read(_checked(operation, values) | ids).act(self._means)
        if isinstance(answer, dict):
            self._repeats.keep(key, answer, self._exchange.now)
        return answer


def find(method: str, path: str) -> tuple[type[Operation], Ids]:
    """The operation of a path, and what stands for the names in it. Raises Refused."""
    given = [unquote(part) for part in path.strip("/").split("/")]
    if not all(map(str.isprintable, given)):  # no id has such characters
        raise refused("10005", f"{method} {path[:200]} {unsupported.NOT_HERE}", status=404)
    others: set[str] = set()
    for template, operation in _templates():
        ids = _ids(template, given)
        if ids is None:
            continue
        if operation.facts().method == method:
            return operation, ids
        others.add(operation.facts().method)
    if others:
        allowed = sorted(others)
        refusal = refused("10030", f"use {' or '.join(allowed)}", status=405)
        raise refusal.with_headers({"Allow": ", ".join(allowed)})
    detail = f"{method} {path[:200]} {unsupported.NOT_HERE}"
    for template, endpoint in _templates_refused():
        if endpoint.method == method and _ids(template, given) is not None:
            detail += f": {unsupported.why_refused(endpoint.id)}"
            break
    raise refused("10005", detail, status=404)


@cache
def _templates() -> list[tuple[list[str], type[Operation]]]:
    return [(_parts(each.facts()), each) for each in (*OPERATIONS, *OTHER_PRODUCTS)]


@cache
def _templates_refused() -> list[tuple[list[str], DocumentedEndpoint]]:
    here = {each.operation_id for each in OPERATIONS}
    return [(_parts(each), each) for id, each in documented.endpoints().items() if id not in here]


def _parts(endpoint: DocumentedEndpoint) -> list[str]:
    return ["v2", *endpoint.path.strip("/").split("/")]


def _ids(template: list[str], given: list[str]) -> Ids | None:
    if len(template) != len(given):
        return None
    ids: Ids = {}
    for name, part in zip(template, given, strict=True):
        if name.startswith("{"):
            ids[name[1:-1]] = part
        elif name != part:
            return None
    return ids


def enveloped(operation: type[AccountOperation], answer: JsonObject | Page | None) -> Response:
    facts = operation.facts()
    if isinstance(answer, Page):
        meta: JsonObject = {
            "page_number": answer.number,
            "page_size": answer.size,
            "total_pages": -(-answer.total // answer.size),
            "total_results": answer.total,
        }
        if "cursors" in facts.meta:  # documented in place of pages, which the SDK asks for
            meta |= {"total_items": answer.total, "cursors": {}, "next": "", "previous": ""}
        return Response(facts.status, {"data": answer.items, "meta": meta})
    if facts.envelope == "bare":
        return Response(facts.status, answer or {})
    return Response(facts.status, {} if answer is None else {"data": answer})


# ---- what a request brings ----------------------------------------------------------------------


def _json(body: bytes) -> JsonObject:
    """An empty body is an empty object: clients leave it out where nothing is to be said."""
    if len(body) > MAX_BODY:
        raise refused("10015", f"a body of more than {MAX_BODY} bytes", status=400)
    try:
        values: object = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise refused("10015", f"the body is not JSON: {error}"[:300], status=400) from None
    found = as_object(values)
    if found is None:
        raise refused("10015", "the body is not a JSON object", status=400)
    return found


def _not_too_deep(values: JsonObject) -> JsonObject:
    """What was given. Raises Refused."""
    level: list[object] = [values]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return values
    detail = f"more than {MAX_DEPTH} objects and lists in each other"
    raise refused("10015", detail, status=400)


def _inside(value: object) -> Iterable[object]:
    if (fields := as_object(value)) is not None:
        return fields.values()
    return as_list(value) or ()


def _query(operation: type[Operation], query: str) -> JsonObject:
    """`a[b][c]=d` is an object in an object, but for names that the facts write with brackets."""
    values: JsonObject = {}
    parameters = operation.facts().query
    for name, text in parse_qsl(query, keep_blank_values=True):
        parameter = parameters.get(name)
        if parameter is not None:
            is_number = parameter.type == "integer" and text.isdecimal() and len(text) < 100
            values[name] = int(text) if is_number else text
            continue
        outer, *inner = name.replace("]", "").split("[")
        place = values
        for step in (outer, *inner[:-1]):
            deeper = as_object(place.setdefault(step, {}))
            if deeper is None:
                raise refused("10015", f"{name} is given twice", status=400)
            place = deeper
        if inner:
            place[inner[-1]] = text
    return values


def _checked(operation: type[Operation], values: JsonObject) -> JsonObject:
    values = with_numbers(operation.parameters(), values)
    problems = check(operation.facts(), values)
    given = known(operation.parameters(), values)
    problems = problems or unsupported.problems(operation, given)
    if problems:
        raise Refused(422, *problems)
    return given


def _check_state(leg: CarrierLeg, operation: type[LegCommand]) -> None:
    if leg.state is LegState.ENDED:
        raise refused("90018", "This call is no longer active and can't receive commands.")
    if leg.state in operation.allowed:
        return
    action = operation.facts().action
    if LegState.ANSWERED in operation.allowed:
        raise refused("90034", f"{action} needs an answered call")
    states = " or ".join(sorted(state.value for state in operation.allowed))
    raise refused("90102", f"{action} needs a call that is {states}: this one is {leg.state.value}")
