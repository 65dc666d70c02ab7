"""What is said where an account is missing, wrong, or nobody answers."""

import pytest

from callbridge.serve.account import ENV_PREFIX, AccountSettings
from callbridge.serve.misspelt import misspelt
from callbridge.serve.settings import Settings
from tests.callbridge.desk.conftest import ANN, US, Terminal

COMMANDS = [("calls",), ("conference",), ("queue",), ("dial", ANN, "--from", US)]


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_key_it_says_where_to_get_one(
    command: tuple[str, ...], without_account: Terminal
) -> None:
    told = without_account(*command)
    assert told.code == 2
    assert "TELNYX_API_KEY is missing. From the portal" in told.err
    assert "run `callbridge carrier` in another terminal" in told.err


@pytest.mark.parametrize("command", [COMMANDS[0], COMMANDS[3]])
def test_a_carrier_that_does_not_run_is_to_be_started(
    command: tuple[str, ...], without_account: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELNYX_API_KEY", "local-key")
    monkeypatch.setenv("TELNYX_BASE_URL", "http://127.0.0.1:9/v2")
    monkeypatch.setenv("CALLBRIDGE_CONNECTION_ID", "1")
    told = without_account(*command)
    assert (told.code, told.out) == (2, "")
    (line,) = told.err.splitlines()
    assert (
        "no carrier answers at http://127.0.0.1:9/v2: start one with `callbridge carrier`" in line
    )


def test_a_key_of_another_account_is_told_so(
    typed: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELNYX_API_KEY", "another-key")
    told = typed("calls")
    assert told.code == 2
    assert "TELNYX_API_KEY is not taken by http://127.0.0.1:" in told.err


def test_what_needs_a_connection_says_so(typed: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALLBRIDGE_CONNECTION_ID")
    told = typed("calls")
    assert told.code == 2
    assert "CALLBRIDGE_CONNECTION_ID is missing: the id of the Call Control application" in told.err
    assert typed("conference", "--json").json == []


def test_a_bots_settings_are_no_misspelt_ones_of_an_account() -> None:
    """The environment of a bot has all of them."""
    names = {
        str(field.validation_alias or ENV_PREFIX + name.upper())
        for name, field in Settings.model_fields.items()
    }
    known = [
        str(field.validation_alias or ENV_PREFIX + name.upper())
        for name, field in AccountSettings.model_fields.items()
    ]
    assert list(misspelt(names, known)) == []
