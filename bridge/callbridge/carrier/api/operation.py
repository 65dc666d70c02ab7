"""What the carrier can be asked: a class per operation. Its fields are the parameters that the
carrier acts on, `act` is what it does. The rest of an operation is in the facts."""

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar, TypeVar

import msgspec

from callbridge.carrier.api.limits import CallLimit
from callbridge.carrier.api.problems import Refused, refused
from callbridge.carrier.api.routing import Routed
from callbridge.carrier.conferences.conferences import Conferences
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.core.routing import Routing
from callbridge.carrier.facts import documented
from callbridge.carrier.facts.documented import DocumentedEndpoint, Parameter
from callbridge.carrier.parts.detections import CarrierDetections
from callbridge.carrier.parts.gather import CarrierGathers
from callbridge.carrier.parts.playback import CarrierPlaybacks
from callbridge.carrier.parts.queues import CallQueues
from callbridge.carrier.parts.recordings import CarrierRecordings
from callbridge.carrier.parts.relays import CarrierRelays
from callbridge.carrier.parts.speak import CarrierSpeech
from callbridge.carrier.parts.streams import CarrierStreams
from callbridge.carrier.parts.transcription import CarrierTranscriptions
from callbridge.carrier.shapes import JsonObject
from callbridge.carrier.store.store import Application, Page, Store

AnOperation = TypeVar("AnOperation", bound="Operation")

LIVE = frozenset({LegState.PARKED, LegState.RINGING, LegState.ANSWERED})
ANSWERED = frozenset({LegState.ANSWERED})
PARKED = frozenset({LegState.PARKED})


class CarrierMeans(msgspec.Struct, frozen=True):
    """What an operation acts with."""

    exchange: Exchange
    streams: CarrierStreams
    speech: CarrierSpeech
    relays: CarrierRelays
    conferences: Conferences
    queues: CallQueues
    recordings: CarrierRecordings
    store: Store
    calls: CallLimit
    playbacks: CarrierPlaybacks
    gathers: CarrierGathers
    transcriptions: CarrierTranscriptions
    detections: CarrierDetections

    def application(self, connection_id: str) -> Application:
        """The one that a request names in its `connection_id`. Raises Refused."""
        application = self.store.application(connection_id)
        if application is None:
            detail = "no Call Control Application of this carrier has that id"
            raise refused("10015", detail, "/connection_id")
        return application


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`operation_id` is its name in the facts; `given` are all documented parameters that a
    request brought."""

    operation_id: ClassVar[str]

    given: JsonObject = field(default_factory=dict[str, object])

    def __init_subclass__(cls, operation_id: str = "", **more: object) -> None:
        super().__init_subclass__(**more)
        if operation_id:
            cls.operation_id = operation_id

    @classmethod
    def facts(cls) -> DocumentedEndpoint:
        return documented.endpoint(cls.operation_id)

    @classmethod
    def parameters(cls) -> Mapping[str, Parameter]:
        facts = cls.facts()
        return facts.optional | facts.required | facts.query

    @classmethod
    def acts_on(cls) -> frozenset[str]:
        """Parameters that change what the carrier does."""
        return frozenset(on_the_wire(each.name) for each in fields(cls)) - {"given"}

    @classmethod
    def read(cls: type[AnOperation], values: JsonObject) -> AnOperation:
        """From values that were checked against the facts. Raises Refused for what is wrong inside
        of an object, where the facts are silent."""
        named = {in_python(name): value for name, value in values.items()} | {"given": values}
        try:
            return msgspec.convert(named, cls)
        except msgspec.ValidationError as error:
            raise _refusal(str(error)) from None

    def not_simulated(self) -> list[str]:
        """Documented parameters that were given and that this carrier does nothing about."""
        return sorted((self.given.keys() & self.parameters().keys()) - self.acts_on())


class AccountOperation(Operation):
    """Concerns no call that goes on."""

    def act(self, means: CarrierMeans) -> JsonObject | Page | None:
        """What is answered as `data`."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class LegCommand(Routed, Operation):
    """A command on one leg; `allowed` are the states in which the leg takes it."""

    allowed: ClassVar[frozenset[LegState]] = ANSWERED

    client_state: str | None = None
    command_id: str | None = None

    def __init_subclass__(
        cls, operation_id: str = "", allowed: frozenset[LegState] = ANSWERED, **more: object
    ) -> None:
        super().__init_subclass__(operation_id=operation_id, **more)
        cls.allowed = allowed

    def routing_of_leg(self, before: Routing, means: CarrierMeans) -> Routing:
        """Where the leg's webhooks go from now on."""
        return before

    def rerouted(self, before: Routing) -> Routing | None:
        """Where the webhooks go that this command causes on its leg, if not where all others do."""
        routing = self.routing(before)
        return routing if routing != before else None

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> JsonObject | None:
        """Returns what is answered besides the result. Raises Refused before anything has
        changed."""
        raise NotImplementedError


def _refusal(why: str) -> Refused:
    """Of msgspec's words, which end with a place such as `$.languages[0].language`."""
    detail, _, place = why.rstrip("`").partition(" - at `$")
    pointer = re.sub(r"[.\[]", "/", place.replace("]", "")) or None
    return refused("10004" if "missing required field" in detail else "10026", detail, pointer)


def in_python(name: str) -> str:
    """`from_` for `from`; `page_number` for `page[number]`."""
    plain = name.replace("[", "_").replace("]", "")
    return plain + "_" if keyword.iskeyword(plain) else plain


def on_the_wire(name: str) -> str:
    if name in ("page_number", "page_size"):
        return f"page[{name.removeprefix('page_')}]"
    return name.removesuffix("_")
