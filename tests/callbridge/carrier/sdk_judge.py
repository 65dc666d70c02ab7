"""The platform's official SDK as the judge of what the carrier answers and tells.

The SDK takes whatever comes: it builds its models without a look at them. Here the same models are
asked strictly, every type and every field that they require, and so are the facts."""

import typing
from collections import defaultdict
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

import httpx
import telnyx
from pydantic import BaseModel, ValidationError
from telnyx.types.conference_floor_changed import ConferenceFloorChanged
from telnyx.types.unwrap_webhook_event import UnwrapWebhookEvent

from callbridge.carrier.api import router
from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.operations import OPERATIONS
from callbridge.carrier.core.events import names_in
from callbridge.carrier.facts import documented
from callbridge.carrier.facts.documented import Parameter
from callbridge.carrier.shapes import JsonObject, as_list, as_object
from tests.callbridge.carrier.documents import check_event, wrong
from tests.callbridge.carrier.live import KEY, Live

T = TypeVar("T")
Complaints = dict[str, list[str]]
EITHER = {"media_name", "media_url"}  # a file has one of the two
ModelField = tuple[str, str]  # the name of a model of the SDK, and of a field of it


class Verdicts:
    """Of all walks. `answers` are complaints by the id of the operation, `events` by the type of
    the event: an empty list is one that came and was good. `broken` is what ended a walk early."""

    def __init__(self) -> None:
        self.broken: dict[str, Exception] = {}
        self.answers: Complaints = defaultdict(list)
        self.events: Complaints = defaultdict(list)
        self.answer_fields: dict[str, set[str]] = defaultdict(set)  # by operation
        self.without_value: set[ModelField] = set()  # of the models of answers, in all walks
        self._with_value: set[ModelField] = set()
        self.told: dict[str, set[str]] = defaultdict(set)  # fields with a value, by event

    def keep_fields(self, model: BaseModel) -> None:
        """Of an answer's model and of those in it."""
        kind = type(model)
        name = f"{kind.__module__.rpartition('.')[2]}.{kind.__qualname__}"
        for field in kind.model_fields:
            value = getattr(model, field)
            if value is not None:
                self._with_value.add((name, field))
            else:
                self.without_value.add((name, field))
            for inner in as_list(value) or (value,):
                if isinstance(inner, BaseModel):
                    self.keep_fields(inner)
        self.without_value -= self._with_value


class Judge:
    """A customer of one carrier, with the SDK, who looks closely."""

    def __init__(self, live: Live, verdicts: Verdicts) -> None:
        self._verdicts = verdicts
        self._last: httpx.Response | None = None
        # Plain http only: spares the time for certificates.
        http = httpx.AsyncClient(
            trust_env=False, verify=False, event_hooks={"response": [self._keep]}
        )
        self.sdk = telnyx.AsyncTelnyx(
            api_key=KEY,
            base_url=live.base_url,
            public_key=live.running.public_key,
            max_retries=0,
            http_client=http,
        )

    async def _keep(self, response: httpx.Response) -> None:
        await response.aread()
        self._last = response

    async def answered(self, asked: Awaitable[T]) -> T:
        """Judges the answer to a call of a method of the SDK."""
        self._last = None
        answer = await asked
        response = self._last
        assert response is not None
        request = response.request
        operation, _ = router.find(request.method, request.url.path)
        complaints = self._verdicts.answers[operation.operation_id]
        if response.status_code != operation.facts().status:
            complaints.append(f"answered with {response.status_code}")
        if isinstance(answer, BaseModel):
            model = strictly(type(answer), response.content, complaints)
            if model is not None and operation in OPERATIONS:  # stubs say little
                self._verdicts.keep_fields(model)
            complaints += undocumented(operation, response.json())
            for item in items(operation, response.json()):
                self._verdicts.answer_fields[operation.operation_id] |= item.keys()
        elif response.content:
            complaints.append(f"a body where the SDK expects none: {response.text}")
        return answer

    def unwrapped(self, body: bytes, headers: dict[str, str]) -> JsonObject:
        """What stands in `data` of a webhook. Raises ValueError for a bad signature."""
        event: BaseModel = self.sdk.webhooks.unwrap(body.decode(), headers=headers)
        whole: Any = httpx.Response(200, content=body).json()
        data: JsonObject = whole.get("data", whole)
        event_type = str(data["event_type"])
        complaints = self._verdicts.events[event_type]
        expected = model_of(event_type)
        if expected is not None:
            if type(event) is not expected:
                complaints.append(f"unwrapped as a {type(event).__name__}")
            strictly(expected, body, complaints)
        try:
            check_event(whole)
        except AssertionError as error:
            complaints.append(str(error))
        payload = as_object(data["payload"]) or {}
        repeated = set(documented.events().events[event_type].shared) - EITHER
        if missing := repeated - payload.keys():
            complaints.append(f"lacks {sorted(missing)}, which every event repeats")
        for name, value in payload.items():
            self._verdicts.told[event_type].update(with_value(value, name))
        return data


