"""Recordings into a customer's own storage: S3, and what speaks it.

Source: AWS Signature Version 4, "Signature Calculations for the Authorization Header"."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from callbridge.carrier.core.effects import RecordingFormat
from callbridge.carrier.core.storage import GcsBucket, S3Bucket, S3GenericBucket, Storage
from callbridge.errors import CallbridgeError

# The platform's words.
NOT_AUTHORISED = "Failed to authorize with storage using custom credentials"
BAD_JSON = "Invalid credentials json"
UNSUPPORTED = "Unsupported backend"
FAILED = "Internal server error"

TIMEOUT_S = 60.0
BLOCK = 1_000_000
TYPES: dict[RecordingFormat, str] = {"wav": "audio/wav", "mp3": "audio/mpeg"}


class NotStored(CallbridgeError):
    """`reason` is what the customer is told, in the platform's words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


async def upload(
    http: httpx.AsyncClient, storage: Storage, path: Path, name: str, format: RecordingFormat
) -> str:
    """Returns its address there. Raises NotStored, and OSError for a file that cannot be read."""
    match storage:
        case S3Bucket() | S3GenericBucket():
            await _put(http, storage, path, name, format)
            return f"s3://{storage.bucket}/{name}"
        case GcsBucket() if not _is_json(storage.credentials):
            raise NotStored(BAD_JSON, "the credentials of Google Cloud Storage are no JSON object")
        case _:
            kind = "Google Cloud Storage" if isinstance(storage, GcsBucket) else "Azure"
            raise NotStored(UNSUPPORTED, f"this local carrier cannot store on {kind}, only on S3")


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError):
        return False
    return True


async def _put(
    http: httpx.AsyncClient,
    storage: S3Bucket | S3GenericBucket,
    path: Path,
    name: str,
    format: RecordingFormat,
) -> None:
    url = f"{address(storage)}/{quote(name, safe='')}"
    digest, size = await asyncio.to_thread(_measured, path)
    now = datetime.now(UTC)
    headers = authorised(storage, "PUT", url, digest, now) | {
        "content-length": str(size),
        "content-type": TYPES[format],
    }
    try:
        answer = await http.put(url, content=_pieces(path), headers=headers, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotStored(FAILED, f"{url}: {error or type(error).__name__}") from None
    if answer.status_code in (401, 403):
        raise NotStored(NOT_AUTHORISED, f"{url} answers {answer.status_code}")
    if not answer.is_success:
        raise NotStored(FAILED, f"{url} answers {answer.status_code}")


def address(storage: S3Bucket | S3GenericBucket) -> str:
    """Of a bucket."""
    if isinstance(storage, S3GenericBucket):
        return f"{storage.endpoint.rstrip('/')}/{storage.bucket}"
    return f"https://{storage.bucket}.s3.{storage.region}.amazonaws.com"


def authorised(
    storage: S3Bucket | S3GenericBucket, method: str, url: str, digest: str, now: datetime
) -> dict[str, str]:
    """The headers of a request whose body has that SHA-256 (hexadecimal)."""
    at = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{at[:8]}/{storage.region}/s3/aws4_request"
    parts = urlsplit(url)
    headers = {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": at}
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    request = "\n".join([method, parts.path, parts.query, *lines, "", names, digest])
    hashed = hashlib.sha256(request.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashed])
    key = b"AWS4" + storage.aws_secret_access_key.encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{storage.aws_access_key_id}/{scope}"
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={names},Signature={signature}"
    )
    return headers | {"authorization": authorization}


def _measured(path: Path) -> tuple[str, int]:
    """SHA-256 in hexadecimal, and bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, BLOCK):
            yield piece
