"""What the carrier answers and tells, judged by the platform's official SDK in walks through all
that it has: no operation without a step, no event without a proof."""

import asyncio
from collections.abc import Iterable

import pytest

from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.operations import OPERATIONS, OTHER_PRODUCTS
from callbridge.carrier.api.unsent import WHY_EVENTS, WHY_FIELDS, why_not_sent
from callbridge.carrier.facts import documented
from tests.callbridge.carrier.sdk_judge import Verdicts, documented_fields, model_in_facts, model_of
from tests.callbridge.carrier.sdk_walks import WALKS, walk_all

REACHABLE = [each.operation_id for each in (*OPERATIONS, *OTHER_PRODUCTS)]
WITH_FIELDS = [each for each in OPERATIONS if model_in_facts(each).properties]
SENT = sorted(documented.sent_events())
ABSENT = {"calls.dial": {"end_time"}}  # a call that begins has not ended
# Of the SDK's models of answers; of events see `unsent`.
WITHOUT_A_VALUE = {
    ("call_dial_response.Data", "end_time"),  # see above
    ("conference_participant.ConferenceParticipant", "label"),  # TeXML alone gives one
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    return asyncio.run(walk_all(tmp_path_factory.mktemp("walks")))


@pytest.mark.parametrize("name", [walk.__name__ for walk in WALKS])
def test_a_walk_comes_to_its_end(name: str, verdicts: Verdicts) -> None:
    if name in verdicts.broken:
        raise verdicts.broken[name]


# ---- answers ------------------------------------------------------------------------------------


def test_the_walks_reach_every_operation(verdicts: Verdicts) -> None:
    """If not: sdk_walks.py lacks a step for a new one."""
    assert sorted(verdicts.answers) == sorted(REACHABLE)


@pytest.mark.parametrize("operation_id", REACHABLE)
def test_an_answer_is_what_the_sdk_and_the_documents_say(
    operation_id: str, verdicts: Verdicts
) -> None:
    assert verdicts.answers.get(operation_id) == []


@pytest.mark.parametrize("operation", WITH_FIELDS, ids=lambda each: each.operation_id)
def test_every_documented_field_is_in_an_answer_at_least_once(
    operation: type[Operation], verdicts: Verdicts
) -> None:
    there = verdicts.answer_fields[operation.operation_id]
    absent = model_in_facts(operation).properties.keys() - there
    assert absent == ABSENT.get(operation.operation_id, set())


def test_every_field_of_an_answer_has_a_value_at_least_once(verdicts: Verdicts) -> None:
    assert verdicts.without_value == WITHOUT_A_VALUE


# ---- events -------------------------------------------------------------------------------------


def test_the_events_that_are_said_to_be_sent_are_those_that_came(verdicts: Verdicts) -> None:
    """If not: correct facts/sent_events.json, and WHY_EVENTS for what is sent no more."""
    assert sorted(verdicts.events) == SENT


@pytest.mark.parametrize("event_type", SENT)
def test_an_event_is_what_the_sdk_and_the_documents_say(
    event_type: str, verdicts: Verdicts
) -> None:
    assert verdicts.events.get(event_type) == []


@pytest.mark.parametrize("event_type", SENT)
def test_every_field_of_an_event_has_a_value_at_least_once(
    event_type: str, verdicts: Verdicts
) -> None:
    """But for those with a reason, which none has without need."""
    absent = documented_fields(event_type) - verdicts.told[event_type]
    reasons = WHY_FIELDS.get(event_type, {})
    assert without_reason(absent, reasons) == []
    assert not [reason for reason in reasons if not any(each.startswith(reason) for each in absent)]


def test_the_sdk_knows_all_events_but_two() -> None:
    """Those are judged by the documents alone."""
    unknown = {each for each in documented.events().events if model_of(each) is None}
    assert unknown == {"call.sip_info.received", "dialogflow.detectintent.response"}


def test_every_event_that_is_not_sent_has_a_reason_and_no_reason_is_idle() -> None:
    unsent = documented.events().events.keys() - documented.sent_events()
    assert without_reason(unsent, WHY_EVENTS) == []
    assert all(any(each.startswith(reason) for each in unsent) for reason in WHY_EVENTS)
    assert all(why_not_sent(event_type) is None for event_type in SENT)


def without_reason(names: Iterable[str], reasons: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith(tuple(reasons))]
