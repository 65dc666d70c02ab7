"""Where a customer wants their recordings: a bucket of their own. Secrets are in no repr."""

from typing import Literal

import msgspec

Backend = Literal["gcs", "s3", "s3-generic", "azure"]


class Bucket(msgspec.Struct, frozen=True, kw_only=True, tag_field="backend"):
    bucket: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bucket={self.bucket!r})"


class S3Bucket(Bucket, frozen=True, kw_only=True, tag="s3"):
    aws_access_key_id: str
    aws_secret_access_key: str
    region: str


class S3GenericBucket(Bucket, frozen=True, kw_only=True, tag="s3-generic"):
    """Of any service that speaks S3, at `endpoint`."""

    aws_access_key_id: str
    aws_secret_access_key: str
    region: str
    endpoint: str


class GcsBucket(Bucket, frozen=True, kw_only=True, tag="gcs"):
    credentials: str = ""  # JSON


class AzureBucket(Bucket, frozen=True, kw_only=True, tag="azure"):
    """A container."""

    account_key: str = ""
    account_name: str = ""


Storage = S3Bucket | S3GenericBucket | GcsBucket | AzureBucket
