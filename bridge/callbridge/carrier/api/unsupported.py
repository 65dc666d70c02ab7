"""What the platform documents and this carrier does not do: computed, never kept by hand.

A parameter that no field of its operation names is refused, since an answer of 200 would promise
what does not follow. Accepted are only its default and the parameters of `HARMLESS`."""

from collections.abc import Iterable

import msgspec

from callbridge.carrier.api.operation import Operation
from callbridge.carrier.api.problems import Problem
from callbridge.carrier.facts import documented
from callbridge.carrier.facts.documented import Parameter
from callbridge.carrier.shapes import JsonObject

# Parameters without an effect that a customer of this carrier could miss, and why. They are taken,
# and noted as `not_simulated` on the tape of the call.
HARMLESS = {
    # Money and numbers.
    "billing_group_id": "nothing is billed here; that of a call is in call.cost",
    "route_to_mobile": "no number here is a mobile",
    "privacy": "nobody is shown a number",
    "diversion": "nobody is shown a number",
    "from_display_name": "nobody is shown a name",
    # SIP: the far ends of this carrier are callers by script, who have no SIP.
    "custom_headers": "no far end reads them",
    "sip_auth_username": "no far end asks who calls",
    "sip_auth_password": "no far end asks who calls",
    "sip_region": "all is on this machine",
    "region": "all is on this machine",
    "sip_transport_protocol": "there is no SIP",
    "preferred_codecs": "the codec of a leg is that of its script",
    "reason": "of a hang-up; no far end reads it",
    "early_media": "no far end makes a sound before it answers",
    # Sound.
    "mute_dtmf": "keys of a leg never reach the other one of its bridge",
    "send_silence_when_idle": "the audio of a call never pauses here",
    "audio_type": "a file itself says what it is",
    "dialogflow_config": "enable_dialogflow is refused",
    "transcription_max_speaker_count": "transcription_speaker_diarization is refused",
    "transcription_min_speaker_count": "transcription_speaker_diarization is refused",
    "video_room_context": "video_room_id is refused",
    # Speech of a relay: one voice and one engine, whichever is named; events repeat the name.
    "voice": "there is one voice",
    "voice_settings": "there is one voice",
    "language": "there is one voice, and one engine",
    "languages": "there is one voice",
    "service_level": "there is one voice",
    "provider": "there is one voice",
    "structured_provider": "there is one voice",
    "tts_provider": "there is one voice",
    "transcription_engine": "there is one engine",
}
# The same of a parameter that elsewhere does something.
HARMLESS_IN = {("calls.actions.start_conversation_relay", "transcription"): "there is one engine"}

NOT_HERE = "is not supported by this local carrier"
NO_MODEL = "AI assistants need a model, and there is none here"
NO_SIPREC = "SIPREC needs a recording server and SIP, and there is neither here"
NO_DETECTOR = "there is no detector of voices that are made"
STUB = "this is a stub"
NOT_YET = "TeXML by REST is not there yet, only the documents of --texml-url"

# Why a documented endpoint is not here, by the beginning of its id; the longest one holds.
WHY_ENDPOINTS = {
    "calls.actions.add_ai_assistant_messages": NO_MODEL,
    "calls.actions.gather_using_ai": NO_MODEL,
    "calls.actions.join_ai_assistant": NO_MODEL,
    "calls.actions.pay": "there is no payment processor",
    "calls.actions.start_ai_assistant": NO_MODEL,
    "calls.actions.start_forking": "there is no RTP: media leave by WebSocket, see streaming_start",
    "calls.actions.start_noise_suppression": "there is no noise suppressor",
    "calls.actions.start_siprec": NO_SIPREC,
    "calls.actions.stop_ai_assistant": NO_MODEL,
    "calls.actions.stop_forking": "there is no fork_start",
    "calls.actions.stop_noise_suppression": "there is no suppression_start",
    "calls.actions.stop_siprec": "there is no siprec_start",
    "dialogflow_connections.": "there is no Dialogflow agent",
    "integration_secrets.": "nothing here would use a secret: engines are those of this machine",
    "siprec_connectors.": NO_SIPREC,
    "texml.": NOT_YET,
    "texml.accounts.calls.siprec": NO_SIPREC,
    "texml.initiate_ai_call": NO_MODEL,
    "texml_applications.": NOT_YET,
}
# Why a parameter of an endpoint that is here is refused.
WHY_PARAMETERS = {
    "assistant": NO_MODEL,
    "deepfake_detection": NO_DETECTOR,
    "sound_modifications": "no voice is altered here",
    "transcription_profanity_filter": "which words an engine masks is not published",
    "transcription_speaker_diarization": "the recogniser does not tell speakers apart",
    "video_room_id": "there is no video",
}


