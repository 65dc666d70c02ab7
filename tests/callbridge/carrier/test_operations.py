"""Operations are declared once: what a class names is what the platform documents."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from callbridge.carrier.api import unsupported
from callbridge.carrier.api.calls import AnswerLeg
from callbridge.carrier.api.operation import LegCommand, Operation
from callbridge.carrier.api.operations import OPERATIONS, OTHER_PRODUCTS
from callbridge.carrier.core.leg import LegState
from callbridge.carrier.facts import documented
from callbridge.carrier.facts.documented import Parameter
from callbridge.carrier.shapes import JsonObject

ALL = (*OPERATIONS, *OTHER_PRODUCTS)
EACH = pytest.mark.parametrize("operation", ALL, ids=lambda each: each.operation_id)


def example(parameter: Parameter) -> Any:
    """A value that the documents allow."""
    if parameter.enum:
        return parameter.enum[0]
    if parameter.one_of:
        return example(parameter.one_of[0])
    match parameter.type:
        case "string":
            return "x" * (parameter.min_length or 1)
        case "integer" | "number":
            return int(parameter.minimum or 1)
        case "boolean":
            return True
        case "array":
            return [example(parameter.items)] if parameter.items else []
        case _:
            properties = parameter.properties
            if parameter.ref is not None:
                properties = documented.types()[parameter.ref].properties
            return {name: example(each) for name, each in properties.items()}


def documented_names(operation: type[Operation]) -> set[str]:
    in_path = re.findall(r"{(\w+)}", operation.facts().path)
    return {*operation.parameters(), *in_path}


def test_no_operation_is_declared_twice() -> None:
    names = [operation.operation_id for operation in ALL]
    assert len(set(names)) == len(names) >= 17


@EACH
def test_what_a_declaration_acts_on_is_documented(operation: type[Operation]) -> None:
    assert operation.acts_on() <= documented_names(operation)


@EACH
def test_a_declaration_reads_every_value_that_the_documents_allow(
    operation: type[Operation],
) -> None:
    parameters = operation.parameters()
    values: JsonObject = {name: example(parameter) for name, parameter in parameters.items()}
    values |= dict.fromkeys(re.findall(r"{(\w+)}", operation.facts().path), "x")
    read = operation.read(values)
    assert isinstance(read, operation)
    for name in operation.acts_on() & set(parameters):
        for parameter in parameters[name].one_of:
            operation.read(values | {name: example(parameter)})
        for value in parameters[name].enum:
            operation.read(values | {name: value})


def test_the_states_in_which_a_leg_takes_a_command() -> None:
    """As the platform's pages have it; what needs audio needs an answered leg."""
    allowed = {
        operation.facts().action: {state.value for state in operation.allowed}
        for operation in OPERATIONS
        if issubclass(operation, LegCommand)
    }
    assert allowed == {
        "answer": {"parked"},
        "reject": {"parked"},
        "hangup": {"parked", "ringing", "answered"},
        "transfer": {"parked", "answered"},
        "bridge": {"answered"},
        "switch_supervisor_role": {"answered"},
        "enqueue": {"answered"},
        "leave_queue": {"answered"},
        "refer": {"answered"},
        "send_sip_info": {"answered"},
        "client_state_update": {"ringing", "answered"},
        "send_dtmf": {"answered"},
        "speak": {"answered"},
        "playback_start": {"answered"},
        "playback_stop": {"answered"},
        "gather": {"answered"},
        "gather_using_audio": {"answered"},
        "gather_using_speak": {"answered"},
        "gather_stop": {"answered"},
        "streaming_start": {"answered"},
        "streaming_stop": {"answered"},
        "transcription_start": {"answered"},
        "transcription_stop": {"answered"},
        "conversation_relay_start": {"answered"},
        "conversation_relay_stop": {"answered"},
        "record_start": {"answered"},
        "record_stop": {"answered"},
        "record_pause": {"answered"},
        "record_resume": {"answered"},
    }
    assert all(LegState.ENDED.value not in states for states in allowed.values())


def test_every_endpoint_that_is_not_declared_is_refused_and_not_ignored() -> None:
    declared = {operation.operation_id for operation in OPERATIONS}
    assert declared < documented.endpoints().keys()


def test_what_is_harmless_is_documented_and_says_why() -> None:
    names = {name for each in documented.endpoints().values() for name in each.optional}
    names |= {name for each in documented.endpoints().values() for name in each.required}
    assert set(unsupported.HARMLESS) <= names
    assert all(unsupported.HARMLESS.values())


def test_everything_that_is_refused_says_why_and_no_reason_is_for_something_else() -> None:
    missing = unsupported.not_simulated(OPERATIONS)
    reasons = [unsupported.why_refused(endpoint) for endpoint in missing.endpoints]
    assert all(reasons)
    refused = {name for names in missing.parameters.values() for name in names}
    assert refused == set(unsupported.WHY_PARAMETERS)
    assert all(unsupported.WHY_PARAMETERS.values())
    here = [operation.operation_id for operation in OPERATIONS]
    for beginning, reason in unsupported.WHY_ENDPOINTS.items():
        assert reason in reasons
        assert any(endpoint.startswith(beginning) for endpoint in missing.endpoints)
        assert not any(endpoint.startswith(beginning) for endpoint in here)


@dataclass(frozen=True, kw_only=True)
class AnswerThatDetects(AnswerLeg):
    deepfake_detection: JsonObject | None = None


def test_a_parameter_that_an_operation_gains_is_taken() -> None:
    given: JsonObject = {"deepfake_detection": {"enabled": True}}
    assert [each.code for each in unsupported.problems(AnswerLeg, given)] == ["10027"]
    assert unsupported.problems(AnswerThatDetects, given) == []


def test_the_list_of_what_is_missing_is_computed() -> None:
    missing = unsupported.not_simulated(OPERATIONS)
    here = {operation.operation_id for operation in OPERATIONS}
    assert here.isdisjoint(missing.endpoints)
    assert len(here) + len(missing.endpoints) == len(documented.endpoints())
    told = " ".join(missing.by_group())
    for endpoint in missing.endpoints:
        assert endpoint.rpartition(".")[2] in told or endpoint.partition(".")[0] in told
