"""Where a connection's recordings are stored: a bucket of the customer's own."""

import re
from dataclasses import dataclass

import msgspec

from callbridge.carrier.api.operation import AccountOperation, CarrierMeans
from callbridge.carrier.api.problems import refused
from callbridge.carrier.core.storage import Backend, S3Bucket, S3GenericBucket, Storage
from callbridge.carrier.shapes import JsonObject, is_url
from callbridge.carrier.store.recordings import StorageOfConnection
from callbridge.carrier.store.store import Page


def shown(stored: StorageOfConnection) -> JsonObject:
    configuration: JsonObject = msgspec.to_builtins(stored.storage)
    return {
        "record_type": "custom_storage_credentials",
        "connection_id": stored.connection_id,
        "data": {"backend": configuration["backend"], "configuration": configuration},
    }


def found(connection_id: str, means: CarrierMeans) -> StorageOfConnection:
    stored = means.store.recorded.storage.get(connection_id)
    if stored is None:
        detail = f"no storage credentials of {connection_id[:100]!r}"
        raise refused("10005", detail, status=404)
    return stored


@dataclass(frozen=True, kw_only=True)
class Credentials:
    backend: Backend
    configuration: JsonObject

    def storage(self) -> Storage:
        """Raises Refused for what is wrong inside of the configuration."""
        within = self.configuration["backend"]
        if within != self.backend:
            detail = f"this is a configuration of {str(within)[:20]!r}, not of {self.backend!r}"
            raise refused("10027", detail, "/configuration/backend")
        fields = {name: value for name, value in self.configuration.items() if value is not None}
        try:
            storage: Storage = msgspec.convert(fields, Storage)
        except msgspec.ValidationError as error:
            raise refused("10026", str(error), "/configuration") from None
        if isinstance(storage, S3Bucket | S3GenericBucket):
            _check_names(storage)
        return storage

    def kept_for(self, connection_id: str, means: CarrierMeans) -> JsonObject:
        if means.store.application(connection_id) is None:
            detail = f"no Call Control Application {connection_id[:100]!r}"
            raise refused("10005", detail, status=404)
        stored = StorageOfConnection(connection_id, self.storage())
        means.store.recorded.storage.keep(connection_id, stored)
        return shown(stored)


def _check_names(storage: S3Bucket | S3GenericBucket) -> None:
    """They become parts of an address."""
    for name, value in (("bucket", storage.bucket), ("region", storage.region)):
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,62}", value):
            detail = f"a {name} is made of small letters, digits, dots and hyphens"
            raise refused("10027", detail, f"/configuration/{name}")
    if isinstance(storage, S3GenericBucket) and not is_url(storage.endpoint, ("http", "https")):
        raise refused("10003", "an endpoint is a URL with http(s)", "/configuration/endpoint")


@dataclass(frozen=True, kw_only=True)
class CreateCredentials(
    Credentials, AccountOperation, operation_id="custom_storage_credentials.create"
):
    connection_id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return self.kept_for(self.connection_id, means)


@dataclass(frozen=True, kw_only=True)
class UpdateCredentials(
    Credentials, AccountOperation, operation_id="custom_storage_credentials.update"
):
    connection_id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        found(self.connection_id, means)
        return self.kept_for(self.connection_id, means)


@dataclass(frozen=True, kw_only=True)
class RetrieveCredentials(AccountOperation, operation_id="custom_storage_credentials.retrieve"):
    connection_id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return shown(found(self.connection_id, means))


@dataclass(frozen=True, kw_only=True)
class DeleteCredentials(AccountOperation, operation_id="custom_storage_credentials.delete"):
    connection_id: str

    def act(self, means: CarrierMeans) -> None:
        found(self.connection_id, means)
        means.store.recorded.storage.drop(self.connection_id)


# ---- the collection, which the documents only name ----------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CreateCredentialsInCollection(
    CreateCredentials, operation_id="custom_storage_credentials.create_collection"
):
    """The same, with the connection in the body."""


@dataclass(frozen=True, kw_only=True)
class ListCredentials(AccountOperation, operation_id="custom_storage_credentials.list"):
    def act(self, means: CarrierMeans) -> Page:
        stored, total = means.store.recorded.storage.find({})
        return Page([shown(each) for each in stored], 1, max(total, 1), total)
