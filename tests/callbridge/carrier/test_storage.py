"""What is refused of a customer's own storage."""

from typing import Any

import pytest

from tests.callbridge.carrier.line import Line, codes

S3 = {
    "backend": "s3",
    "aws_access_key_id": "id",
    "aws_secret_access_key": "secret",
    "bucket": "mine",
    "region": "eu-1",
}
GENERIC = S3 | {"backend": "s3-generic", "endpoint": "https://s3.example.com"}
PATH = "/v2/custom_storage_credentials"


def own(line: Line) -> str:
    return f"{PATH}/{line.config.connection_id}"


@pytest.mark.parametrize(
    ("backend", "configuration", "code", "pointer"),
    [
        (None, S3, "10004", "/backend"),
        ("s3", None, "10004", "/configuration"),
        ("ftp", S3, "10032", "/backend"),
        ("gcs", S3, "10027", "/configuration/backend"),
        ("s3", "mine", "10026", "/configuration"),
        ("s3", S3 | {"backend": "ftp"}, "10032", "/configuration/backend"),
        ("s3", S3 | {"backend": 5}, "10026", "/configuration/backend"),
        ("s3", S3 | {"backend": None}, "10004", "/configuration/backend"),
        ("s3", S3 | {"bucket": 5}, "10026", "/configuration/bucket"),
        ("s3", S3 | {"region": None}, "10004", "/configuration/region"),
        ("s3", S3 | {"bucket": "a/../b"}, "10027", "/configuration/bucket"),
        ("s3", S3 | {"region": "x@evil.example/"}, "10027", "/configuration/region"),
        ("s3-generic", GENERIC | {"endpoint": ""}, "10003", "/configuration/endpoint"),
        ("s3-generic", GENERIC | {"endpoint": "file:///etc"}, "10003", "/configuration/endpoint"),
    ],
)
def test_bad_credentials(backend: Any, configuration: Any, code: str, pointer: str) -> None:
    line = Line()
    body = {"backend": backend, "configuration": configuration}
    response = line.request("POST", own(line), body)
    assert (response.status, codes(response)) == (422, [(code, pointer)])
    assert "secret" not in str(response.body)
    assert line.request("GET", own(line)).status == 404


@pytest.mark.parametrize(
    ("backend", "configuration"),
    [
        ("s3", S3),
        ("s3-generic", GENERIC),
        ("gcs", {"backend": "gcs"}),
        ("azure", {"backend": "azure", "bucket": "b"}),
    ],
)
def test_credentials_of_every_backend_are_kept(backend: str, configuration: Any) -> None:
    line = Line()
    body = {"backend": backend, "configuration": configuration}
    assert line.request("POST", own(line), body).status == 200
    kept: Any = line.request("GET", own(line)).body
    assert kept["data"]["configuration"].items() >= configuration.items()


def test_only_a_connection_that_there_is_can_have_storage() -> None:
    line = Line()
    body: dict[str, Any] = {"backend": "s3", "configuration": S3}
    assert line.request("POST", f"{PATH}/1", body).status == 404
    assert line.request("POST", PATH, body | {"connection_id": "1"}).status == 404
    assert codes(line.request("POST", PATH, body)) == [("10004", "/connection_id")]
    empty: dict[str, Any] = {"connection_id": "1", "backend": "s3", "configuration": {}}
    assert ("10004", "/configuration/backend") in codes(line.request("POST", PATH, empty))
    assert line.request("PUT", own(line), body).status == 404
    assert line.request("DELETE", own(line)).status == 404
    assert line.request("GET", PATH).body["data"] == []