def strictly(model: type[BaseModel], body: bytes, complaints: list[str]) -> BaseModel | None:
    """What the body is if every type is right and all that is required is there."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        for each in error.errors():
            place = ".".join(str(step) for step in each["loc"])
            complaints.append(f"{model.__name__}, {place}: {each['msg']}")
        return None


def model_of(event_type: str) -> type[BaseModel] | None:
    """The SDK's model of an event; None for the two that it does not know."""
    if event_type == "conference.floor.changed":  # flat: its type does not stand in `data`
        return ConferenceFloorChanged
    models: tuple[type[BaseModel], ...] = typing.get_args(UnwrapWebhookEvent)
    for model in models:
        data = model.model_fields.get("data")
        for inner in typing.get_args(data.annotation) if data is not None else ():
            type_field = getattr(inner, "model_fields", {}).get("event_type")
            if type_field is not None and event_type in literals(type_field.annotation):
                return model
    return None


def literals(annotation: Any) -> Iterator[object]:
    """Of `Optional[Literal["a", "b"]]`."""
    for each in typing.get_args(annotation):
        yield from literals(each) if typing.get_args(each) else (each,)


def undocumented(operation: type[Operation], body: Any) -> Iterator[str]:
    """What is not as the facts have it, where they have the fields of an answer."""
    facts = operation.facts()
    if facts.envelope == "list":
        missing = set(facts.meta) - body["meta"].keys()
        if missing:
            yield f"meta lacks {sorted(missing)}"
    kind = model_in_facts(operation)
    for item in items(operation, body):
        missing = set(kind.required) - item.keys()
        if missing:
            yield f"lacks {sorted(missing)}"
        yield from wrong(kind, item, "data")


def model_in_facts(operation: type[Operation]) -> Parameter:
    """What stands in `data`, or in each item of it; anything where the facts do not say."""
    ref = operation.facts().data or operation.facts().item
    return documented.types()[ref] if ref is not None else Parameter(type="object")


def items(operation: type[Operation], body: Any) -> list[JsonObject]:
    """Of a list, or the one thing that is answered."""
    envelope = operation.facts().envelope
    if envelope == "list":
        return list(body["data"])
    return [body if envelope == "bare" else body["data"]]


# ---- fields of events, as paths: `recording_urls.mp3`, `messages[].role` ------------------------


def documented_fields(event_type: str) -> set[str]:
    facts = documented.events()
    parameters = facts.shared | facts.events[event_type].payload
    anything = Parameter(type="any")  # recorded, and in no table
    return {
        path
        for name in names_in(event_type)
        for path in _within(parameters.get(name, anything), name)
    }


def _within(parameter: Parameter, path: str) -> Iterator[str]:
    yield path
    for name, inner in parameter.properties.items():
        yield from _within(inner, f"{path}.{name}")
    if parameter.items is not None:
        yield from _within(parameter.items, f"{path}[]")


def with_value(value: object, path: str) -> Iterator[str]:
    """The path of a value and of all in it, but for nulls."""
    if value is None:
        return
    yield path
    for name, inner in (as_object(value) or {}).items():
        yield from with_value(inner, f"{path}.{name}")
    for item in as_list(value) or ():
        yield from with_value(item, f"{path}[]")