def problems(operation: type[Operation], given: JsonObject) -> list[Problem]:
    """One for each parameter that was given and would be ignored."""
    return [
        Problem("10027", f"{name} {NOT_HERE}: {why_not_acted_on(name)}", f"/{name}")
        for name in refused_parameters(operation)
        if name in given and not _is_off(operation.parameters()[name], given[name])
    ]


def refused_parameters(operation: type[Operation]) -> list[str]:
    """Of an operation, in the order of the documents."""
    acts_on = operation.acts_on()
    return [
        name
        for name in operation.parameters()
        if name not in acts_on
        and name not in HARMLESS
        and (operation.operation_id, name) not in HARMLESS_IN
    ]


def _is_off(parameter: Parameter, value: object) -> bool:
    """The default, or a feature that is expressly not wanted."""
    return value is False or value == {"enabled": False} or value == parameter.default


def accepted(parameter: Parameter) -> list[object]:
    """The values with which one that is refused may be given."""
    values: list[object] = [False] if parameter.type == "boolean" else []
    if parameter.ref is not None and "enabled" in documented.types()[parameter.ref].properties:
        values = [{"enabled": False}]
    is_new = parameter.default is not None and parameter.default not in values
    return [*values, parameter.default] if is_new else values


def why_harmless(operation: type[Operation], parameter: str) -> str:
    """Of a parameter that is taken and has no effect."""
    return HARMLESS.get(parameter) or HARMLESS_IN[operation.operation_id, parameter]


def why_not_acted_on(parameter: str) -> str:
    """Of a parameter that is refused."""
    return WHY_PARAMETERS.get(parameter, STUB)


def why_refused(endpoint: str) -> str:
    """Of the id of an endpoint that is not here."""
    return WHY_ENDPOINTS[longest_beginning(endpoint, WHY_ENDPOINTS)]


def longest_beginning(name: str, beginnings: Iterable[str]) -> str:
    return max((each for each in beginnings if name.startswith(each)), key=len)


class NotSimulated(msgspec.Struct, frozen=True):
    """Documented endpoints that are answered with 404, and parameters that are refused, by
    operation."""

    endpoints: list[str]
    parameters: dict[str, list[str]]

    def by_group(self) -> list[str]:
        """A line for each group of endpoints, in which those that are not here at all are one."""
        groups: dict[str, list[str]] = {}
        for endpoint in documented.endpoints():
            groups.setdefault(endpoint.partition(".")[0], []).append(endpoint)
        absent = set(self.endpoints)
        whole = [name for name, members in groups.items() if absent.issuperset(members)]
        lines = ["nothing of " + ", ".join(whole)] if whole else []
        for name, members in groups.items():
            missing = [each.removeprefix(f"{name}.") for each in members if each in absent]
            if missing and name not in whole:
                lines.append(f"not of {name}: " + ", ".join(missing))
        return lines


def not_simulated(operations: Iterable[type[Operation]]) -> NotSimulated:
    here = {each.operation_id: refused_parameters(each) for each in operations}
    return NotSimulated(
        endpoints=[id for id in documented.endpoints() if id not in here],
        parameters={operation: names for operation, names in here.items() if names},
    )
