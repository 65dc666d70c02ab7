"""Engines that go wrong: each way has an outcome that is known before.

Whole calls in virtual time. Where that is in question, a second call at the same time and with the
same engines is not touched."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import pytest

from callbridge import App, Call, Turn
from callbridge.errors import SettingsError, SpeechFailed
from callbridge.speech.ending import TurnContext
from callbridge.speech.engines import Speech, Vad, Word
from callbridge.speech.espeak import Espeak
from callbridge.testing import HangUp, Pair, Wait, caller, says, tone
from callbridge.testing.speech import LoudnessVad, PitchRecogniser, pitched
from telecodecs import Pcm, silence
from tests.callbridge.does import Does
from tests.callbridge.hummed import (
    EAR,
    HELLO,
    LEAVES_IT,
    QUIET,
    STOP,
    TEXTS,
    SlowJobs,
    apologised,
    asks,
    errors,
    hummed_s,
    loud_s,
    parrot,
    says_s,
)

HANGS = 760.0
HANGS_S = 1000.0  # so long an engine does not come back
SORRY = "Sorry, I did not get that."


@pytest.fixture
def engines() -> Speech:
    """Those that go well; a test that has others gives them as its parameter."""
    return EAR


@pytest.fixture
def app(engines: Speech) -> App:
    return App(speech=engines)


def raises(error: BaseException) -> Callable[[], Any]:
    def behaviour() -> Any:
        raise error

    return behaviour


# ---- recognisers --------------------------------------------------------------------------------


class BadRecogniser:
    """Right for all but HELLO."""

    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self._behaviour = behaviour
        self._good = PitchRecogniser(TEXTS)

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        text = self._good.transcribe(pcm, sample_rate)
        return cast("str", self._behaviour()) if text == TEXTS[HELLO] else text


def mishearing(behaviour: Callable[[], Any]) -> Speech:
    return replace(EAR, recogniser=BadRecogniser(behaviour))


NO = mishearing(raises(ValueError("no")))


class Desk:
    """Listens once, and keeps whether it understood and why not."""

    async def __call__(self, call: Call) -> None:
        turn = await call.listen()
        self.understood, self.why = bool(turn), turn.failed


@pytest.mark.parametrize(
    ("engines", "why"),
    [
        (mishearing(raises(ValueError("bad weights"))), "raised ValueError: bad weights"),
        (mishearing(raises(SettingsError("no model"))), "raised SettingsError: no model"),
        (mishearing(lambda: None), "returned NoneType, not text"),
        (mishearing(lambda: b"hello"), "returned bytes, not text"),
        (mishearing(lambda: "la " * 33_333), "returned 99999 characters"),
    ],
    ids=["raises", "no model", "none", "bytes", "100 kB"],
)
async def test_a_bad_recogniser_makes_a_failed_turn_and_level_one_says_sorry(
    app: App, pair: Pair, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(parrot)
    stop = (says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET)
    bad, good = await asyncio.gather(
        pair.call(asks(Wait("bot_speaking", 0.3), QUIET, *stop)), pair.call(caller(*stop))
    )
    assert hummed_s(good) == pytest.approx(says_s("You said stop that now."), abs=0.05)
    assert not bad.failed
    expected = says_s(SORRY) + says_s("You said stop that now.")
    assert hummed_s(bad) == pytest.approx(expected, abs=0.05)
    assert app.service.calls.counts.bots_crashed == 0
    speech = app.service.studio().counts
    assert (speech.failed_turns, speech.turns) == (1, 2)
    (error,) = errors(caplog, "a turn was not understood")
    assert why in error["why"]


@pytest.mark.parametrize("engines", [NO])
async def test_level_two_is_told_of_a_turn_that_failed(app: App, pair: Pair) -> None:
    desk = Desk()
    app.call(desk)
    await pair.call(asks(LEAVES_IT))
    assert (desk.understood, desk.why) == (False, "the engine raised ValueError: no")


@pytest.mark.parametrize("engines", [NO])
@pytest.mark.virtual(expect_crash=SpeechFailed)
async def test_who_is_never_understood_is_told_so_three_times_and_then_let_go(
    app: App, pair: Pair
) -> None:
    app.reply()(parrot)
    again = (says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), Wait("bot_silent", 1.5))
    report = await pair.call(caller(*again, *again, *again, says(tone(1.0, HELLO)), LEAVES_IT))
    assert hummed_s(report) == pytest.approx(3 * says_s(SORRY), abs=0.1)
    assert apologised(report)
    assert report.hung_up_by == "bot"
    assert app.service.calls.counts.bots_crashed == 1
    assert app.service.studio().counts.failed_turns == 4


def taking(seconds: float, text: str) -> SlowJobs:
    """Engines whose result comes so late if it is this text."""
    return SlowJobs(lambda result: seconds if getattr(result, "text", None) == text else 0.0)


@pytest.mark.virtual(jobs=taking(HANGS_S, "hang"))
@pytest.mark.parametrize("engines", [pitched({**TEXTS, HANGS: "hang"})])
async def test_a_recogniser_that_hangs_costs_one_turn_fifteen_seconds_and_no_other(
    app: App, pair: Pair
) -> None:
    app.reply()(parrot)
    hangs = await pair.ring(
        says(tone(1.0, HANGS)), Wait("bot_speaking", 0.3, within_s=40), QUIET,
        says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), QUIET, HangUp(),
    )  # fmt: skip
    await asyncio.sleep(20.0)
    good = await pair.call(asks())
    assert hummed_s(good) == pytest.approx(says_s("You said hello there."), abs=0.05)
    report = await hangs.over()
    sounds_at = float(np.flatnonzero(report.bot)[0]) / 8000
    assert 16.0 < sounds_at < 17.5  # the call, a second of speech, the pause, the patience
    expected = says_s(SORRY) + says_s("You said hello there.")
    assert hummed_s(report) == pytest.approx(expected, abs=0.05)
    studio = app.service.studio()
    assert (studio.hearing.hung, studio.hearing.stuck) == (1, 1)
    assert (studio.counts.failed_turns, studio.counts.turns) == (1, 2)
    await asyncio.sleep(HANGS_S)
    assert studio.hearing.stuck == 0


@pytest.mark.virtual(jobs=taking(3.0, TEXTS[HELLO]))
@pytest.mark.parametrize("after_s", [0.2, 0.4, 0.7, 1.0])
async def test_a_call_may_end_while_its_speech_is_recognised(
    app: App, pair: Pair, after_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(parrot)
    await pair.call(asks(Wait("bot_silent", after_s)))
    report = await pair.call(caller(says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET))
    assert hummed_s(report) > 1.0
    assert app.service.studio().counts.failed_turns == 0
    assert not errors(caplog, "")


@pytest.mark.virtual(jobs=taking(2.0, TEXTS[HELLO]))
async def test_too_many_at_once_are_told_sorry_and_finals_go_before_guesses(
    app: App, pair: Pair
) -> None:
    """Forty speak at the same moment, the recogniser takes two seconds for each."""
    app.reply()(parrot)
    script = asks(Wait("bot_speaking", 0.3, within_s=200), QUIET)
    reports = await asyncio.gather(*(pair.call(script) for _ in range(40)))
    assert not any(report.failed for report in reports)
    sorry = [r for r in reports if hummed_s(r) == pytest.approx(says_s(SORRY), abs=0.05)]
    # One guess had the worker, 32 finals could wait, and all but one had waited too long.
    assert len(sorry) == 38
    speech = app.service.studio().counts
    assert (speech.turns, speech.failed_turns) == (2, 38)
    text = app.service.metrics.text().decode()
    assert 'callbridge_speech_work_turned_away_total{pool="hearing"} 38.0' in text
    assert 'callbridge_speech_work_done_total{pool="hearing"} 2.0' in text
    assert 'callbridge_speech_work_queued{pool="hearing"} 0.0' in text
    assert "callbridge_speech_failed_turns_total 38.0" in text
    assert "callbridge_speech_turns_total 2.0" in text
    assert 'callbridge_turn_seconds_count{step="first_heard"} 40.0' in text
    assert 'callbridge_turn_seconds_bucket{le="0.7",step="turn_ended"} 40.0' in text


# ---- synthesisers -------------------------------------------------------------------------------


class BadSynthesiser:
    """Hums, but for a sentence with "bad" in it."""

    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self._behaviour = behaviour

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        if "bad" in text:
            return cast("Sequence[Word]", self._behaviour())
        return EAR.synthesiser.speak(text, sample_rate)


def misspeaking(behaviour: Callable[[], Any]) -> Speech:
    return replace(EAR, synthesiser=BadSynthesiser(behaviour))


NO_VOICE = misspeaking(raises(OSError("no voice")))


async def says_a_bad_one_to_hello(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield "A good one. "
    yield "A bad one." if turn.text == TEXTS[HELLO] else "Another one."


class PlaysInstead:
    """Says a bad one, and plays a tone when it has no voice."""

    async def __call__(self, call: Call) -> None:
        with pytest.raises(SpeechFailed, match="no voice"):
            await call.say("A bad one.")
        self.played = await call.play(tone(0.5))


async def says_hang_to_hello(call: Call, turn: Turn) -> str:
    return "hang" if turn.text == TEXTS[HELLO] else "I am back."


def on_saying_hang(result: object) -> float:
    """Seconds that the voice takes."""
    spoken = str(cast("Any", result)[0]) if isinstance(result, tuple) else ""
    return HANGS_S if "hang" in spoken else 0.0


BAD_SOUNDS: dict[str, tuple[Callable[[], Any], str]] = {
    "raises": (raises(OSError("no voice")), "raised OSError: no voice"),
    "none": (lambda: None, "raised TypeError"),
    "nothing": (list[Word], "returned no sound for 'A bad one.'"),
    "silent": (lambda: [Word("A bad one.", silence(0))], "returned no sound"),
    "float32": (
        lambda: [Word("A ", cast("Pcm", np.zeros(800, np.float32)))],
        r"\(n,\) float32 as sound",
    ),
    "stereo": (
        lambda: [Word("A ", np.zeros((2, 8), np.int16))],
        r"returned \(2, 8\) int16 as sound",
    ),
    "bytes": (lambda: [Word("A ", cast("Pcm", bytes(800)))], "returned bytes as sound"),
    "no text": (
        lambda: [Word(cast("str", None), tone(0.1))],
        "returned a NoneType as a word's text",
    ),
    "no words": (lambda: [tone(0.1)], "raised ValueError"),
    "an hour": (lambda: [Word("A", silence(8000 * 3600))], "returned over 60 s for"),
    "endless": (
        lambda: (Word("A", tone(1.0)) for _ in itertools.count()),
        "returned over 60 s for",
    ),
}


@pytest.mark.parametrize(
    ("engines", "why"),
    [
        pytest.param(misspeaking(behaviour), why, id=name)
        for name, (behaviour, why) in BAD_SOUNDS.items()
    ],
)
@pytest.mark.virtual(expect_crash=SpeechFailed)
async def test_a_bad_synthesiser_ends_the_call_with_an_apology_after_what_was_said(
    app: App, pair: Pair, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(says_a_bad_one_to_hello)
    bad, good = await asyncio.gather(
        pair.call(asks(LEAVES_IT)),
        pair.call(caller(says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET)),
    )
    assert hummed_s(good) == pytest.approx(says_s("A good one. Another one."), abs=0.05)
    assert hummed_s(bad) == pytest.approx(says_s("A good one. "), abs=0.05)
    assert apologised(bad)
    assert bad.hung_up_by == "bot"
    assert app.service.calls.counts.bots_crashed == 1
    assert app.service.studio().speaking.failed == 1
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(SpeechFailed, match=why):
        raise error["exc_info"][1]


@pytest.mark.parametrize("engines", [NO_VOICE])
async def test_level_two_can_go_on_without_a_voice(app: App, pair: Pair) -> None:
    bot = PlaysInstead()
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    assert bot.played.stop == "finished"


@pytest.mark.virtual(jobs=SlowJobs(on_saying_hang), expect_crash=SpeechFailed)
async def test_a_synthesiser_that_hangs_is_given_up_or_interrupted(app: App, pair: Pair) -> None:
    app.reply()(says_hang_to_hello)
    # Nobody has to wait for it: who goes on speaking is answered.
    report = await pair.call(
        asks(
            Wait("bot_silent", 3.0), says(tone(1.0, STOP)),
            Wait("bot_speaking", 0.3, within_s=40), QUIET,
        )
    )  # fmt: skip
    assert hummed_s(report) == pytest.approx(says_s("I am back."), abs=0.05)
    # And who waits is let go, with an apology.
    assert apologised(await pair.call(asks(LEAVES_IT)))
    speaking = app.service.studio().speaking
    assert (speaking.hung, speaking.stuck) == (2, 2)
    await asyncio.sleep(HANGS_S)
    assert speaking.stuck == 0


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


class DeafVad:
    window = 256

    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self._behaviour = behaviour

    def probability(self, pcm: Pcm) -> float:
        return cast("float", self._behaviour())


class Windowless(LoudnessVad):
    window = 0


def detecting(vad: Callable[[], Vad]) -> Speech:
    return replace(EAR, vad=vad)


BAD_PROBABILITIES: dict[str, Callable[[], Any]] = {
    "raises": raises(ValueError("bad state")),
    "nan": lambda: float("nan"),
    "none": lambda: None,
    "17": lambda: 17.0,
    "numpy's nan": lambda: np.float32("nan"),
}


@pytest.mark.parametrize(
    "engines",
    [
        pytest.param(detecting(partial(BadVad, behaviour, 5)), id=name)
        for name, behaviour in BAD_PROBABILITIES.items()
    ],
)
async def test_a_voice_detector_that_fails_for_a_moment_misses_that_moment(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(parrot)
    report = await pair.call(asks())
    assert hummed_s(report) == pytest.approx(says_s("You said hello there."), abs=0.05)
    speech = app.service.studio().counts
    assert (speech.deaf_windows, speech.turns, speech.failed_turns) == (5, 1, 0)
    assert len(errors(caplog, "the voice detector failed")) == 1


@pytest.mark.parametrize(
    "engines",
    [
        pytest.param(detecting(partial(DeafVad, behaviour)), id=name)
        for name, behaviour in BAD_PROBABILITIES.items()
    ],
)
@pytest.mark.virtual(expect_crash=SpeechFailed)
async def test_a_bot_that_stays_deaf_says_so_and_ends_the_call(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(parrot)
    report = await pair.call(asks(LEAVES_IT))
    assert hummed_s(report) == pytest.approx(3 * says_s(SORRY), abs=0.1)
    assert apologised(report)
    assert report.hung_up_by == "bot"
    assert report.duration_s < 15
    assert app.service.studio().counts.failed_turns >= 4
    assert "the voice detector" in errors(caplog, "a turn was not understood")[0]["why"]


@pytest.mark.parametrize("engines", [detecting(Windowless)])
@pytest.mark.virtual(expect_crash=SettingsError)
async def test_a_voice_detector_without_a_window_is_refused(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(parrot)
    assert apologised(await pair.call(caller(LEAVES_IT)))
    (error,) = errors(caplog, "the bot raised")
    assert isinstance(error["exc_info"][1], SettingsError)


# ---- judges of endings ---------------------------------------------------------------------------


class BadJudge:
    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self._behaviour = behaviour

    def probability(self, audio: Pcm, text: str, context: TurnContext) -> float:
        return cast("float", self._behaviour())


@pytest.mark.parametrize(
    "engines",
    [
        pytest.param(replace(EAR, ending=BadJudge(behaviour)), id=name)
        for name, behaviour in BAD_PROBABILITIES.items()
    ],
)
async def test_a_bad_judge_leaves_turns_to_the_clock_and_is_told_of_once(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(parrot)
    answered = (Wait("bot_speaking", 0.3), QUIET)
    report = await pair.call(asks(*answered, says(tone(1.0, HELLO)), *answered))
    assert hummed_s(report) == pytest.approx(2 * says_s("You said hello there."), abs=0.1)
    told = [each for each in caplog.records if "could not be judged" in each.message]
    assert len(told) == 1
    assert told[0].exc_info


# ---- engines that are not there -----------------------------------------------------------------

JINGLE = "+13125550101"


class Unloadable(PitchRecogniser):
    def load(self) -> None:
        raise SettingsError("no model here")


class Loadable(PitchRecogniser):
    """Keeps what it was asked to do, in order."""

    def __init__(self) -> None:
        super().__init__(TEXTS)
        self.order: list[str] = []

    def load(self) -> None:
        self.order.append("load")

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        self.order.append("transcribe")
        return super().transcribe(pcm, sample_rate)


@pytest.mark.parametrize("engines", [None])
@pytest.mark.virtual(speech="own", expect_crash=SettingsError)
async def test_without_engines_the_caller_hears_the_apology_and_the_log_says_what_to_install(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    app.call(Does(lambda call: call.say("Hi.")))
    app.call(JINGLE)(Does(lambda call: call.play(tone(0.5))))
    report = await pair.call(caller(LEAVES_IT))
    assert apologised(report)
    assert report.hung_up_by == "bot"
    # Who needs none is not touched.
    report = await pair.call(caller(LEAVES_IT, to=JINGLE))
    assert loud_s(report.bot, 440.0) == pytest.approx(0.5, abs=0.05)
    assert app.service.calls.counts.bots_crashed == 1
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(SettingsError, match=r"install the extra callbridge\[speech\]"):
        raise error["exc_info"][1]


@pytest.mark.parametrize("engines", [replace(EAR, synthesiser=Espeak(voice="tlhIngan"))])
@pytest.mark.virtual(expect_crash=SpeechFailed)
async def test_a_voice_that_does_not_exist_is_named_with_those_that_do(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("espeakng_loader")
    app.reply()(parrot)
    assert apologised(await pair.call(asks(LEAVES_IT)))
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(SpeechFailed, match="SettingsError: espeak-ng has no voice 'tlhIngan'; it"):
        raise error["exc_info"][1]


@pytest.mark.parametrize("engines", [replace(EAR, recogniser=Unloadable(TEXTS))])
async def test_a_recogniser_that_does_not_load_is_said_at_once_and_costs_no_call_its_life(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.reply()(parrot)
    assert hummed_s(await pair.call(asks())) > 0.5
    (why,) = (vars(r)["why"] for r in caplog.records if "not loaded" in r.message)
    assert "no model here" in why


@pytest.mark.parametrize("engines", [replace(EAR, recogniser=Loadable())])
async def test_a_recogniser_is_loaded_before_the_first_turn_needs_it(
    app: App, pair: Pair, engines: Speech
) -> None:
    app.reply()(parrot)
    await pair.call(asks())
    await pair.call(asks())
    assert isinstance(engines.recogniser, Loadable)
    assert engines.recogniser.order == ["load", "transcribe", "transcribe"]
