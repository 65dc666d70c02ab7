"""Telephone numbers: searched, ordered and looked up. All of them are made up."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from callbridge.carrier.api.calls import E164
from callbridge.carrier.api.operation import CarrierMeans
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.stubs import OtherProduct
from callbridge.carrier.shapes import JsonObject, as_object
from callbridge.carrier.store.other_products import OrderedNumber
from callbridge.carrier.store.store import Page, page_of

FEATURES = frozenset({"sms", "mms", "voice"})  # of every number here
AREA_CODE = "312"  # where none is asked for
# Filters that say where a number is: one of there is made up.
PLACES = {"locality": "location", "administrative_area": "state", "rate_center": "rate_center"}
SEARCHED_BY = {
    *PLACES,
    "national_destination_code",
    "features",
    "limit",
    "quickship",
    "country_code",
    "phone_number_type",
}


def _refuse_others(filter: JsonObject, known: set[str]) -> None:
    """Raises Refused for what would not be looked at."""
    if unknown := sorted(filter.keys() - known):
        detail = f"this local carrier filters numbers by {', '.join(sorted(known))}"
        raise refused("10031", detail, f"/filter/{unknown[0]}", status=400)


@dataclass(frozen=True, kw_only=True)
class SearchNumbers(OtherProduct, operation_id="available_phone_numbers.list"):
    """Of every area code there are the hundred numbers that the numbering plan keeps for fiction,
    555-0100 to 555-0199, but for those that somebody has."""

    filter: JsonObject = field(default_factory=dict[str, object])

    def answer(self, means: CarrierMeans) -> JsonObject:
        _refuse_others(self.filter, SEARCHED_BY)
        limit = str(self.filter.get("limit", 100))
        if not re.fullmatch(r"[1-9]\d{0,5}", limit):
            raise refused("10015", "filter[limit] is a number from 1 on", "/filter/limit")
        found = [self._shown(number) for number in self._free(means)][: int(limit)]
        meta: JsonObject = {"total_results": len(found), "best_effort_results": 0}
        return {"data": found, "meta": meta, "metadata": meta}

    def _free(self, means: CarrierMeans) -> Iterator[str]:
        if not self._exist():
            return
        area_code = self.filter.get("national_destination_code", AREA_CODE)
        for line in range(100):
            number = f"+1{area_code}55501{line:02}"
            taken = means.store.other_products.numbers.get(number) is not None
            if not taken and number not in means.exchange.config.numbers:
                yield number

    def _exist(self) -> bool:
        """Whether there are any of the kind."""
        area_code = str(self.filter.get("national_destination_code", AREA_CODE))
        return (
            self.filter.get("country_code", "US") == "US"
            and self.filter.get("phone_number_type", "local") == "local"
            and re.fullmatch(r"[2-9]\d\d", area_code) is not None
            and self._features() <= FEATURES
        )

    def _features(self) -> set[str]:
        """`sms,voice`, or a list in brackets."""
        wanted = self.filter.get("features", "")
        listed = as_object(wanted)
        texts = listed.values() if listed is not None else [wanted]
        return {name for text in texts for name in str(text).split(",") if name}

    def _shown(self, number: str) -> JsonObject:
        places = {"country_code": "US"} | {
            region: str(self.filter[name]) for name, region in PLACES.items() if name in self.filter
        }
        return {
            "record_type": "available_phone_number",
            "phone_number": number,
            "vanity_format": None,
            "best_effort": False,
            "quickship": True,
            "reservable": False,
            "features": [{"name": name} for name in sorted(FEATURES)],
            "region_information": [
                {"region_type": kind, "region_name": name} for kind, name in places.items()
            ],
            "cost_information": {
                "currency": "USD",
                "monthly_cost": "0.00",
                "upfront_cost": "0.00",
            },
        }


@dataclass(frozen=True, kw_only=True)
class OrderNumbers(OtherProduct, operation_id="number_orders.create"):
    """At once and for nothing: calls to the numbers come to the connection from now on."""

    phone_numbers: list[JsonObject]
    connection_id: str | None = None
    messaging_profile_id: str | None = None
    customer_reference: str | None = None

    def answer(self, means: CarrierMeans) -> JsonObject:
        if self.connection_id is not None:
            means.application(self.connection_id)
        now, new_id = means.exchange.timestamp(), means.exchange.new_uuid
        numbers = [self._wanted(each, means) for each in self.phone_numbers]
        ordered: list[JsonObject] = []
        for number in numbers:
            kept = OrderedNumber(
                id=new_id(),
                phone_number=number,
                created_at=now,
                connection_id=self.connection_id,
                messaging_profile_id=self.messaging_profile_id,
                customer_reference=self.customer_reference,
            )
            means.store.other_products.numbers.keep(number, kept)
            ordered.append(
                {
                    "record_type": "number_order_phone_number",
                    "id": kept.id,
                    "phone_number": number,
                    "phone_number_type": "local",
                    "status": "success",
                    "requirements_met": True,
                }
            )
        return {
            "record_type": "number_order",
            "id": new_id(),
            "status": "success",
            "phone_numbers_count": len(ordered),
            "phone_numbers": ordered,
            "requirements_met": True,
            "connection_id": self.connection_id,
            "messaging_profile_id": self.messaging_profile_id,
            "customer_reference": self.customer_reference,
            "created_at": now,
            "updated_at": now,
        }

    def _wanted(self, each: JsonObject, means: CarrierMeans) -> str:
        """Raises Refused for what is no number, or is the customer's already."""
        number = str(each.get("phone_number"))
        if not E164.fullmatch(number):
            raise refused("10016", "write a number as + and digits", "/phone_numbers")
        if means.store.other_products.numbers.get(number) is not None:
            raise refused("10015", f"{number} is yours already", "/phone_numbers")
        return number


