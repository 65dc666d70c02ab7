"""Answering machine detection on the callee's own audio: people, machines, beeps and faxes."""

from typing import Any

import numpy as np
import pytest

from callbridge.carrier.audio.ringing import RINGING_TONES
from callbridge.carrier.audio.tone import ToneFinder
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, HangUp, Play, Wait
from callbridge.host.audiofile import Clip
from callbridge.speech.espeak import speak
from telecodecs import Pcm, silence
from tests.callbridge.carrier.line import Line, codes, tone

pytest.importorskip("espeakng_loader")

CALLEE = "+13125550199"
MODES = (
    "detect",
    "detect_beep",
    "detect_words",
    "greeting_end",
    "premium",
    "premium_ios_call_screening_detection",
)


def after(pause_s: float, *pieces: Pcm) -> Pcm:
    return np.concatenate([silence(round(pause_s * 8000)), *pieces])


def says(text: str) -> Pcm:
    return after(0.5, speak(text, 8000))


GREETING = "Hi, you have reached John. I can not come to the phone. Please leave a message."
CALLEES = {
    "person": says("Hello?"),
    "office": says("Good morning, Miller and Company."),
    "machine": after(0, says(GREETING), after(0.3, tone(500, hz=1000))),
    "mute machine": says(GREETING),
    "quick machine": after(0, says("Leave a message."), after(0.2, tone(400, hz=850))),
    "fax": after(1, tone(500, hz=1100), after(3, tone(500, hz=1100))),
    "answering fax": after(1, tone(3000, hz=2100)),
    "nobody": after(1),
}


def line_to(sound: Pcm, *then: Any, **of_carrier: Any) -> Line:
    steps = (Play(Clip(sound, 8000)), *(then or (Wait("hangup", within_s=1000),)))
    numbers = {CALLEE: CallScript(steps=steps)}
    return Line(CarrierConfig(webhook_url="http://a/", numbers=numbers, ring_s=0.0, **of_carrier))


def told(line: Line) -> list[tuple[str, str]]:
    return [
        (event["event_type"].removeprefix("call.machine."), event["payload"]["result"])
        for event in line.events
        if "machine" in event["event_type"]
    ]


def detected(sound: Pcm, mode: str, seconds: float = 42, **settings: object) -> Any:
    line = line_to(sound)
    response = line.dial(
        CALLEE, answering_machine_detection=mode, answering_machine_detection_config=settings
    )
    assert response.status == 200, response.body
    line.tick(round(50 * seconds))
    return told(line)


@pytest.mark.parametrize("mode", MODES[:4])
def test_a_person_is_told_from_a_machine(mode: str) -> None:
    assert detected(CALLEES["person"], mode, 5) == [("detection.ended", "human")]
    assert detected(CALLEES["machine"], mode, 5)[0] == ("detection.ended", "machine")
    assert detected(CALLEES["nobody"], mode, 5) == [("detection.ended", "not_sure")]


@pytest.mark.parametrize(
    ("callee", "mode", "end"),
    [
        ("machine", "detect", []),
        ("machine", "detect_beep", ["beep_detected"]),
        ("machine", "detect_words", ["beep_detected"]),
        ("machine", "greeting_end", ["ended"]),
        ("mute machine", "detect_beep", []),
        ("mute machine", "detect_words", ["not_sure"]),
        ("mute machine", "greeting_end", ["ended"]),
        ("quick machine", "detect", []),
        ("quick machine", "detect_beep", ["beep_detected"]),
        ("quick machine", "greeting_end", ["ended"]),
    ],
)
def test_the_end_of_a_machines_greeting(callee: str, mode: str, end: list[str]) -> None:
    assert detected(CALLEES[callee], mode) == [
        ("detection.ended", "machine"),
        *(("greeting.ended", result) for result in end),
    ]


@pytest.mark.parametrize(
    ("callee", "results"),
    [
        ("person", [("detection.ended", "human_residence")]),
        ("office", [("detection.ended", "human_business")]),
        ("machine", [("detection.ended", "machine"), ("greeting.ended", "beep_detected")]),
        ("mute machine", [("detection.ended", "machine"), ("greeting.ended", "no_beep_detected")]),
        ("quick machine", [("greeting.ended", "beep_detected")]),
        ("fax", [("detection.ended", "fax_detected")]),
        ("answering fax", [("detection.ended", "fax_detected")]),
        ("nobody", [("detection.ended", "silence")]),
    ],
)
def test_premium_detection(callee: str, results: list[tuple[str, str]]) -> None:
    assert detected(CALLEES[callee], "premium") == [
        (f"premium.{name}", result) for name, result in results
    ]


