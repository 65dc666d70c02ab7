"""Call Control Applications: where the webhooks of whose calls go."""

from dataclasses import dataclass, field, fields

import msgspec

from callbridge.carrier.api.operation import AccountOperation, CarrierMeans
from callbridge.carrier.api.problems import refused
from callbridge.carrier.facts import documented
from callbridge.carrier.shapes import JsonObject, as_object
from callbridge.carrier.store.store import Application, Page, page_of

TYPE = "CallControlApplication"
OF_ITS_OWN = (
    "id",
    "application_name",
    "created_at",
    "updated_at",
    "webhook_event_url",
    "webhook_event_failover_url",
)


def shown(application: Application) -> JsonObject:
    """As the platform shows it: every field of its type, with its default where none was given."""
    properties = documented.types()[TYPE].properties
    fields = {name: parameter.default for name, parameter in properties.items()}
    fields["webhook_api_version"] = "2"  # what is sent; the documented default would be "1"
    own = {name: getattr(application, name) for name in OF_ITS_OWN}
    return fields | application.settings | own


def found(id: str, means: CarrierMeans) -> Application:
    application = means.store.application(id)
    if application is None:
        raise refused("10005", f"no Call Control Application {id[:100]!r}", status=404)
    return application


@dataclass(frozen=True, kw_only=True)
class Described:
    """What an application is made of; a field that was not given keeps its value. A change may
    name one field alone, though the SDK asks for the name and the URL each time."""

    application_name: str | None = None
    webhook_event_url: str | None = None
    webhook_event_failover_url: str | None = None
    active: bool | None = None
    anchorsite_override: str | None = None
    call_cost_in_webhooks: bool | None = None
    dtmf_type: str | None = None
    first_command_timeout: bool | None = None
    first_command_timeout_secs: int | None = None
    inbound: JsonObject | None = None
    outbound: JsonObject | None = None
    redact_dtmf_debug_logging: bool | None = None
    siprec_tokens: list[str] | None = None
    tags: list[str] | None = None
    webhook_api_version: str | None = None
    webhook_timeout_secs: int | None = None

    def applied_to(self, before: Application, now: str) -> Application:
        given = {each.name: getattr(self, each.name) for each in fields(Described)}
        given = {name: value for name, value in given.items() if value is not None}
        own = {name: given.pop(name) for name in OF_ITS_OWN if name in given}
        settings = before.settings | given
        return msgspec.structs.replace(before, **own, settings=settings, updated_at=now)


@dataclass(frozen=True, kw_only=True)
class CreateApplication(
    Described, AccountOperation, operation_id="call_control_applications.create"
):
    def act(self, means: CarrierMeans) -> JsonObject:
        now = means.exchange.timestamp()
        id = "2" + means.exchange.new_id("0123456789", 18)
        blank = Application(id=id, application_name="", webhook_event_url=None, created_at=now)
        application = self.applied_to(blank, now)
        means.store.keep_application(application)
        return shown(application)


@dataclass(frozen=True, kw_only=True)
class UpdateApplication(
    Described, AccountOperation, operation_id="call_control_applications.update"
):
    id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        application = self.applied_to(found(self.id, means), means.exchange.timestamp())
        means.store.keep_application(application)
        return shown(application)


@dataclass(frozen=True, kw_only=True)
class RetrieveApplication(AccountOperation, operation_id="call_control_applications.retrieve"):
    id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return shown(found(self.id, means))


@dataclass(frozen=True, kw_only=True)
class DeleteApplication(AccountOperation, operation_id="call_control_applications.delete"):
    id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        application = found(self.id, means)
        if self.id == means.exchange.config.connection_id:
            raise refused("10015", "this carrier was started with this application")
        means.store.drop_application(self.id)
        return shown(application)


@dataclass(frozen=True, kw_only=True)
class ListApplications(AccountOperation, operation_id="call_control_applications.list"):
    filter: JsonObject = field(default_factory=dict[str, object])
    page_number: int = 1
    page_size: int = 20
    sort: str = "created_at"

    def act(self, means: CarrierMeans) -> Page:
        part = self._part_of_name().casefold()
        kept = means.store.applications()
        applications = [shown(each) for each in kept if part in each.application_name.casefold()]
        name = "application_name" if self.sort == "connection_name" else self.sort
        applications.sort(key=lambda each: str(each[name]))
        return page_of(applications, number=self.page_number, size=self.page_size)

    def _part_of_name(self) -> str:
        """Raises Refused for any other filter."""
        wanted = as_object(self.filter.get("application_name", {})) or {}
        if self.filter.keys() - {"application_name"} or wanted.keys() - {"contains"}:
            detail = "this local carrier filters applications by application_name[contains]"
            raise refused("10031", detail, "/filter", status=400)
        return str(wanted.get("contains", ""))
