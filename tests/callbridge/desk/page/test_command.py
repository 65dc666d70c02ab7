"""`callbridge desk`, as it is typed."""

import io
import re
import sys

import pytest

from callbridge.desk.page import users
from tests.callbridge.desk.conftest import Terminal

LINE = re.compile(r"ann supervisor scrypt:32768:8:3:[\w-]{22}:[\w-]{43} \+13125550199\n")


def types(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_password_becomes_a_line_that_can_be_read(
    without_account: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, "correct horse battery\n")
    printed = without_account("desk", "password", "ann", "--number", "+13125550199")
    assert printed.code == 0
    assert LINE.fullmatch(printed.out)
    assert len(users.users_of(printed.out, "file")) == 1


@pytest.mark.parametrize(
    ("args", "secret", "why"),
    [
        (("ann",), "short", "a password has 10 characters or more"),
        (("ann",), "x" * 300, "256 characters at most"),
        (("a b",), "correct horse battery", "a name is of letters"),
        (("ann", "--number", "12"), "correct horse battery", "a number is like"),
    ],
)
def test_what_is_no_user_is_a_sentence(
    without_account: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    secret: str,
    why: str,
) -> None:
    types(monkeypatch, f"{secret}\n")
    printed = without_account("desk", "password", *args)
    assert printed.code == 2
    assert why in printed.err
    assert not printed.out


def test_without_an_account_it_says_what_is_missing(without_account: Terminal) -> None:
    printed = without_account("desk")
    assert printed.code == 2
    assert "TELNYX_API_KEY is missing" in printed.err


@pytest.mark.parametrize(
    ("args", "setting", "why"),
    [
        (("--host", "0.0.0.0"), None, "without TLS"),
        ((), ("CALLBRIDGE_DESK_URL", "https://desk.example.com"), "without passwords"),
        ((), ("CALLBRIDGE_DESK_USERS", "nowhere.users"), "cannot read nowhere.users"),
        ((), ("CALLBRIDGE_DESK_NUMBER", "12"), "CALLBRIDGE_DESK_NUMBER must be like"),
        ((), ("CALLBRIDGE_DESK_USER", "a"), "did you mean CALLBRIDGE_DESK_USERS?"),
        (("--ssl-keyfile", "k"), None, "--ssl-keyfile needs --ssl-certfile"),
        ((), ("CALLBRIDGE_CONNECTION_ID", ""), "CALLBRIDGE_CONNECTION_ID is missing"),
    ],
)
def test_it_does_not_start_where_something_is_wrong(
    typed: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    setting: tuple[str, str] | None,
    why: str,
) -> None:
    if setting is not None:
        monkeypatch.setenv(*setting)
    printed = typed("desk", *args)
    assert printed.code == 2
    assert why in printed.err, printed.err
