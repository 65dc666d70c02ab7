"""Callers: steps that wait for events, and what is claimed about the call afterwards."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.expect import Expectation, parse_expectation
from callbridge.carrier.people.script import (
    CallScript,
    HangUp,
    Play,
    Press,
    Say,
    ScriptError,
    ScriptEvent,
    Wait,
    parse_script,
    with_sounds,
)
from callbridge.host.audiofile import Clip
from tests.callbridge.carrier.line import (
    CLEAR,
    STAY,
    Frame,
    Line,
    mark,
    media,
    sounding,
    tone,
    ulaw,
)

CLIP = Clip(tone(1000), 8000)


def load(name: str) -> Clip:
    return CLIP


def claim(name: str, demand: object) -> Expectation:
    return parse_expectation({name: demand})


def speak(text: str) -> Clip:
    """A tone as long as the text."""
    return Clip(tone(10 * len(text)), 8000)


def parse(**script: object) -> Any:
    return with_sounds(parse_script(script), load, speak)


# ---- reading ----------------------------------------------------------------------------------


def test_every_step_is_read() -> None:
    script = parse(
        **{"from": "+13125550111"},
        to="+13125550122",
        codec="L16",
        steps=[
            {"wait": "answered"},
            {"wait": "bot_speaking", "for": 1, "within": 5},
            {"wait": "bot_silent"},
            {"play": "a.wav", "start": 0.25, "end": 0.5, "background": True},
            {"say": "Sales, please."},
            {"say": "Sales, please.", "recording": "sales.wav", "background": True},
            {"press": "12#"},
            {"hangup": True},
        ],
        expect=[{"cleared": True}, {"bot_spoke_s": {"at_least": 3}}],
    )
    assert (script.from_, script.to, script.codec) == ("+13125550111", "+13125550122", "L16")
    answered, speaking, silent, play, says, recorded, press, hangup = script.steps
    assert answered == Wait("answered")
    assert speaking == Wait("bot_speaking", for_s=1.0, within_s=5.0)
    assert silent == Wait("bot_silent")
    assert silent.enough_s == 0.6
    assert np.array_equal(play.sounds_like.pcm, CLIP.pcm[2000:4000])
    assert play.background
    assert len(says.sounds_like.pcm) == len(speak("Sales, please.").pcm)
    assert recorded.sounds_like is CLIP
    assert recorded.background
    assert (press, hangup) == (Press("12#"), HangUp())
    assert len(script.expect) == 2


SENSELESS: list[tuple[object, str]] = [
    ([], "a script is a JSON object"),
    ({"step": []}, "a script: 'step' is not known (did you mean 'steps'?)"),
    ({"steps": {}}, "'steps' is a list"),
    ({"codec": "GSM"}, "PCMU, PCMA, G722, OPUS, AMR-WB, L16"),
    ({"to": 5}, "'to' is a telephone number"),
    ({"steps": ["wait"]}, "step 1 is a JSON object"),
    (
        {"steps": [{"sleep": 3}]},
        "step 1 is none of wait, say, play, press, hold, hangup: it has sleep",
    ),
    ({"steps": [{}]}, "it has nothing"),
    (
        {"steps": [{"wait": "3 seconds"}]},
        "step 1: the event '3 seconds' is not known; known: answered",
    ),
    ({"steps": [{"wait": "bot_speeking"}]}, "did you mean 'bot_speaking'?"),
    ({"steps": [{"wait": "answered", "for": 3}]}, "step 1: 'for' goes with"),
    ({"steps": [{"say": " "}]}, "step 1: 'say' is a text"),
    ({"steps": [{"say": "Hi.", "clip": "a.wav"}]}, "step 1: 'clip' is not known"),
    ({"steps": [{"say": "Hi.", "recording": 5}]}, "the name of a sound file"),
    ({"steps": [{"wait": "answered", "within": "3"}]}, "number of seconds"),
    (
        {"steps": [{"wait": "answered", "withn": 3}]},
        "step 1: 'withn' is not known (did you mean 'within'?)",
    ),
    ({"steps": [{"play": ""}]}, "name of a sound file"),
    ({"steps": [{"play": "a", "start": 2}]}, "step 1 (play a): nothing of the sound lies between"),
    ({"steps": [{"play": "a", "background": 1}]}, "true or false"),
    ({"steps": [{"press": 5}]}, "'press' is keys out of"),
    ({"steps": [{"press": "x"}]}, "'press' is keys out of"),
    ({"steps": [{"hangup": False}]}, "hangup is written as true"),
    ({"expect": [{}]}, "expect line 1: there is one name to a line"),
    ({"expect": [{"happy": True}]}, "the expectation 'happy' is not known; known: answered"),
    ({"expect": [{"cleared": 1}]}, "cleared is true or false"),
    ({"expect": [{"hangup_cause": 1}]}, "hangup_cause is a string"),
    ({"expect": [{"bot_spoke_s": 3}]}, "wants at_least, at_most or both"),
    ({"expect": [{"bot_spoke_s": {}}]}, "wants at_least, at_most or both"),
    ({"expect": [{"bot_spoke_s": {"atleast": 3}}]}, "wants at_least, at_most or both"),
    ({"expect": [{"bot_heard_like_caller": {"lag": {}}}]}, "has correlation and delay_s"),
]


@pytest.mark.parametrize(("script", "words"), SENSELESS)
def test_a_senseless_script_is_refused_with_a_sentence(script: object, words: str) -> None:
    with pytest.raises(ScriptError) as refusal:
        with_sounds(parse_script(script), load, speak)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


SENSELESS_STEPS: list[tuple[Callable[[], object], str]] = [
    (lambda: Wait("bot_speeking"), "'bot_speeking' is not known (did you mean 'bot_speaking'?)"),  # type: ignore[arg-type]
    (lambda: Wait("answered", 1.0), "'for' goes with bot_speaking and bot_silent only"),
    (lambda: Wait("hangup", within_s=-1), "'within' is a number of seconds, not -1"),
    (lambda: Press("five"), "'press' is keys out of"),
    (lambda: Press(5), "'press' is keys out of"),  # type: ignore[arg-type]
    (lambda: Say(""), "'say' is a text"),
    (lambda: Say(tone(20)), "'say' is a text"),  # type: ignore[arg-type]
    (lambda: Play(Clip(np.zeros(80), 8000)), "(n,) int16 samples"),  # type: ignore[arg-type]
    (lambda: Play(CLIP, start=2.0), "nothing of the sound lies between 2.0 s and its end"),
    (lambda: CallScript(steps=(HangUp,)), "step 1 is no step but <class"),  # type: ignore[arg-type]
    (lambda: CallScript(codec="GSM"), "codec 'GSM' is not known; known: PCMU"),  # type: ignore[arg-type]
    (lambda: EchoPath(db=20.0), "'db' is a number from -60 to 0, not 20.0"),
]


@pytest.mark.parametrize(("make", "words"), SENSELESS_STEPS)
def test_a_senseless_step_is_refused_where_it_is_made(
    make: Callable[[], object], words: str
) -> None:
    with pytest.raises(ScriptError) as refusal:
        make()
    assert words in str(refusal.value)


def test_without_a_voice_a_text_needs_a_recording() -> None:
    lines = [{"say": "Hi.", "recording": "hi.wav"}, {"say": "Sales, please."}]
    with pytest.raises(ScriptError) as refusal:
        with_sounds(parse_script({"steps": lines}), load)
    assert str(refusal.value) == (
        "step 2 (say 'Sales, please.'): there is no voice to say it with: install the extra "
        'callbridge[voice] (espeak-ng), or add a "recording"'
    )


def test_a_sound_that_nobody_has_fetched_is_noticed_before_the_call() -> None:
    for step in (Say("Hi."), Play("a.wav")):
        with pytest.raises(ScriptError, match="has no sound yet"):
            Line().ring(step)


# ---- steps ------------------------------------------------------------------------------------


def test_a_text_is_said_and_named_in_messages() -> None:
    line = Line()
    call = line.streaming(*parse(steps=[{"say": "Sales, please."}, {"press": "1"}]).steps)
    line.tick(4)
    line.command(call, "hangup")
    report = line.report(call)
    assert any(sounding(report.caller))
    assert report.failed == ("the call ended before step 1 (say 'Sales, please.') was done",)


def test_play_waits_until_all_was_said() -> None:
    line = Line()
    call = line.streaming(Play(Clip(tone(300), 8000)), HangUp())
    line.tick(40)
    report = line.report(call)
    assert report.state == "ended"
    assert sum(sounding(report.caller)) == 15
    assert len(report.caller) - int(np.flatnonzero(report.caller)[-1]) <= 2 * 160


def test_a_clip_of_another_rate_is_heard_at_the_rate_of_the_leg() -> None:
    line = Line()
    call = line.streaming(Play(Clip(tone(500, 48000), 48000)), HangUp())
    line.tick(40)
    said = line.report(call).caller
    sounding = np.flatnonzero(said)
    assert sounding[-1] - sounding[0] == pytest.approx(4000, abs=4)


def test_a_caller_can_talk_over_the_bot() -> None:
    def bot(line: Line, frame: Frame) -> None:
        if frame["event"] == "start":
            line.send(media(ulaw(tone(5000))))
            line.send(mark("said"))
        if frame["event"] == "media" and len(line.of("media")) == 100:
            line.send(CLEAR)

    line = Line(bot=bot)
    call = line.streaming(
        Wait("bot_speaking", for_s=0.5),
        Play(Clip(tone(2000), 8000), background=True),
        Wait("bot_silent", for_s=0.4),
        Press("5"),
        Wait("said"),
        HangUp(),
        expect=(
            claim("answered", True),
            claim("cleared", True),
            claim("bridged", False),
            claim("silent_after_clear_s", {"at_least": 0.4}),
            claim("bot_spoke_s", {"at_least": 1.9, "at_most": 2.1}),
            claim("caller_spoke_s", {"at_least": 1.9}),
            claim("marks_returned", {"at_most": 0}),
            claim("stream_errors", {"at_most": 0}),
            claim("hangup_cause", "normal_clearing"),
            claim("hangup_source", "caller"),
            claim("duration_s", {"at_most": 4}),
        ),
    )
    line.tick(200)
    report = line.report(call)
    assert report.state == "ended"
    assert report.failed == ()
    both = (report.caller != 0) & (report.bot != 0)
    assert np.count_nonzero(both) > 8000  # a second in which both talked
    assert [entry.detail["digit"] for entry in report.tape if entry.kind == "dtmf"] == ["5"]


def test_the_tape_tells_where_the_script_is() -> None:
    line = Line()
    call = line.streaming(Wait("streaming"), Press("1"), HangUp())
    line.tick(20)
    steps = [entry.detail["at"] for entry in line.report(call).tape if entry.kind == "script"]
    assert steps == ["step 2 (press 1)"]


def test_the_tape_has_the_words_of_what_is_said() -> None:
    line = Line()
    says = Say("Good day.", clip=Clip(tone(200), 8000))
    call = line.streaming(Wait("streaming"), says, HangUp())
    line.tick(20)
    [step] = [entry.detail for entry in line.report(call).tape if entry.kind == "script"]
    assert step == {"at": "step 2 (say 'Good day.')", "says": "Good day."}


@pytest.mark.parametrize("event", ["bot_speaking", "streaming", "hangup"])
def test_a_step_that_does_not_come_true_fails_the_script_and_hangs_up(event: ScriptEvent) -> None:
    line = Line()
    call = line.streaming(Wait(event, within_s=1), params={})
    line.tick(49)
    assert line.report(call).state == "answered"
    line.tick(2)
    report = line.report(call)
    assert report.failed == (f"step 1 (wait {event}): {event} did not come in 1 s",)
    assert report.hangup_source == "caller"


def test_a_caller_gives_up_when_nobody_answers() -> None:
    line = Line()
    call = line.ring(Play(CLIP))
    line.tick(30 * 50)
    payload = line.payload("call.hangup")
    assert payload["hangup_cause"] == "originator_cancel"
    assert payload["hangup_source"] == "caller"
    assert payload["sip_hangup_cause"] == "487"
    assert payload["call_quality_stats"] is None
    assert line.report(call).failed == ("step 1 (play): answered did not come in 30 s",)


def test_a_call_that_ends_too_early_fails_the_script() -> None:
    line = Line()
    call = line.streaming(Wait("streaming"), Play(CLIP), Press("1"), HangUp())
    line.tick(5)
    line.command(call, "hangup")
    assert line.report(call).failed == ("the call ended before step 2 (play) was done",)


def pressed(line: Line, call: str) -> list[object]:
    return [entry.detail["digit"] for entry in line.report(call).tape if entry.kind == "dtmf"]


def test_a_key_that_ends_the_call_was_pressed() -> None:
    line = Line()
    call = line.streaming(Wait("streaming"), Press("15"), HangUp())
    while pressed(line, call) != ["1", "5"]:
        line.tick()
    line.command(call, "hangup")
    assert line.report(call).failed == ()


def test_a_key_that_was_never_pressed_is_missed() -> None:
    line = Line()
    call = line.streaming(Wait("streaming"), Press("15"), HangUp())
    while pressed(line, call) != ["1"]:
        line.tick()
    line.command(call, "hangup")
    assert line.report(call).failed == ("the call ended before step 2 (press 15) was done",)


def test_what_only_waits_for_the_end_is_not_missed() -> None:
    line = Line()
    call = line.streaming(Wait("streaming"), Wait("bot_silent", for_s=9), HangUp())
    line.tick(5)
    line.command(call, "hangup")
    assert line.report(call).failed == ()


def test_a_script_without_a_last_hangup_stays_on_the_line() -> None:
    line = Line()
    call = line.streaming(Wait("streaming"))
    line.tick(3000)
    assert line.report(call).state == "answered"


# ---- expectations -----------------------------------------------------------------------------


def echo(delay_ticks: int) -> Any:
    """A bot that sends everything back, later."""

    def bot(line: Line, frame: Frame) -> None:
        if frame["event"] == "media" and len(line.of("media")) > delay_ticks:
            payload = line.of("media")[-1 - delay_ticks]["media"]["payload"]
            line.send(json.dumps({"event": "media", "media": {"payload": payload}}))

    return bot


def speech_like(seconds: float) -> Clip:
    noise = np.random.default_rng(1).normal(0, 3000, round(seconds * 8000))
    return Clip(noise.clip(-20000, 20000).astype(np.int16), 8000)


def test_an_echo_is_recognised_with_its_delay() -> None:
    bounds = {"delay_s": {"at_most": 0.25}, "correlation": {"at_least": 0.9}}
    line = Line(bot=echo(9))
    call = line.streaming(
        Wait("streaming"), Play(speech_like(2)), Wait("bot_silent"), HangUp(),
        expect=(claim("bot_heard_like_caller", bounds),),
    )  # fmt: skip
    line.tick(300)
    assert line.report(call).failed == ()


def test_an_echo_that_comes_too_late_or_not_at_all_is_a_failure() -> None:
    late = Line(bot=echo(9))
    silent = Line()
    failures: list[tuple[str, ...]] = []
    for line in (late, silent):
        call = line.streaming(
            Wait("streaming"), Play(speech_like(1)), Wait("bot_silent"), HangUp(),
            expect=(claim("bot_heard_like_caller", {"delay_s": {"at_most": 0.1}}),),
        )  # fmt: skip
        line.tick(300)
        failures.append(line.report(call).failed)
    [[first], [second]] = failures
    assert first == "bot_heard_like_caller.delay_s: expected at most 0.1, found 0.2"
    assert second == "bot_heard_like_caller: nothing to measure in this call"


@pytest.mark.parametrize(
    ("name", "demand"),
    [
        ("bot_spoke_s", {"at_least": 0.1}),
        ("marks_returned", {"at_least": 1}),
        ("cleared", True),
        ("bridged", True),
        ("silent_after_clear_s", {"at_least": 0}),
        ("hangup_cause", "user_busy"),
        ("duration_s", {"at_least": 99}),
        ("stream_errors", {"at_least": 1}),
    ],
)
def test_every_claim_can_fail(name: str, demand: object) -> None:
    line = Line()
    call = line.streaming(Wait("streaming"), HangUp(), expect=(claim(name, demand),))
    line.tick(5)
    [failure] = line.report(call).failed
    assert failure.startswith(name)


def test_silence_after_a_clear_is_measured_to_the_next_sound() -> None:
    line = Line()
    call = line.streaming(*STAY, expect=(claim("silent_after_clear_s", {"at_least": 0.3}),))
    line.send(media(ulaw(tone(1000))))
    line.tick(5)
    line.send(CLEAR)
    line.tick(10)
    line.send(media(ulaw(tone(100))))
    line.tick(10)
    line.command(call, "hangup")
    [failure] = line.report(call).failed
    assert failure == "silent_after_clear_s: expected at least 0.3, found 0.2"
