"""Minted tokens: only ours, unchanged, are read; none is seen in a log."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.sockets import tokens

SECRET = b"a secret of this process"


def test_a_minted_token_is_read() -> None:
    token = tokens.mint("4f2a", 1_800_000_090.7, SECRET)
    assert tokens.read(token, SECRET) == ("4f2a", 1_800_000_090.0)


def test_a_token_needs_no_quoting_in_a_url() -> None:
    for number in range(200):
        token = tokens.mint(f"{number:x}", number, SECRET)
        assert set(token) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
        )


def test_another_secret_reads_nothing() -> None:
    assert tokens.read(tokens.mint("4f2a", 90, SECRET), b"another secret") is None


def test_no_character_can_be_changed() -> None:
    token = tokens.mint("4f2a", 1_800_000_090, SECRET)
    for at in range(len(token)):
        for other in "0a.-":
            if token[at] != other:
                assert tokens.read(token[:at] + other + token[at + 1 :], SECRET) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "4f2a.90",
        "4f2a.90.",
        ".90.x",
        "4f2a.-1.x",
        "4f2a.١٢.x",
        "4f2a." + "9" * 400 + ".x",
        "\ud800.90.x".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
def test_what_is_no_token_is_none(token: str) -> None:
    assert tokens.read(token, SECRET) is None


@given(st.text(max_size=60))
def test_nothing_else_is_a_token_and_nothing_raises(text: str) -> None:
    assert tokens.read(text, SECRET) is None


def test_the_signature_has_192_bits() -> None:
    signature = tokens.mint("4f2a", 90, SECRET).rpartition(".")[2]
    assert len(signature) == len(urlsafe_b64encode(bytes(24)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("wss://host/media?token=4f2a.90.abc", "wss://host/media?token=***"),
        ("wss://host/media?a=1&token=4f2a.90.abc&b=2", "wss://host/media?a=1&token=***"),
        ("< X-Telnyx-Streaming-Auth-Token: 4f2a.90.abc", "< X-Telnyx-Streaming-Auth-Token: ***"),
        (
            '{"connected":{"x-telnyx-streaming-auth-token":"4f2a.90.abc"}}',
            '{"connected":{"x-telnyx-streaming-auth-token":"***',
        ),
        ("no x-telnyx-streaming-auth-token", "no x-telnyx-streaming-auth-token"),
        ("/media", "/media"),
        ("", ""),
    ],
)
def test_nothing_of_a_token_is_shown(text: str, shown: str) -> None:
    assert tokens.masked(text) == shown
