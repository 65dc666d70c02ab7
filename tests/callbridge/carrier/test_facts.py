"""The facts of the Voice API: every file can be read, and names only what there is."""

from collections.abc import Iterator

import pytest

from callbridge.carrier.facts import documented as facts
from callbridge.carrier.facts.documented import Parameter

TEN = (
    "calls.dial",
    "calls.retrieve_status",
    *(
        f"calls.actions.{name}"
        for name in (
            "answer", "reject", "hangup", "speak", "send_dtmf", "transfer",
            "start_streaming", "stop_streaming", "update_client_state",
        )
    ),
)  # fmt: skip


def everywhere(parameter: Parameter) -> Iterator[Parameter]:
    """The parameter and all that is in it."""
    yield parameter
    inner = (parameter.items, parameter.values, *parameter.one_of, *parameter.properties.values())
    for each in inner:
        if each is not None:
            yield from everywhere(each)


def test_every_file_can_be_read() -> None:
    assert len(facts.endpoints()) == 151
    assert len(facts.events().events) == 64
    assert len(facts.errors()) > 100
    assert len(facts.types()) > 100
    assert "en-US" in facts.values()["language"]


@pytest.mark.parametrize("name", TEN)
def test_the_endpoints_that_the_carrier_has_are_documented(name: str) -> None:
    assert facts.endpoints()[name].path.startswith("/calls")


def test_shared_parameters_and_long_lists_of_values_are_filled_in() -> None:
    speak = facts.endpoints()["calls.actions.speak"]
    assert speak.optional["payload_type"].enum == ("text", "ssml")
    assert "de-DE" in speak.optional["language"].enum


def test_types_values_and_events_that_are_named_exist() -> None:
    for endpoint in facts.endpoints().values():
        for parameter in (*endpoint.required.values(), *endpoint.optional.values()):
            for each in everywhere(parameter):
                assert each.ref is None or each.ref in facts.types(), endpoint.id
                assert each.enum_ref is None or each.enum_ref in facts.values(), endpoint.id
                assert each.code is None or each.code in facts.errors(), endpoint.id
        assert set(endpoint.events) <= set(facts.events().events), endpoint.id


def test_the_title_of_an_error_depends_on_where_its_code_is_used() -> None:
    assert facts.title("10011", 429, None) == "Too many requests"
    encrypted = facts.title("10011", 422, "/media_encryption")
    assert encrypted == "Media encryption not supported for PSTN calls"