def _shown(number: OrderedNumber, means: CarrierMeans, status: str = "active") -> JsonObject:
    application = means.store.application(number.connection_id or "")
    return {
        "record_type": "phone_number",
        "id": number.id,
        "phone_number": number.phone_number,
        "phone_number_type": "local",
        "country_iso_alpha2": "US",
        "status": status,
        "deletion_lock_enabled": False,
        "connection_id": number.connection_id,
        "connection_name": application.application_name if application is not None else None,
        "messaging_profile_id": number.messaging_profile_id,
        "customer_reference": number.customer_reference,
        "tags": [],
        "purchased_at": number.created_at,
        "created_at": number.created_at,
        "updated_at": number.created_at,
    }


def _found(id: str, means: CarrierMeans) -> OrderedNumber:
    """By its id, or by the number itself, as the platform's tutorials ask for it."""
    numbers = means.store.other_products.numbers
    by_id, _ = numbers.find({"id": id}, size=1)
    number = next(iter(by_id), None) or numbers.get(id)
    if number is None:
        raise refused("10005", f"no number {id[:100]!r} was ordered", status=404)
    return number


@dataclass(frozen=True, kw_only=True)
class RetrieveNumber(OtherProduct, operation_id="phone_numbers.retrieve"):
    id: str

    def answer(self, means: CarrierMeans) -> JsonObject:
        return _shown(_found(self.id, means), means)


@dataclass(frozen=True, kw_only=True)
class ListNumbers(OtherProduct, operation_id="phone_numbers.list"):
    filter: JsonObject = field(default_factory=dict[str, object])
    page_number: int = 1
    page_size: int = 20

    def answer(self, means: CarrierMeans) -> Page:
        _refuse_others(self.filter, {"phone_number", "connection_id"})
        wanted = {name: str(value) for name, value in self.filter.items()}
        part = wanted.pop("phone_number", "")
        ordered, _ = means.store.other_products.numbers.find(wanted)
        shown = [_shown(each, means) for each in ordered if part in each.phone_number]
        return page_of(shown, number=self.page_number, size=self.page_size)


@dataclass(frozen=True, kw_only=True)
class DeleteNumber(OtherProduct, operation_id="phone_numbers.delete"):
    id: str

    def answer(self, means: CarrierMeans) -> JsonObject:
        number = _found(self.id, means)
        means.store.other_products.numbers.drop(number.phone_number)
        return _shown(number, means, status="deleted")


@dataclass(frozen=True, kw_only=True)
class LookUpNumber(OtherProduct, operation_id="number_lookup.retrieve"):
    """What can be read off the number; who has it is not known."""

    phone_number: str

    def answer(self, means: CarrierMeans) -> JsonObject:
        number = self.phone_number
        if not E164.fullmatch(number):
            raise refused("10016", "write the number as + and digits", "/phone_number")
        american = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", number)
        return {
            "record_type": "number_lookup",
            "phone_number": number,
            "country_code": "US" if american else None,
            "national_format": "({}) {}-{}".format(*american.groups()) if american else None,
            "valid_number": True,
            "caller_name": None,
            "carrier": None,
            "portability": None,
        }
