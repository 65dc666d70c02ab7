"""Conversation Relay: its own commands, and the session that an answer or a dial brings along."""

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.problems import refused
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.relay_mouth import InterruptibleBy
from callbridge.carrier.parts.relays import RelayParams
from callbridge.carrier.shapes import JsonObject, as_object, is_url

T = TypeVar("T")

VOICE, ENGINE = "Telnyx.KokoroTTS.af", "Google"


class InterruptionSettings(msgspec.Struct, frozen=True):
    enable: bool | None = None
    interruptible: InterruptibleBy | None = None
    interruptible_greeting: InterruptibleBy | None = None
    welcome_greeting_interruptible: InterruptibleBy | None = None

    @property
    def by_enable(self) -> InterruptibleBy | None:
        """What the older switch comes to."""
        if self.enable is None:
            return None
        return "any" if self.enable else "none"


class EngineConfig(msgspec.Struct, frozen=True):
    interim_results: bool | None = None


class NestedRelaySettings(msgspec.Struct, frozen=True):
    url: str
    dtmf_detection: bool | None = None
    interruptible: InterruptibleBy | None = None
    interruptible_greeting: InterruptibleBy | None = None


class RelayAssistant(msgspec.Struct, frozen=True):
    dynamic_variables: JsonObject = {}


class EmbeddedRelay(msgspec.Struct, frozen=True):
    """`conversation_relay_config` of an answer or a dial."""

    url: str
    custom_parameters: JsonObject | None = None
    dtmf_detection: bool | None = None
    greeting: str | None = None
    interruptible: InterruptibleBy | None = None
    interruptible_greeting: InterruptibleBy | None = None
    interruption_settings: InterruptionSettings | None = None
    language: str | None = None
    provider: str | None = None
    structured_provider: JsonObject | None = None
    transcription_engine: str | None = None
    transcription_engine_config: EngineConfig | None = None
    tts_provider: str | None = None
    voice: str | None = None

    def params(self) -> RelayParams:
        """Raises Refused for half of a pair."""
        if (self.provider is None) != (self.structured_provider is None):
            missing = "provider" if self.provider is None else "structured_provider"
            detail = "provider and structured_provider are given together"
            raise refused("10004", detail, f"/{missing}")
        settings = self.interruption_settings or InterruptionSettings()
        config = self.transcription_engine_config or EngineConfig()
        voice = self.voice or VOICE
        return RelayParams(
            url=self.url,
            greeting=self.greeting or "",
            interruptible=first(
                self.interruptible, settings.interruptible, settings.by_enable, default="any"
            ),
            interruptible_greeting=first(
                self.interruptible_greeting,
                settings.interruptible_greeting,
                settings.welcome_greeting_interruptible,
                settings.by_enable,
                default="any",
            ),
            dtmf_detection=first(self.dtmf_detection, default=False),
            interim_results=first(config.interim_results, default=True),
            language=self.language or "en",
            custom_parameters=self.custom_parameters or {},
            voice=voice,
            tts_provider=self.tts_provider or self.provider or voice.partition(".")[0].lower(),
            transcription_engine=self.transcription_engine or ENGINE,
        )


@dataclass(frozen=True, kw_only=True)
class Relayed:
    """An answer or a dial."""

    conversation_relay_config: EmbeddedRelay | None = None

    def relay(self, means: CarrierMeans) -> RelayParams | None:
        """Raises Refused for a session that cannot be."""
        if self.conversation_relay_config is None:
            return None
        return _possible(
            self.conversation_relay_config.params(), means, "/conversation_relay_config/url"
        )


@dataclass(frozen=True, kw_only=True)
class StartRelay(LegCommand, operation_id="calls.actions.start_conversation_relay"):
    """What several parameters may say is said by the first of them that is given."""

    url: str | None = None
    conversation_relay_url: str | None = None
    conversation_relay_settings: NestedRelaySettings | None = None
    assistant: RelayAssistant | None = None
    custom_parameters: JsonObject | None = None
    dtmf_detection: bool | None = None
    conversation_relay_dtmf_detection: bool | None = None
    greeting: str | None = None
    interruptible: InterruptibleBy | None = None
    interruptible_greeting: InterruptibleBy | None = None
    interruption_settings: InterruptionSettings | None = None
    language: str | None = None
    transcription_engine_config: EngineConfig | None = None

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> JsonObject:
        if means.relays.of(leg) is not None:
            raise refused("90061", "this call has a Conversation Relay session already")
        params = _possible(self.params(), means, "/url")
        return {"conversation_relay_id": means.relays.add(leg, params).session_id}

    def params(self) -> RelayParams:
        settings = self.conversation_relay_settings or NestedRelaySettings("")
        url = self.url or self.conversation_relay_url or settings.url
        if not url:
            raise refused("10004", "url is required", "/url")
        variables = self.assistant.dynamic_variables if self.assistant else {}
        return EmbeddedRelay(
            url=url,
            custom_parameters=variables | (self.custom_parameters or {}),
            dtmf_detection=first(
                self.dtmf_detection,
                self.conversation_relay_dtmf_detection,
                settings.dtmf_detection,
                default=False,
            ),
            greeting=self.greeting,
            interruptible=self.interruptible or settings.interruptible,
            interruptible_greeting=self.interruptible_greeting or settings.interruptible_greeting,
            interruption_settings=self.interruption_settings,
            language=self.language,
            provider=self._named("provider"),
            structured_provider=as_object(self.given.get("structured_provider")),
            transcription_engine=self._named("transcription_engine"),
            transcription_engine_config=self.transcription_engine_config,
            tts_provider=self._named("tts_provider"),
            voice=self._named("voice"),
        ).params()

    def _named(self, name: str) -> str | None:
        """Not simulated, but named in the event at the end."""
        value = self.given.get(name)
        return value if isinstance(value, str) else None


@dataclass(frozen=True, kw_only=True)
class StopRelay(LegCommand, operation_id="calls.actions.stop_conversation_relay"):
    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        relay = means.relays.of(leg)
        if relay is None:
            raise refused("90102", "this call has no Conversation Relay session")
        with leg.for_part(relay):
            relay.stop()


def first(*values: T | None, default: T) -> T:
    """The first that was given."""
    return next((value for value in values if value is not None), default)


def _possible(params: RelayParams, means: CarrierMeans, pointer: str) -> RelayParams:
    if not is_url(params.url, ("ws", "wss")):
        raise refused("10003", "the URL of a Conversation Relay is ws:// or wss://", pointer)
    if not means.exchange.converses:
        detail = "this local carrier cannot listen: install callbridge[speech] and restart it"
        raise refused("10027", detail)
    return params