def test_premium_detection_is_not_sure_when_its_time_is_over() -> None:
    found = detected(CALLEES["machine"], "premium", 6, total_analysis_time_millis=3000)
    assert found == [("premium.detection.ended", "not_sure")]
    assert detected(CALLEES["machine"], "detect", 6, total_analysis_time_millis=3000) == [
        ("detection.ended", "machine")
    ]


def test_a_fax_behind_the_verdict_changes_it_no_more() -> None:
    sound = after(0, CALLEES["mute machine"], CALLEES["fax"])
    assert [result for _, result in detected(sound, "premium")] == ["machine", "no_beep_detected"]


def test_the_prompt_of_a_call_screening_ends() -> None:
    found = detected(CALLEES["mute machine"], MODES[5], greeting_duration_millis=2000)
    assert found == [
        ("premium.detection.ended", "machine"),
        ("premium.greeting.ended", "prompt_ended"),
    ]


@pytest.mark.parametrize(
    ("settings", "result"),
    [
        ({"maximum_number_of_words": 1, "between_words_silence_millis": 20}, "machine"),
        ({"greeting_duration_millis": 500}, "machine"),
        ({"maximum_word_length_millis": 200}, "machine"),
        ({"initial_silence_millis": 300}, "machine"),
        ({"total_analysis_time_millis": 900}, "not_sure"),
        ({"silence_threshold": 20000}, "not_sure"),
        ({"after_greeting_silence_millis": 3000}, "not_sure"),
    ],
)
def test_settings_decide(settings: dict[str, object], result: str) -> None:
    assert detected(CALLEES["office"], "detect", 8, **settings) == [("detection.ended", result)]


def test_a_beep_is_only_what_the_settings_call_one() -> None:
    for settings in (
        {"beep_min_frequency_hz": 1100},
        {"beep_max_frequency_hz": 900},
        {"beep_min_tone_duration_millis": 600},
    ):
        assert detected(CALLEES["machine"], "detect_beep", 20, **settings) == [
            ("detection.ended", "machine")
        ]


def test_a_long_beep_is_no_silence_in_which_a_person_waits() -> None:
    sound = after(0, says("Leave a message."), after(0.3, tone(1200, hz=1000)))
    assert detected(sound, "premium") == [("premium.greeting.ended", "beep_detected")]


def ringing(country: str) -> Pcm:
    return np.tile(RINGING_TONES[country].period(8000), 8)


@pytest.mark.parametrize("country", ["us", "uk", "de", "fr", "jp"])
def test_a_ringing_tone_is_no_beep(country: str) -> None:
    """As where the call is put through to another telephone that rings."""
    assert detected(ringing(country), "premium") == [("premium.detection.ended", "silence")]
    assert detected(ringing(country), "detect_beep") == [("detection.ended", "not_sure")]


def test_behind_words_a_low_tone_is_a_beep() -> None:
    sound = after(0, says(GREETING), after(0.3, tone(500, hz=440)))
    assert detected(sound, "detect_beep")[-1] == ("greeting.ended", "beep_detected")


TWO_TONES = tone(600, hz=440) // 2 + tone(600, hz=480) // 2  # as a ringing tone of the USA
FADES = (tone(600, hz=1000) * np.linspace(1, 0.15, 4800)).astype(np.int16)


@pytest.mark.parametrize(
    ("sound", "settings"),
    [(TWO_TONES, {"beep_spectral_confirmation": False}), (FADES, {})],
    ids=["two tones", "fades"],
)
def test_a_beep_is_one_steady_tone_unless_settings_say_otherwise(
    sound: Pcm, settings: dict[str, bool]
) -> None:
    greeting = after(0, says(GREETING), after(0.3, sound), after(1))
    assert detected(greeting, "detect_beep") == [("detection.ended", "machine")]
    lenient: dict[str, Any] = {"beep_detection_profile": "freq_only", **settings}
    assert detected(greeting, "detect_beep", **lenient) == [
        ("detection.ended", "machine"),
        ("greeting.ended", "beep_detected"),
    ]


def test_a_carrier_may_tell_of_a_beep_that_did_not_come() -> None:
    line = line_to(CALLEES["mute machine"], beep_timer_tells=True)
    line.dial(CALLEE, answering_machine_detection="detect_beep")
    line.tick(50 * 36)
    assert told(line) == [("detection.ended", "machine"), ("greeting.ended", "not_sure")]


def test_an_answering_fax_is_known_while_its_tone_sounds() -> None:
    line = line_to(CALLEES["answering fax"])
    line.dial(CALLEE, answering_machine_detection="premium")
    line.tick(110)  # it sounds from the first to the fourth second
    assert told(line) == [("premium.detection.ended", "fax_detected")]


