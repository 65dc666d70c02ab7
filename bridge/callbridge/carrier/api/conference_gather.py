"""Keys that one participant of a conference is asked for."""

from dataclasses import dataclass

from callbridge.carrier.api.conference_actions import ConferenceCommand, participant
from callbridge.carrier.api.gather import LONGEST_MS, KeysWanted, audio_prompt
from callbridge.carrier.api.operation import CarrierMeans
from callbridge.carrier.api.playing import file_of, stop_first
from callbridge.carrier.api.problems import refused
from callbridge.carrier.conferences.conference import CarrierConference
from callbridge.carrier.parts.gather import GatherOrder


@dataclass(frozen=True, kw_only=True)
class GatherInConference(
    KeysWanted, ConferenceCommand, operation_id="conferences.actions.gather_dtmf_audio"
):
    """The prompt is heard by that participant alone; the conference goes on meanwhile. Keys that
    are not valid are as if they had not been pressed."""

    call_control_id: str
    audio_url: str | None = None
    client_state: str | None = None
    gather_id: str | None = None
    initial_timeout_millis: int | None = None
    invalid_audio_url: str | None = None
    invalid_media_name: str | None = None
    maximum_tries: int = 3
    media_name: str | None = None
    stop_playback_on_dtmf: bool = True

    def carry_out(self, conference: CarrierConference, means: CarrierMeans) -> None:
        leg = participant(self.call_control_id, conference, means).leg
        self.check()
        first_ms = self.initial_timeout_millis
        if first_ms is not None and not 1 <= first_ms <= LONGEST_MS:
            detail = f"initial_timeout_millis is from 1 to {LONGEST_MS}"
            raise refused("90056", detail, "/initial_timeout_millis")
        if not 1 <= self.inter_digit_timeout_millis <= LONGEST_MS:
            detail = f"inter_digit_timeout_millis is from 1 to {LONGEST_MS}"
            raise refused("90026", detail, "/inter_digit_timeout_millis")
        prompt = file_of(self.audio_url, self.media_name)
        invalid = file_of(self.invalid_audio_url, self.invalid_media_name, "invalid_")
        stop_first(leg, None)
        leg.client_state = self.client_state or leg.client_state
        order = GatherOrder(
            rules=self.rules(
                first_ms=first_ms or self.timeout_millis,
                whole_ms=self.timeout_millis if first_ms else None,
                ignores_others=True,
            ),
            prompt=audio_prompt(leg, means, prompt),
            invalid_prompt=audio_prompt(leg, means, invalid),
            tries=self.maximum_tries if prompt else 1,
            gather_id=self.gather_id,
            key_ends_prompt=self.stop_playback_on_dtmf,
        )
        means.gathers.begin(leg, order)