def test_noise_on_the_line_is_no_speech_in_the_premium_modes() -> None:
    hiss = np.random.default_rng(1).normal(0, 380, 8000 * 30).astype(np.int16)  # -39 dBFS
    sound = hiss.copy()
    person = says("Hello?")
    sound[8000 : 8000 + len(person)] += person
    assert detected(hiss, "premium") == [("premium.detection.ended", "silence")]
    assert detected(sound, "premium") == [("premium.detection.ended", "human_residence")]


def test_premium_modes_know_few_of_the_settings() -> None:
    settings: dict[str, Any] = {"silence_threshold": 20000, "beep_min_frequency_hz": 1100}
    found = detected(CALLEES["machine"], "premium", **settings)
    assert [result for _, result in found] == ["machine", "beep_detected"]


def test_a_greeting_without_end_is_given_up() -> None:
    """Five seconds after the verdict, as the settings have it."""
    talks = after(0, *[speak(GREETING, 8000)] * 4)
    assert detected(talks, "greeting_end", 15) == [
        ("detection.ended", "machine"),
        ("greeting.ended", "not_sure"),
    ]


def test_a_transfer_detects_on_its_new_leg() -> None:
    line = line_to(CALLEES["person"])
    caller = line.ring()
    line.command(caller, "answer")
    line.command(caller, "transfer", to=CALLEE, answering_machine_detection="detect")
    line.tick(200)
    assert told(line) == [("detection.ended", "human")]
    assert line.payload("call.machine.detection.ended")["to"] == CALLEE


@pytest.mark.parametrize("mode", MODES)
def test_a_hang_up_ends_it_without_a_word(mode: str) -> None:
    line = line_to(after(1), HangUp())
    line.dial(CALLEE, answering_machine_detection=mode)
    line.tick(300)
    assert line.event_types()[-1] == "call.hangup"
    assert told(line) == []


def test_it_is_off_unless_somebody_asks() -> None:
    for fields in ({}, {"answering_machine_detection": "disabled"}):
        line = line_to(CALLEES["machine"])
        line.dial(CALLEE, **fields)
        line.tick(200)
        assert told(line) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"answering_machine_detection": "always"}, "10032"),
        ({"answering_machine_detection": True}, "10026"),
        ({"answering_machine_detection_config": "all"}, "10026"),
        ({"answering_machine_detection_config": {"silence_threshold": "loud"}}, "10026"),
        ({"answering_machine_detection_config": {"silence_threshold": -1}}, "10026"),
        ({"answering_machine_detection_config": {"beep_spectral_min_purity": 2}}, "10033"),
        ({"answering_machine_detection_config": {"prompt_end_timeout_millis": 500}}, "10033"),
        ({"answering_machine_detection_config": {"beep_detection_profile": "x"}}, "10032"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, object], expected: str) -> None:
    line = line_to(after(1))
    assert codes(line.dial(CALLEE, **fields))[0][0] == expected
    assert line.events == []


def test_speech_has_no_tones() -> None:
    finder = ToneFinder(8000)
    spoken = after(0, *[speak(GREETING, 8000, female=female) for female in (True, False)])
    ends = [finder.hear(spoken[at : at + 160]) for at in range(0, len(spoken) - 160, 160)]
    assert max(end.seconds for end in ends if end is not None) < 0.15


@pytest.mark.parametrize("hz", [400, 440, 620, 1000, 1400, 2100])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_tone_is_measured(hz: int, rate: int) -> None:
    finder = ToneFinder(rate)
    pcm = np.concatenate([tone(500, rate, hz), silence(rate // 50)])
    step = rate // 50
    ends = [finder.hear(pcm[at : at + step]) for at in range(0, len(pcm), step)]
    [end] = [end for end in ends if end is not None]
    assert abs(end.hz - hz) < 3
    assert end.seconds == 0.5


def test_a_tone_goes_on_where_its_phase_turns_around() -> None:
    """As that of a fax or modem does every 450 ms (ITU-T V.25)."""
    finder = ToneFinder(8000)
    piece = tone(450, hz=2100)
    pcm = np.concatenate([piece, -piece, piece, silence(160)])
    ends = [finder.hear(pcm[at : at + 160]) for at in range(0, len(pcm), 160)]
    [end] = [end for end in ends if end is not None]
    assert abs(end.hz - 2100) < 5
    assert end.seconds > 1.3


def test_two_tones_close_to_each_other_are_found_out_when_they_end() -> None:
    for purity, pcm in ((1.0, tone(400, hz=1000)), (0.5, TWO_TONES)):
        finder = ToneFinder(8000)
        for at in range(0, 3200, 160):
            finder.hear(pcm[at : at + 160])
        end = finder.hear(None)
        assert end is not None
        assert abs(end.purity - purity) < 0.1
